"""Votes weighted by each worker's agreement with the vote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.support import Support
from peerannot.aggregation.votes import vote_fit
from peerannot.answers import Answers

__all__ = ["Wawa", "agreement", "share_right", "worker_weight"]


def worker_weight(answers: Answers) -> NDArray[np.float64]:
    """Sum of the weights of each worker's answers (their number, where all are 1)."""
    return np.bincount(answers.worker, weights=answers.weight, minlength=answers.n_workers).astype(
        np.float64
    )


def agreement(
    answers: Answers, support: Support, winner: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each worker's answers that equal the winner, float64 (n_workers,).

    An answer that is one of m tied winners counts 1/m. A worker without answers gets 0.
    """
    return share_right(support.worker_sums(answers, winner), worker_weight(answers))


def share_right(right: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right answers over all; 0 where there are none."""
    return np.divide(right, total, out=np.zeros_like(right), where=total > 0)


@STRATEGIES.register("wawa")
@dataclass(frozen=True, kw_only=True)
class Wawa(Strategy):
    r"""Worker agreement with aggregate: one vote weighted by agreement with the majority.

    .. math::
        s_j = \frac{1}{n_j} \sum_i 1[y_{ij} = \hat y_i^{MV}], \qquad
        z_{ik} \propto \sum_j s_j 1[y_{ij} = k]

    The posterior is the shares of the weighted votes; the skill is :math:`s_j`. Under
    ``ties="first"`` and ``"random"`` one of tied majorities is taken when agreement is counted.
    Else a tie is settled by the weights of a first round, in which each of m tied classes
    counts 1/m; so no order of classes plays a part.

    Notes
    -----
    Cost: three passes over the answers. A known (gold) class takes the place of the majority.
    Weights are never negative: a worker who always errs still counts a little, see `IWMV`.

    References
    ----------
    Appen (2021). Calculating worker agreement with aggregate (Wawa).
    """

    takes_gold: ClassVar[bool] = True

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        winner = support.winners(support.votes(answers))

        def right(skill: NDArray[np.float64] | None) -> NDArray[np.float64]:
            return self._right(answers, support, winner, start.gold, skill)

        skill = self._skill(right, worker_weight(answers))
        score = support.votes(answers, skill)
        fit = vote_fit(answers, support, score, self.ties, self.seed, hard=False, gold=start.gold)
        fit.skill = skill
        return fit

    def _skill(
        self,
        right: Callable[[NDArray[np.float64] | None], NDArray[np.float64]],
        total: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Skills from what `_right` says of all answers, wherever they are."""
        skill = share_right(right(None), total)
        return share_right(right(skill), total) if self.ties in ("share", "abstain") else skill

    def _right(
        self,
        answers: Answers,
        support: Support,
        winner: NDArray[np.float64],
        gold: NDArray[np.int32],
        skill: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        """Weight of each worker's answers that equal the majority, its ties settled by skills."""
        if skill is not None:
            weighted = support.votes(answers, skill)
            winner = support.winners(np.where(winner > 0, weighted, -np.inf))
        decided = support.decide(winner, self.ties, self.seed, gold)
        return support.worker_sums(answers, decided)
