"""How much more often the label is right after one more answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.base import GainPolicy
from peerannot.allocation.mutual_information import MutualInformation, information
from peerannot.allocation.registry import POLICIES

__all__ = ["ExpectedAccuracy"]

TIE = 1e-6


@POLICIES.register("expected-accuracy", "QASCA")
@dataclass(frozen=True, kw_only=True)
class ExpectedAccuracy(GainPolicy):
    r"""Pairs whose answer raises the expected accuracy of the labels most.

    With posterior z and confusion matrix C of the worker, the answer l comes with probability
    :math:`\sum_k z_k C_{kl}`, and the label is then right with :math:`\max_k z_k C_{kl}` over
    that.
    So the gain is

    .. math:: \sum_l \max_k z_k C_{kl} - \max_k z_k

    It is 0 where no single answer changes the label, which is common: a millionth of the mutual
    information breaks ties.

    When to use: the share of right labels at the end of this very budget is what counts, and the
    budget is small. It needs the skills of workers.

    Notes
    -----
    Cost: O(K^2) a task and worker or group of workers that is looked at.

    References
    ----------
    Zheng, Y., Wang, J., Li, G., Cheng, R. and Feng, J. (2015). QASCA: a quality-aware task
    assignment system for crowdsourcing applications. SIGMOD, section 4, for accuracy. There the
    answer is drawn once; here its expectation is in closed form.
    """

    unit = "accuracy"

    def gain(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # Class by class over all rows, which are then contiguous: three times as fast.
        columns = np.ascontiguousarray(posterior.T)
        after = np.zeros((*channel.shape[:-2], len(posterior)))
        one, best = np.empty_like(after), np.empty_like(after)
        for answer in range(channel.shape[-1]):
            for k, column in enumerate(columns):
                np.multiply(column, channel[..., k, answer, None], out=one if k else best)
                if k:
                    np.maximum(best, one, out=best)
            after += best
        return np.asarray(np.maximum(after - posterior.max(1), 0.0))

    def perfect(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(posterior.sum(1) - posterior.max(1))

    def value(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.gain(posterior, channel) + TIE * information(posterior, channel)

    def most_value(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.perfect(posterior) + TIE * MutualInformation().perfect(posterior)
