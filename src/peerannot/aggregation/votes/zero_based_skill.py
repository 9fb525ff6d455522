"""Zero-based skill: agreement learned in small steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.checkpoint import Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.votes.rules import WeightedRule, right_votes
from peerannot.aggregation.votes.wawa import share_right, totals_of

__all__ = ["ZeroBasedSkill"]


@STRATEGIES.register("zero-based-skill", "ZBS")
@dataclass(frozen=True, kw_only=True)
class ZeroBasedSkill(WeightedRule):
    r"""Iterated `Wawa` whose skills move by a learning rate that falls.

    From equal skills just over chance, until no skill moves by more than ``tol``:

    .. math::
        \hat y_i = \arg\max_k \sum_j s_j 1[y_{ij} = k], \qquad
        s_j \leftarrow s_j + \eta \Big(\frac{1}{n_j} \sum_i 1[y_{ij} = \hat y_i] - s_j\Big)

    The posterior is the shares of the weighted votes.

    Parameters
    ----------
    rate
        First learning rate :math:`\eta`.
    steps
        Rounds after which the rate is multiplied by ``decay``, again and again.
    decay
        See ``steps``.
    tol
        Largest move of a skill, before the rate, that counts as rest.
    max_iter
        Most rounds.

    Notes
    -----
    Cost: O(answers) a round. Other implementations run all 100 rounds; here it stops when skills
    rest, mostly within 10.

    References
    ----------
    Ustalov, D., Pavlichenko, N. and Tseitlin, B. (2024). Learning from crowds with Crowd-Kit.
    JOSS 9(96), 6227, names it; it was made at Toloka.
    """

    grow = None  # type: ignore[assignment]

    rate: float = option(1.0, above=0.0, at_most=1.0, help="first learning rate")
    steps: int = option(20, at_least=1, help="rounds between cuts of the rate")
    decay: float = option(0.5, above=0.0, at_most=1.0, help="factor of each cut of the rate")
    tol: float = option(1e-5, above=0.0, help="largest move of a skill at rest")
    max_iter: int = option(100, at_least=1, help="most rounds")

    def weigh(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], Fit]:
        total, k = totals_of(parts), len(parts.shape.classes)
        skill = np.full(total.size, min(1.0, 1.0 / k + 1e-5))
        rate, rests, rounds = self.rate, False, 0
        saved = checkpoint.load()
        if saved is not None:
            skill, rate, rests = saved["skill"], float(saved["rate"]), bool(saved["rests"])
            rounds = int(saved["n_iter"])
        idle = total == 0
        while not rests and rounds < self.max_iter:
            (right,) = parts.sum(_right, self, skill)
            gap = share_right(right, total) - skill
            gap[idle] = 0.0
            rests = bool(np.abs(gap).max(initial=0.0) <= self.tol)
            skill = skill + rate * gap
            rounds += 1
            if rounds % self.steps == 0:
                rate *= self.decay
            checkpoint.save({
                "n_iter": rounds, "objective": [], "skill": skill, "rate": rate, "rests": rests
            })  # fmt: skip
            progress(rounds, self.max_iter, f"largest move {np.abs(gap).max(initial=0.0):.2g}")
        return skill, Fit(None, skill=skill, diagnostics=Diagnostics(rounds, rests))


def _right(part: Part, rule: ZeroBasedSkill, skill: NDArray[np.float64]) -> tuple[Any, ...]:
    """Weight of each worker's answers that win a vote weighted by the skills."""
    return (right_votes(part, rule, skill),)
