"""Evidence between the two likeliest classes, up to where a sequential test decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.allocation.base import GainPolicy, Tasks
from peerannot.allocation.registry import POLICIES

__all__ = ["LikelihoodRatio"]

TIE = 1e-6


@POLICIES.register("likelihood-ratio", "SPRT")
@dataclass(frozen=True, kw_only=True)
class LikelihoodRatio(GainPolicy):
    r"""Pairs whose answer brings most of the evidence that a sequential test needs to decide.

    Of the two likeliest classes a and b of a task the test decides for a once the odds
    :math:`L = \log(z_a / z_b)` reach :math:`A = \log((1 - e) / e)`, with e the chance of error
    that is allowed. If a is right, one more answer of a worker with confusion matrix C adds

    .. math::
        D = \sum_l C_{al} \log(C_{al} / C_{bl})

    on average, so the gain is :math:`\min(D, A - L) / A`: the share of a whole decision; nothing
    beyond the bound counts. Which worker is asked follows from D, per cost. Among tasks where an
    answer brings as much, the most doubtful goes first. A task whose odds have reached A is done.

    When to use: labels are to be wrong at most so often, and budget is left for all tasks in
    the end. It needs the skills of workers. The odds are those of the posterior, so the test begins
    at the prior; the rule ``--stop error=e`` leaves the prior out.

    Parameters
    ----------
    error
        Chance of error e.

    Notes
    -----
    Cost: O(K^3) a worker or group, O(K) a task. The error holds as far as the strategy's
    probabilities do.

    References
    ----------
    Wald, A. (1945). Sequential tests of statistical hypotheses. Annals of Mathematical Statistics
    16, for the bound. Chernoff, H. (1959). Sequential design of experiments. Annals of
    Mathematical Statistics 30, section 3, for the choice of the worker, as though a were right.
    """

    unit = "decisions"
    nothing_left: ClassVar[str] = "likelihood ratio decides"

    error: float = option(0.05, above=0, below=0.5, help="chance of error that is allowed")

    @property
    def bound(self) -> float:
        return math.log(1 / self.error - 1)

    def gain(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        first, second, way = self._way(posterior)
        logs = np.log(np.maximum(channel, 1e-300))
        own = (channel * logs).sum(-1)
        drift = own[..., None] - channel @ np.swapaxes(logs, -1, -2)
        brought = np.maximum(drift[..., first, second], 0.0)
        return np.asarray(posterior.sum(1) * np.minimum(brought, way) / self.bound)

    def perfect(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(posterior.sum(1) * self._way(posterior)[2] / self.bound)

    def value(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        doubt = self._way(posterior)[2] / self.bound
        return self.gain(posterior, channel) * (1 + TIE * doubt)

    def most_value(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.perfect(posterior) * (1 + TIE)

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        _, _, way = self._way(tasks.posterior(np.array([task])))
        odds, bound = math.exp(self.bound - float(way[0])), math.exp(self.bound)
        return f"odds {odds:.3g} of {bound:.3g}, {tasks.n_answers[task]} answers"

    def _way(
        self, posterior: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The two likeliest classes of each row, and how far their odds are from the bound."""
        rows = np.arange(len(posterior))
        first = posterior.argmax(1)
        rest = posterior.copy()
        rest[rows, first] = -1.0
        second = rest.argmax(1)
        top, next_ = posterior[rows, first], np.maximum(rest[rows, second], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(top) - np.log(next_)
        return first, second, np.where(top > 0, np.clip(self.bound - odds, 0.0, None), 0.0)
