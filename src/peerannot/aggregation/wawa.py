"""Votes weighted by each worker's agreement with the vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.support import Support
from peerannot.aggregation.votes import vote_fit
from peerannot.answers import Answers

__all__ = ["Wawa", "agreement"]


def agreement(
    answers: Answers, support: Support, winner: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each worker's answers that equal the winner, float64 (n_workers,).

    An answer that is one of m tied winners counts 1/m. A worker without answers gets 0.
    """
    right = _right(support.ptr, support.slot, answers.worker, winner, answers.n_workers)
    return np.asarray(right / np.maximum(answers.answers_per_worker, 1))


@compiled()
def _right(ptr: Any, slot: Any, worker: Any, winner: Any, n: int) -> Any:  # pragma: no cover
    right = np.zeros(n, np.float64)
    for i in range(ptr.size - 1):
        for a in range(ptr[i], ptr[i + 1]):
            right[worker[a]] += winner[ptr[i] + slot[a]]
    return right


@STRATEGIES.register("wawa")
@dataclass(frozen=True, kw_only=True)
class Wawa(Strategy):
    """Worker agreement with aggregate: one vote weighted by agreement with the majority.

    ``s_j`` = share of worker j's answers equal to the majority vote; then
    ``argmax_k sum_j s_j 1[y_ij = k]``. The posterior is the shares of the weighted votes.
    Cost: two passes over the answers.

    References
    ----------
    Appen, "How to calculate worker agreement with aggregate (Wawa)".
    """

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        winner = support.winners(support.votes(answers))
        skill = agreement(answers, support, winner)
        fit = vote_fit(
            answers, support, support.votes(answers, skill), self.ties, self.seed, hard=False
        )
        fit.skill = skill
        return fit
