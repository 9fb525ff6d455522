"""Passes of models with a confusion matrix for each worker over partitions: counts travel.

The (worker, label) pairs that occur anywhere are found once and kept with each partition; an
iteration then sends two tables (pairs, classes): log-probabilities out, counts back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.partitions.parts import Part, Parts, Size, Work, size_of
from peerannot.aggregation.partitions.reductions import Union
from peerannot.aggregation.passes.confusions import EM, Pairs
from peerannot.aggregation.passes.support import clamped

__all__ = ["CommonPairs", "PartsEM", "common_pairs", "em_of", "pairs_among"]


@dataclass(frozen=True)
class PartsEM:
    """E/M passes over partitions, see `peerannot.aggregation.passes.confusions.EM`.

    Attributes
    ----------
    parts
    pairs
        Of all partitions; ``of_answer`` stays with them.
    answers : Size
    columns : int
        Columns of each class, side by side.
    """

    parts: Parts
    pairs: Pairs
    answers: Size
    columns: int

    @classmethod
    def of(cls, parts: Parts, *, model: str, columns: int = 1) -> PartsEM:
        """Prepare the passes; one over the answers for the pairs that occur.

        Raises
        ------
        ParameterError
            The counts would not fit, see `Pairs.of`.
        """
        pairs = common_pairs(parts, model=model, columns=len(parts.shape.classes) * columns)
        return cls(parts, pairs, size_of(parts), columns)

    def first(
        self, begin: Work | None = None, *given: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts and class sums of the start: of the posterior that a fit was told to start from.

        Or of ``begin(part, *given)``, (n_tasks, n_columns), whatever it was told; by default of
        the vote shares.
        """
        counts, mass = self.parts.sum(_first, self.columns, begin, given)
        return counts, mass

    def step(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64], *, hard: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        counts, mass, gain = self.parts.sum(_step, self.columns, table, log_prior, hard)
        return counts, mass, float(gain)


@dataclass(frozen=True)
class CommonPairs:
    """The pairs that occur in any partition.

    Attributes
    ----------
    pairs : Pairs
        Without those of answers.
    keys : int64 array (n_pairs,) or None
        Worker x n_classes + label of each, by which a partition finds its own among them; None
        where partitions know.
    """

    pairs: Pairs
    keys: NDArray[np.int64] | None

    @classmethod
    def of(cls, parts: Parts, *, model: str, columns: int | None = None) -> CommonPairs:
        """One pass where they are not known; ``columns`` of a table over them that must fit.

        Raises
        ------
        ParameterError
            It does not, see `Pairs.of`.
        """
        shape, none = parts.shape, np.empty(0, np.int32)
        w, k = len(shape.workers), len(shape.classes)
        known, keys = parts.pairs, None
        if known is not None:
            worker, label = known.worker, known.label
        else:
            keys = parts.sum(_pair_keys)[0].keys
            worker, label = (keys // k).astype(np.int32), (keys % k).astype(np.int32)
        pairs = Pairs.coded(none, worker, label, w, k, model=model, columns=columns)
        return cls(pairs, keys)


def common_pairs(parts: Parts, *, model: str, columns: int | None = None) -> Pairs:
    """As `CommonPairs.of`; where needed each partition keeps the keys as ``part.kept``."""
    common = CommonPairs.of(parts, model=model, columns=columns)
    if common.keys is not None:
        parts.advance(_keep_pairs, common.keys)
    return common.pairs


def _own(part: Part) -> tuple[Pairs, NDArray[np.int64]]:
    """Pairs of the answers of a partition, and their keys."""
    own = Pairs.of(part.answers, model="", columns=0)
    return own, own.worker.astype(np.int64) * part.answers.n_classes + own.label


def _pair_keys(part: Part) -> tuple[Union]:
    # Where there is one partition, its pairs are those of all.
    _, keys = part.once("own pairs", lambda: _own(part)) if part.is_all else _own(part)
    return (Union(keys),)


def _keep_pairs(part: Part, keys: NDArray[np.int64]) -> tuple[Any, tuple[int]]:
    return keys, (part.answers.n_answers,)


def pairs_among(part: Part, keys: NDArray[np.int64] | None) -> Pairs:
    """Pairs of all partitions, with those of the answers of this one."""
    if part.pairs is not None:
        return part.pairs
    assert keys is not None
    own, own_keys = part.once("own pairs", lambda: _own(part)) if part.is_all else _own(part)
    if own_keys.size == keys.size:
        return own
    answers = part.answers
    place = np.searchsorted(keys, own_keys).astype(np.int32)
    k = answers.n_classes
    worker, label = (keys // k).astype(np.int32), (keys % k).astype(np.int32)
    return Pairs.coded(
        place[own.of_answer], worker, label, answers.n_workers, k, model="", columns=0
    )


def em_of(part: Part, columns: int = 1, keys: NDArray[np.int64] | None = None) -> EM:
    """The passes over one partition, with the pairs of all; ``columns`` of each class.

    Their keys are those that it keeps, unless given.
    """

    def make() -> EM:
        answers = part.answers
        pairs = pairs_among(part, part.kept if keys is None else keys)
        if part.start is None or columns > 1:
            given = np.empty((0, answers.n_classes * columns))
        else:
            given = clamped(np.array(part.start), part.gold)
        size = None if part.is_all else part.shape.n_answers
        return EM(answers, pairs, part.gold, given, columns, size)

    made: EM = part.once("confusions", make)
    return made


def _first(part: Part, columns: int, begin: Work | None, given: tuple[Any, ...]) -> tuple[Any, ...]:
    em = em_of(part, columns)
    return (em if begin is None else replace(em, given=begin(part, *given))).first()


def _step(
    part: Part, columns: int, table: NDArray[np.float64], log_prior: NDArray[np.float64], hard: bool
) -> tuple[Any, ...]:
    return em_of(part, columns).step(table, log_prior, hard=hard)
