"""Zero-based skill: agreement learned in small steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.support import Support
from peerannot.aggregation.votes import vote_fit
from peerannot.aggregation.wawa import agreement, worker_weight
from peerannot.answers import Answers

__all__ = ["ZeroBasedSkill"]


@STRATEGIES.register("zero-based-skill", "ZBS")
@dataclass(frozen=True, kw_only=True)
class ZeroBasedSkill(Strategy):
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

    takes_gold: ClassVar[bool] = True

    rate: float = option(1.0, above=0.0, at_most=1.0, help="first learning rate")
    steps: int = option(20, at_least=1, help="rounds between cuts of the rate")
    decay: float = option(0.5, above=0.0, at_most=1.0, help="factor of each cut of the rate")
    tol: float = option(1e-5, above=0.0, help="largest move of a skill at rest")
    max_iter: int = option(100, at_least=1, help="most rounds")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        skill = np.full(answers.n_workers, min(1.0, 1.0 / answers.n_classes + 1e-5))
        idle = worker_weight(answers) == 0
        rate, rests, rounds = self.rate, False, 0
        while not rests and rounds < self.max_iter:
            winner = support.decide(
                support.winners(support.votes(answers, skill)), self.ties, self.seed, start.gold
            )
            gap = agreement(answers, support, winner) - skill
            gap[idle] = 0.0
            rests = bool(np.abs(gap).max(initial=0.0) <= self.tol)
            skill = skill + rate * gap
            rounds += 1
            if rounds % self.steps == 0:
                rate *= self.decay
            progress(rounds, self.max_iter, f"largest move {np.abs(gap).max(initial=0.0):.2g}")
        score = support.votes(answers, skill)
        fit = vote_fit(answers, support, score, self.ties, self.seed, hard=False, gold=start.gold)
        fit.skill = skill
        fit.diagnostics = Diagnostics(rounds, rests)
        return fit
