"""Iterative weighted majority vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.support import Support
from peerannot.aggregation.votes import signed_vote_fit
from peerannot.aggregation.wawa import share_right, worker_weight
from peerannot.answers import Answers

__all__ = ["IWMV", "Polls"]


class Polls(Protocol):
    """Votes on answers, in memory or in partitions."""

    def right(self) -> NDArray[np.float64]:
        """Weight of each worker's answers that won the last vote, (n_workers,)."""

    def vote(self, weight: NDArray[np.float64]) -> int:
        """Vote with these weights; how many labels won or lost that did not before."""


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
        polls = _Polls(self, answers, support, start.gold, winner)
        skill, diagnostics = self._iterate(polls, worker_weight(answers), k, progress)
        fit = signed_vote_fit(answers, support, polls.score, self.ties, self.seed, start.gold)
        fit.skill = skill
        fit.worker_columns = {"weight": k * skill - 1}
        fit.diagnostics = diagnostics
        return fit

    def _iterate(
        self,
        polls: Polls,
        total: NDArray[np.float64],
        k: int,
        progress: Progress,
        checkpoint: Checkpoint = NOWHERE,
    ) -> tuple[NDArray[np.float64], Diagnostics]:
        """Skills of the last vote, wherever the answers are."""
        stays, rounds = False, 0
        skill = np.zeros(total.size)
        saved = checkpoint.load()
        if saved is not None:
            stays, rounds, skill = bool(saved["stays"]), int(saved["n_iter"]), saved["skill"]
        while not stays and rounds < self.max_iter:
            skill = share_right(polls.right(), total)
            changes = polls.vote(k * skill - 1)
            stays = changes == 0
            rounds += 1
            checkpoint.save({"n_iter": rounds, "objective": [], "skill": skill, "stays": stays})
            progress(rounds, self.max_iter, f"{changes} changes")
        return skill, Diagnostics(rounds, stays)


class _Polls:
    """Votes on answers in memory."""

    def __init__(
        self,
        rule: IWMV,
        answers: Answers,
        support: Support,
        gold: NDArray[np.int32],
        winner: NDArray[np.float64],
    ) -> None:
        self.rule, self.answers, self.support, self.gold = rule, answers, support, gold
        self.winner = support.decide(winner, rule.ties, rule.seed, gold)
        self.score = winner

    def right(self) -> NDArray[np.float64]:
        return self.support.worker_sums(self.answers, self.winner)

    def vote(self, weight: NDArray[np.float64]) -> int:
        support, rule, before = self.support, self.rule, self.winner
        self.score = support.votes(self.answers, weight)
        winner = support.winners(self.score, self.answers.n_classes)
        self.winner = support.decide(winner, rule.ties, rule.seed, self.gold)
        return int(np.count_nonzero(self.winner != before))
