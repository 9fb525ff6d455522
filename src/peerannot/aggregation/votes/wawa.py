"""Votes weighted by each worker's agreement with the vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.checkpoint import Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import WeightedRule, right_votes

__all__ = ["Wawa", "share_right", "totals_of"]


def totals_of(parts: Parts) -> NDArray[np.float64]:
    """Sum of the weights of each worker's answers in all partitions."""
    return np.asarray(parts.sum(_total)[0])


def _total(part: Part) -> tuple[Any, ...]:
    return (part.answers.weight_per_worker,)


def share_right(right: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right answers over all; 0 where there are none."""
    return np.divide(right, total, out=np.zeros_like(right), where=total > 0)


@STRATEGIES.register("wawa")
@dataclass(frozen=True, kw_only=True)
class Wawa(WeightedRule):
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

    def weigh(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], Fit]:
        total = totals_of(parts)
        skill = share_right(parts.sum(_right, self, None)[0], total)
        if self.ties in ("share", "abstain"):
            skill = share_right(parts.sum(_right, self, skill)[0], total)
        return skill, Fit(None, skill=skill)


def _right(part: Part, rule: Wawa, skill: NDArray[np.float64] | None) -> tuple[Any, ...]:
    """Weight of each worker's answers that equal the majority, its ties settled by skills."""
    return (right_votes(part, rule, skill, majority=skill is not None),)
