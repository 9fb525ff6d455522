"""What an answer tells of the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.base import GainPolicy
from peerannot.allocation.registry import POLICIES

__all__ = ["MutualInformation", "information"]


def _entropies(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of rows of any sum m: m times the entropy of what they are in proportion."""
    total = rows.sum(-1)
    logs = np.log(np.where(rows > 0, rows, 1.0))
    logs *= rows
    return np.asarray(total * np.log(np.where(total > 0, total, 1.0)) - logs.sum(-1))


def information(
    posterior: NDArray[np.float64], channel: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mutual information of the class and one answer in nats, (..., n); see
    `MutualInformation`."""
    after = (posterior @ _entropies(channel)[..., None])[..., 0]
    gained = _entropies(posterior @ channel) - after
    return np.maximum(gained, 0.0)


@POLICIES.register("mutual-information", "MI")
@dataclass(frozen=True, kw_only=True)
class MutualInformation(GainPolicy):
    r"""Pairs whose answer tells most of the class.

    .. math:: I(z; y) = H(y) - \sum_k p(z = k) H(y \mid z = k)

    It counts answers that could not change the label by themselves, which `expected-accuracy` does
    not. A worker who is wrong in a known way tells as much as one who is right.

    When to use: by default. It needs the skills of workers.

    Notes
    -----
    Cost: O(K^2) a task and worker or group of workers that is looked at.

    References
    ----------
    Lindley, D. V. (1956). On a measure of the information provided by an experiment. Annals of
    Mathematical Statistics 27.
    """

    unit = "nats"

    def gain(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return information(posterior, channel)

    def perfect(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(_entropies(posterior), 0.0)
