"""Models with a confusion matrix for each worker: expected counts travel.

The (worker, label) pairs that occur anywhere are found once and kept with each partition; an
iteration then sends two tables (pairs, classes): log-probabilities out, counts back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Start
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.confusion_model import ConfusionModel
from peerannot.aggregation.confusions import EM, Pairs
from peerannot.aggregation.dawid_skene import DawidSkene, MAPDawidSkene, WeightedDawidSkene
from peerannot.aggregation.fast_dawid_skene import FastDawidSkene, HybridDawidSkene
from peerannot.aggregation.ibcc import IBCC
from peerannot.aggregation.partitions.base import (
    Fitted,
    Model,
    Size,
    Written,
    distributes,
    in_place,
    size_of,
    told,
)
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Union
from peerannot.aggregation.support import clamped
from peerannot.aggregation.votes import MajorityVote

__all__ = ["Confusions", "PartsEM", "TrustedVotes", "common_pairs", "keep_pairs", "pairs_among"]


@dataclass(frozen=True)
class PartsEM:
    """Passes over partitions, see `peerannot.aggregation.confusions.Passes`.

    Attributes
    ----------
    parts
    pairs
        Of all partitions; ``of_answer`` stays with them.
    answers : Size
    majority : MajorityVote or None
        Start from this vote instead of vote shares.
    """

    parts: Parts
    pairs: Pairs
    answers: Size
    majority: MajorityVote | None

    @classmethod
    def of(cls, parts: Parts, strategy: ConfusionModel) -> PartsEM:
        pairs = common_pairs(parts, model=strategy.name)
        hard = strategy._hard([], parts.shape.n_answers, False)
        majority = MajorityVote(ties=strategy.ties, seed=strategy.seed) if hard else None
        return cls(parts, pairs, size_of(parts), majority)

    def first(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts, mass = self.parts.sum(_first, self.majority)
        return counts, mass

    def step(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64], *, hard: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        counts, mass, gain = self.parts.sum(_step, table, log_prior, hard)
        return counts, mass, float(gain)


@distributes(DawidSkene, MAPDawidSkene, FastDawidSkene, HybridDawidSkene, IBCC)
class Confusions(Model):
    """Counts (pairs, classes) and class sums travel each iteration."""

    def fit(
        self,
        strategy: ConfusionModel,
        parts: Parts,
        progress: Progress,
        checkpoint: Checkpoint,
    ) -> Fitted:
        em = PartsEM.of(parts, strategy)
        counts, mass, diagnostics = strategy._iterate(em, progress, checkpoint)
        fit = strategy._parameters(em.pairs, counts, mass, len(parts.shape.workers))
        fit.diagnostics = diagnostics
        table, log_prior = strategy._tables(em.pairs, counts, mass)
        return Fitted(fit, _write, (strategy, table, log_prior))


@distributes(WeightedDawidSkene)
class TrustedVotes(Confusions):
    """As `Confusions`; the vote at the end needs trust (workers, classes)."""

    def fit(
        self, strategy: Any, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        base = super().fit(strategy, parts, progress, checkpoint).fit
        shape = parts.shape
        trust = strategy._trust(base, len(shape.workers), len(shape.classes))
        return Fitted(base, _write_votes, (strategy, trust))


def common_pairs(parts: Parts, *, model: str, columns: int | None = None) -> Pairs:
    """The pairs that occur in any partition; each keeps their keys as ``part.kept``."""
    shape = parts.shape
    w, k = len(shape.workers), len(shape.classes)
    keys = parts.sum(_pair_keys)[0].keys
    worker, label = (keys // k).astype(np.int32), (keys % k).astype(np.int32)
    none = np.empty(0, np.int32)
    pairs = Pairs.coded(none, worker, label, w, k, model=model, columns=columns)
    parts.advance(keep_pairs, keys)
    return pairs


def _pair_keys(part: Part) -> tuple[Union]:
    own = Pairs.of(part.answers, model="", columns=0)
    return (Union(own.worker.astype(np.int64) * part.answers.n_classes + own.label),)


def keep_pairs(part: Part, keys: NDArray[np.int64]) -> tuple[Any, tuple[int]]:
    """Keep the keys of the pairs of all partitions."""
    return keys, (part.answers.n_answers,)


def pairs_among(part: Part, keys: NDArray[np.int64]) -> Pairs:
    """Pairs of all partitions, with those of the answers of this one."""
    answers = part.answers
    w, k = answers.n_workers, answers.n_classes
    own = Pairs.of(answers, model="", columns=0)
    place = np.searchsorted(keys, own.worker.astype(np.int64) * k + own.label).astype(np.int32)
    worker, label = (keys // k).astype(np.int32), (keys % k).astype(np.int32)
    return Pairs.coded(place[own.of_answer], worker, label, w, k, model="", columns=0)


def _em(part: Part) -> EM:
    def make() -> EM:
        pairs = pairs_among(part, part.kept)
        nothing = np.empty((0, part.answers.n_classes))
        return EM(part.answers, pairs, part.gold, nothing, size=part.shape.n_answers)

    made: EM = part.made("confusions", make)
    return made


def _first(part: Part, majority: MajorityVote | None) -> tuple[Any, ...]:
    em = _em(part)
    if majority is not None:
        start = Start(np.full(em.answers.n_tasks, -1, np.int32), None)
        fit = in_place(majority, part)._fit(em.answers, start, silent)
        shares = majority._result(em.answers, fit).dense_posterior()
        em = replace(em, given=clamped(shares, em.gold))
    return em.first()


def _step(
    part: Part, table: NDArray[np.float64], log_prior: NDArray[np.float64], hard: bool
) -> tuple[Any, ...]:
    return _em(part).step(table, log_prior, hard=hard)


def _write(
    part: Part,
    strategy: ConfusionModel,
    table: NDArray[np.float64],
    log_prior: NDArray[np.float64],
) -> Written:
    return told(part, strategy.ties, strategy.seed, _em(part).posterior(table, log_prior))


def _write_votes(part: Part, strategy: WeightedDawidSkene, trust: NDArray[np.float64]) -> Written:
    fit = in_place(strategy, part)._vote(part.answers, trust, part.gold)
    return fit.labels, fit.confidence, fit.posterior
