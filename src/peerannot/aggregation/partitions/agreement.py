"""Votes weighted by agreement with the vote: right answers of each worker travel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.iwmv import IWMV
from peerannot.aggregation.partitions.base import Fitted, Model, distributes, in_place, stream
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.signed import largest_score, signed_scores, write_signed
from peerannot.aggregation.partitions.votes import support_of, write_votes
from peerannot.aggregation.wawa import Wawa, worker_weight
from peerannot.aggregation.zero_based_skill import ZeroBasedSkill

__all__ = ["Agreement", "PartsPolls", "Polled", "SmallSteps"]


@distributes(Wawa)
class Agreement(Model):
    """Skills (workers,) out, right answers (workers,) back, once or twice."""

    def fit(
        self, strategy: Wawa, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        def right(skill: NDArray[np.float64] | None) -> NDArray[np.float64]:
            (told,) = parts.sum(_right, strategy, skill)
            return np.asarray(told)

        skill = strategy._skill(right, _totals(parts))
        return Fitted(Fit(None, skill=skill), write_votes, (strategy.ties, strategy.seed, skill))


@distributes(ZeroBasedSkill)
class SmallSteps(Model):
    """Skills (workers,) out, right answers (workers,) back."""

    def fit(
        self, strategy: ZeroBasedSkill, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        def right(skill: NDArray[np.float64]) -> NDArray[np.float64]:
            (told,) = parts.sum(_right_of_step, strategy, skill)
            return np.asarray(told)

        k = len(parts.shape.classes)
        skill, diagnostics = strategy._iterate(right, _totals(parts), k, progress, checkpoint)
        fit = Fit(None, skill=skill, diagnostics=diagnostics)
        return Fitted(fit, write_votes, (strategy.ties, strategy.seed, skill))


class PartsPolls:
    """Votes on partitions, which keep the winners; see `peerannot.aggregation.iwmv.Polls`."""

    def __init__(self, parts: Parts, strategy: IWMV, right: NDArray[np.float64] | None) -> None:
        self.parts, self.strategy = parts, strategy
        if right is None:
            (right,) = parts.advance(_first_poll, strategy)
        self._right = np.asarray(right)

    def right(self) -> NDArray[np.float64]:
        return self._right

    def vote(self, weight: NDArray[np.float64]) -> int:
        largest = largest_score(self.parts, weight)
        self._right, changes = self.parts.advance(_poll, self.strategy, weight, largest)
        return int(changes)


@distributes(IWMV)
class Polled(Model):
    """Weights (workers,) out; the largest score back; right answers (workers,) back."""

    def fit(
        self, strategy: IWMV, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        k = len(parts.shape.classes)
        saved = checkpoint.load()
        polls = PartsPolls(parts, strategy, None if saved is None else parts.sum(_kept_right)[0])
        skill, diagnostics = strategy._iterate(polls, _totals(parts), k, progress, checkpoint)
        weight = k * skill - 1
        fit = Fit(None, skill=skill, worker_columns={"weight": weight}, diagnostics=diagnostics)
        given = (strategy.ties, strategy.seed, weight, largest_score(parts, weight))
        return Fitted(fit, write_signed, given)


def _totals(parts: Parts) -> NDArray[np.float64]:
    """Weight of all answers of each worker."""
    return np.asarray(parts.sum(_total)[0])


def _total(part: Part) -> tuple[Any, ...]:
    return (worker_weight(part.answers),)


def _right(part: Part, strategy: Wawa, skill: NDArray[np.float64] | None) -> tuple[Any, ...]:
    support = support_of(part)
    winner = part.made("majority", lambda: support.winners(support.votes(part.answers)))
    return (in_place(strategy, part)._right(part.answers, support, winner, part.gold, skill),)


def _right_of_step(
    part: Part, strategy: ZeroBasedSkill, skill: NDArray[np.float64]
) -> tuple[Any, ...]:
    return (in_place(strategy, part)._right(part.answers, support_of(part), part.gold, skill),)


def _first_poll(part: Part, strategy: IWMV) -> tuple[Any, tuple[Any, ...]]:
    support = support_of(part)
    winner = support.winners(support.votes(part.answers))
    winner = support.decide(winner, strategy.ties, stream(part, strategy.seed), part.gold)
    return winner, (support.worker_sums(part.answers, winner),)


def _kept_right(part: Part) -> tuple[Any, ...]:
    return (support_of(part).worker_sums(part.answers, part.kept),)


def _poll(
    part: Part, strategy: IWMV, weight: NDArray[np.float64], largest: float
) -> tuple[Any, tuple[Any, ...]]:
    support, answers = support_of(part), part.answers
    winner = support.winners(signed_scores(part, weight, largest), answers.n_classes)
    winner = support.decide(winner, strategy.ties, stream(part, strategy.seed), part.gold)
    changes = int(np.count_nonzero(winner != part.kept))
    return winner, (support.worker_sums(answers, winner), changes)
