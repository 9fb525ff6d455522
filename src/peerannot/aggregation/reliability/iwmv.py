"""Iterative weighted majority vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, stream
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.signed_votes import largest_score, signed_scores, write_signed
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.votes.wawa import share_right, totals_of

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

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        total, k = totals_of(parts), len(parts.shape.classes)
        stays, rounds, skill = False, 0, np.zeros(total.size)
        saved = checkpoint.load()
        if saved is None:
            (right,) = parts.advance(_first_vote, self)
        else:
            stays, rounds, skill = bool(saved["stays"]), int(saved["n_iter"]), saved["skill"]
            (right,) = parts.sum(_right)
        while not stays and rounds < self.max_iter:
            skill = share_right(right, total)
            weight = k * skill - 1
            right, changes = parts.advance(_vote, self, weight, largest_score(parts, weight))
            stays = changes == 0
            rounds += 1
            checkpoint.save({"n_iter": rounds, "objective": [], "skill": skill, "stays": stays})
            progress(rounds, self.max_iter, f"{changes} changes")
        weight = k * skill - 1
        fit = Fit(
            None,
            skill=skill,
            worker_columns={"weight": weight},
            diagnostics=Diagnostics(rounds, stays),
        )
        given = (self.ties, self.seed, weight, largest_score(parts, weight))
        return Fitted(fit, write_signed, given)


def _first_vote(part: Part, rule: IWMV) -> tuple[Any, tuple[Any, ...]]:
    """Keep the winners of the majority vote (or of the start), and count who was right."""
    support = support_of(part)
    if part.start is None:
        winner = support.winners(support.votes(part.answers))
    else:
        winner = support.values(part.start)
    winner = support.decide(winner, rule.ties, stream(part, rule.seed), part.gold)
    return winner, (support.worker_sums(part.answers, winner),)


def _right(part: Part) -> tuple[Any, ...]:
    return (support_of(part).worker_sums(part.answers, part.kept),)


def _vote(
    part: Part, rule: IWMV, weight: NDArray[np.float64], largest: float | None
) -> tuple[Any, tuple[Any, ...]]:
    """Keep the winners with these weights; also how many labels won or lost that did not before."""
    support, answers = support_of(part), part.answers
    winner = support.winners(signed_scores(part, weight, largest), answers.n_classes)
    winner = support.decide(winner, rule.ties, stream(part, rule.seed), part.gold)
    changes = int(np.count_nonzero(winner != part.kept))
    return winner, (support.worker_sums(answers, winner), changes)
