"""Rules that vote, weigh workers by how often they were right, and vote again."""

from __future__ import annotations

from abc import abstractmethod
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
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.votes.rules import write_weighted
from peerannot.aggregation.votes.wawa import totals_of

__all__ = ["VotingRounds"]


@dataclass(frozen=True, kw_only=True)
class VotingRounds(Strategy):
    """Base of rules that vote, count how often each worker was right, and vote with weights.

    Parameters
    ----------
    max_iter
        Most rounds of voting.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    signed: ClassVar[bool] = False  # whether a weight may be negative

    max_iter: int = option(100, at_least=1, help="most rounds of voting")

    @abstractmethod
    def weigh(
        self, right: NDArray[np.float64], total: NDArray[np.float64], n_classes: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Skills and weights from the right answers and all answers of each worker."""

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        total, k = totals_of(parts), len(parts.shape.classes)
        stays, rounds, skill, weight = False, 0, np.zeros(0), np.zeros(0)
        saved = checkpoint.load()
        if saved is None:
            (right,) = parts.advance(_first_vote, self)
        else:
            stays, rounds = bool(saved["stays"]), int(saved["n_iter"])
            right, skill, weight = saved["right"], saved["skill"], saved["weight"]
        while not stays and rounds < self.max_iter:
            skill, weight = self.weigh(right, total, k)
            right, changes = parts.advance(_vote, self, weight, self._largest(parts, weight))
            stays = changes == 0
            rounds += 1
            checkpoint.save({
                "n_iter": rounds, "objective": [], "right": right, "skill": skill,
                "weight": weight, "stays": stays,
            })  # fmt: skip
            progress(rounds, self.max_iter, f"{changes} changes")
        fit = Fit(
            None,
            skill=skill,
            worker_columns={"weight": weight},
            diagnostics=Diagnostics(rounds, stays),
        )
        if not self.signed:
            return Fitted(fit, write_weighted, (self, weight))
        given = (self.ties, self.seed, weight, self._largest(parts, weight))
        return Fitted(fit, write_signed, given)

    def _largest(self, parts: Parts, weight: NDArray[np.float64]) -> float | None:
        return largest_score(parts, weight) if self.signed else None


def _first_vote(part: Part, rule: VotingRounds) -> tuple[Any, tuple[Any, ...]]:
    """Keep the winners of the majority vote (or of the start), and count who was right."""
    support = support_of(part)
    if part.start is None:
        winner = support.winners(support.votes(part.answers))
    else:
        winner = support.values(part.start)
    winner = support.decide(winner, rule.ties, stream(part, rule.seed), part.gold)
    return winner, (support.worker_sums(part.answers, winner),)


def _vote(
    part: Part, rule: VotingRounds, weight: NDArray[np.float64], largest: float | None
) -> tuple[Any, tuple[Any, ...]]:
    """Keep the winners with these weights; also how many labels won or lost that did not before."""
    support, answers = support_of(part), part.answers
    if rule.signed:
        winner = support.winners(signed_scores(part, weight, largest), answers.n_classes)
    else:
        winner = support.winners(support.votes(answers, weight))
    winner = support.decide(winner, rule.ties, stream(part, rule.seed), part.gold)
    changes = int(np.count_nonzero(winner != part.kept))
    return winner, (support.worker_sums(answers, winner), changes)
