"""Iterative weighted majority vote."""

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
from peerannot.aggregation.votes import signed_vote_fit
from peerannot.aggregation.wawa import agreement
from peerannot.answers import Answers

__all__ = ["IWMV"]


@STRATEGIES.register("iwmv", "iterative-weighted-majority-vote")
@dataclass(frozen=True, kw_only=True)
class IWMV(Strategy):
    r"""Iterative weighted majority vote, an approximation of the one-coin maximum a posteriori.

    From the majority vote (or ``init``), until the labels stay:

    .. math::
        s_j = \frac{1}{n_j} \sum_i 1[y_{ij} = \hat y_i], \qquad v_j = K s_j - 1, \qquad
        \hat y_i = \arg\max_k \sum_j v_j 1[y_{ij} = k]

    The weight :math:`K s_j - 1` is the first-order expansion, at chance level, of the log-odds
    of the one-coin model. It is negative for a worker below chance, whose vote then speaks
    against the class. The posterior is the shares of the positive scores: it orders classes but
    is not calibrated. The skill is :math:`s_j`.

    Parameters
    ----------
    max_iter
        Most rounds of voting.

    Notes
    -----
    Cost: O(answers) a round, usually 5 to 10 rounds; the number of classes costs nothing. Under
    ``ties="first"`` or ``"random"`` one of tied classes is taken in each round, else each of m
    counts 1/m. Published peerannot calls iterated `Wawa` (:math:`v_j = s_j`) by this name.

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086, section 4, algorithm 1.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True

    max_iter: int = option(100, at_least=1, help="most rounds of voting")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support, k = Support.of(answers), answers.n_classes
        if start.posterior is None:
            winner = support.winners(support.votes(answers))
        else:
            winner = support.values(start.posterior)
        winner = support.decide(winner, self.ties, self.seed, start.gold)
        stays, rounds = False, 0
        while not stays and rounds < self.max_iter:
            skill = agreement(answers, support, winner)
            score = support.votes(answers, k * skill - 1)
            before = winner
            winner = support.decide(support.winners(score, k), self.ties, self.seed, start.gold)
            stays = bool(np.array_equal(winner, before))
            rounds += 1
            progress(rounds, self.max_iter, f"{np.count_nonzero(winner != before)} changes")
        fit = signed_vote_fit(answers, support, score, self.ties, self.seed, start.gold)
        fit.skill = skill
        fit.worker_columns = {"weight": k * skill - 1}
        fit.diagnostics = Diagnostics(rounds, stays)
        return fit
