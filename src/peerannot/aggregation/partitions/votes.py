"""Votes: partitions vote by themselves, nothing travels but the weights of workers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.partitions.base import (
    Fitted,
    Model,
    Written,
    distributes,
    in_place,
    stream,
)
from peerannot.aggregation.partitions.parts import Part, Parts, Shape
from peerannot.aggregation.support import Support
from peerannot.aggregation.votes import MajorityVote, NaiveSoft, TwoThird, vote_fit
from peerannot.aggregation.weighted import GoldMajorityVote, WeightedVote
from peerannot.answers import Answers, Ids
from peerannot.errors import ParameterError

__all__ = ["GoldVotes", "Votes", "WeightedVotes", "nobody", "support_of", "write_votes"]


@distributes(MajorityVote, NaiveSoft, TwoThird)
class Votes(Model):
    """Every partition runs the strategy on its own tasks."""

    def fit(
        self, strategy: Strategy, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        return Fitted(Fit(None), _write, (strategy,))


@distributes(WeightedVote)
class WeightedVotes(Model):
    """The weights (workers,) go out once."""

    def fit(
        self, strategy: WeightedVote, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        weight = strategy._of_workers(nobody(parts.shape))
        fit = Fit(None, worker_columns={"weight": weight})
        return Fitted(fit, write_votes, (strategy.ties, strategy.seed, weight))


@distributes(GoldMajorityVote)
class GoldVotes(Model):
    """Right answers and answers to gold tasks (workers,) come in once, skills go out."""

    def fit(
        self, strategy: GoldMajorityVote, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        hits, seen, known = parts.sum(_on_gold, strategy)
        if not known:
            raise ParameterError(
                f"{strategy.name} needs gold labels of some tasks; use wawa without"
            )
        skill = strategy._skill(hits, seen)
        fit = Fit(None, skill=skill, worker_columns={"n_gold": seen})
        return Fitted(fit, write_votes, (strategy.ties, strategy.seed, skill))


def _write(part: Part, strategy: Strategy) -> Written:
    fit = in_place(strategy, part)._fit(part.answers, Start(part.gold, None), silent)
    return fit.labels, fit.confidence, fit.posterior


def write_votes(part: Part, ties: Any, seed: int, weight: NDArray[np.float64]) -> Written:
    """What votes with these weights (n_workers,), none negative, say of the tasks of a part."""
    support = support_of(part)
    score = support.votes(part.answers, weight)
    fit = vote_fit(
        part.answers, support, score, ties, stream(part, seed), hard=False, gold=part.gold
    )
    return fit.labels, fit.confidence, fit.posterior


def nobody(shape: Shape) -> Answers:
    """Workers and classes without any answer, for what asks `Answers` for them."""
    none = np.empty(0, np.int32)
    return Answers(none, none, none, Ids(0), shape.workers, shape.classes)


def support_of(part: Part) -> Support:
    """The labels that each task of a partition received."""
    support: Support = part.made("support", lambda: Support.of(part.answers))
    return support


def _on_gold(part: Part, strategy: GoldMajorityVote) -> tuple[Any, ...]:
    return *strategy._on_gold(part.answers, part.gold), int((part.gold >= 0).sum())
