"""What models with a confusion matrix for each worker share: pairs, and E/M passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._sizes import sizes
from peerannot._threads import threads
from peerannot.aggregation.passes.support import clamped
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["EM", "Pairs", "blocks_of"]

MAX_BLOCKS = 8
BLOCKS_BYTES = 2**28  # memory that the counts of all blocks may take together
PER_ROW = 32  # answers of a block for each row of its counts, where answers are a part of more
TABLE_BYTES = 2**32  # memory of one table of a model over which it is refused
TOGETHER = 2  # models whose passes are one, `most_together` of apart.hpp
MOST_JOINT = 16  # and columns up to which they are, `most_in_registers`


@dataclass(frozen=True)
class Pairs:
    """The distinct (worker, label) pairs that occur; confusion counts are kept only for them.

    Attributes
    ----------
    of_answer : int32 array (n_answers,)
        Pair of each answer.
    worker, label : int32 arrays (n_pairs,)
        In order of (worker, label).
    ptr : int64 array (n_workers + 1,)
        Pairs of worker ``j`` are ``ptr[j]:ptr[j + 1]``.
    """

    of_answer: NDArray[np.int32]
    worker: NDArray[np.int32]
    label: NDArray[np.int32]
    ptr: NDArray[np.int64]

    @classmethod
    def of(cls, answers: Answers, *, model: str, columns: int | None = None) -> Pairs:
        """Find the pairs, and refuse where a table over them would not fit.

        Parameters
        ----------
        answers
            The votes.
        model
            Who asks, for the message.
        columns
            Columns of the table; by default the number of classes.

        Raises
        ------
        ParameterError
            The table takes more than 4 GiB; the message names lighter strategies.
        """
        w, k = answers.n_workers, answers.n_classes
        if w * k <= max(2**26, 4 * answers.n_answers):
            place = np.empty((w, k), np.int32)
            of_answer = np.empty(answers.n_answers, np.int32)
            native.pairs_find(answers.worker, answers.label, place, of_answer, threads=threads())
            key = np.flatnonzero(place >= 0)
        else:
            code = answers.worker.astype(np.int64) * k + answers.label
            key, inverse = np.unique(code, return_inverse=True)
            of_answer = inverse.astype(np.int32)
        worker, label = (key // k).astype(np.int32), (key % k).astype(np.int32)
        return cls.coded(of_answer, worker, label, w, k, model=model, columns=columns)

    @classmethod
    def coded(
        cls,
        of_answer: NDArray[np.int32],
        worker: NDArray[np.int32],
        label: NDArray[np.int32],
        n_workers: int,
        n_classes: int,
        *,
        model: str,
        columns: int | None = None,
    ) -> Pairs:
        """Pairs that are known already, in order of (worker, label); see `of`."""
        size = worker.size * (n_classes if columns is None else columns) * 8
        if size > TABLE_BYTES:
            raise ParameterError(
                f"{model} needs {size / 2**30:.0f} GiB for the confusions of {n_workers} workers"
                f" over {n_classes} classes; use a strategy with one skill a worker, such as"
                " one-coin or wawa"
            )
        ptr = np.searchsorted(worker, np.arange(n_workers + 1)).astype(np.int64)
        return cls(of_answer, worker, label, ptr)

    def __len__(self) -> int:
        return int(self.worker.size)

    def worker_sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of a table (n_pairs, m) over the labels of each worker, (n_workers, m)."""
        sums = np.zeros((self.ptr.size - 1, table.shape[1]))
        filled = np.flatnonzero(np.diff(self.ptr))
        if filled.size:
            sums[filled] = np.add.reduceat(table, self.ptr[filled], axis=0)
        return sums

    def confusion(self, table: NDArray[np.float64], n_workers: int) -> NDArray[np.float64] | None:
        """A table (n_pairs, K true) as confusion matrices (n_workers, true, answered).

        None where they would take over 4 GiB. Pairs that do not occur are 0.
        """
        k = table.shape[1]
        if n_workers * k * k * 8 > TABLE_BYTES:
            return None
        out = np.zeros((n_workers, k, k))
        out[self.worker, :, self.label] = table
        return out


def blocks_of(
    answers: Answers, n_rows: int, width: int | None = None, per_row: int = 1
) -> NDArray[np.int64]:
    """Bounds of blocks of tasks with about equal numbers of answers, int64 (n_blocks + 1,).

    ``n_rows`` rows of ``width`` float64 (default: the number of classes) are held by each block,
    which has at least ``per_row`` answers for each.
    The number of blocks depends on the problem alone, and their sums are added in their order,
    so results are the same for any number of threads.
    """
    size = max(n_rows * (answers.n_classes if width is None else width) * 8, 1)
    # More blocks than this would spend longer on adding blocks up than on answers.
    useful = answers.n_answers // max(per_row * n_rows, 1)
    n = int(np.clip(min(BLOCKS_BYTES // size, useful), 1, MAX_BLOCKS))
    # Whole numbers: else the search would make a copy of all bounds as floats.
    goals = np.ceil(np.linspace(0, answers.n_answers, n + 1)[1:-1]).astype(np.int64)
    inner = np.searchsorted(answers.task_ptr, goals)
    bounds = np.concatenate(([0], inner, [answers.n_tasks])).astype(np.int64)
    return np.maximum.accumulate(bounds)


@dataclass(frozen=True)
class EM:
    """Answers, prepared for E/M passes of models with a confusion matrix for each worker.

    Attributes
    ----------
    answers, pairs
        The votes, and the (worker, label) pairs that occur.
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    given : float64 array (n_tasks, n_columns), or (0, n_columns) to start from vote shares
    parts : int
        Columns of each class, side by side; n_columns = n_classes x parts.
    size : int or None
        Answers by whose number the precision is chosen, where these are a part of more.
    """

    answers: Answers
    pairs: Pairs
    gold: NDArray[np.int32]
    given: NDArray[np.float64]
    parts: int = 1
    size: int | None = None

    @classmethod
    def of(
        cls,
        answers: Answers,
        gold: NDArray[np.int32] | None = None,
        given: NDArray[np.float64] | None = None,
        *,
        parts: int = 1,
        model: str,
    ) -> EM:
        """Prepare the passes.

        Parameters
        ----------
        answers
            The votes; their weights count.
        gold
            Known classes (n_tasks,), -1 for unknown.
        given
            Posterior (n_tasks, n_columns) to start from; by default the vote shares. Rows of
            known class are set by ``gold`` where each class has one column.
        parts
            Columns of each class in tables and counts, side by side.
        model
            Who asks, for the message.

        Raises
        ------
        ParameterError
            The counts would not fit, see `Pairs.of`.
        """
        k = answers.n_classes * parts
        known = np.full(answers.n_tasks, -1, np.int32) if gold is None else gold
        start = np.empty((0, k)) if given is None else np.ascontiguousarray(given, np.float64)
        if given is not None and parts == 1:
            start = clamped(start.copy(), known)
        return cls(answers, Pairs.of(answers, model=model, columns=k), known, start, parts)

    @cached_property
    def _weight(self) -> NDArray[np.float64]:
        return self.answers.loop_weights

    @cached_property
    def _single(self) -> bool:
        """Whether iterations take their logarithms and exponentials in single precision.

        Each posterior is then within about 1e-7, and the sums of many of them, which are double,
        nearer; few answers are fast enough in double.
        """
        return (self.answers.n_answers if self.size is None else self.size) >= sizes().single

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        n_rows = 0 if self._apart else len(self.pairs)
        # A part of the answers has to meet all pairs: there, blocks cost more for what they save.
        per_row = 1 if self.size is None else PER_ROW
        return blocks_of(self.answers, n_rows, self.given.shape[1], per_row)

    @cached_property
    def _apart(self) -> bool:
        """Whether counts are too large for one copy a thread: E and M then are two passes."""
        return bool(len(self.pairs) * self.given.shape[1] * 8 * 2 > BLOCKS_BYTES)

    @cached_property
    def _by_pair(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        order = np.empty(self.answers.n_answers, np.int32)
        ptr = np.empty(len(self.pairs) + 1, np.int64)
        native.confusion_positions(self.pairs.of_answer, order, ptr)
        return order, ptr

    def first(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts (n_pairs, K) and class sums (K,) of the start."""
        counts, mass, _ = self.begun(written=self._apart)
        return counts, mass

    def begun(
        self, *, written: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """As `first`, and the posterior (n_tasks, K) of the start where it is to be written."""
        counts, mass, posterior = self._sums(counted=not self._apart, written=written)
        native.confusion_start(
            self.answers.task_ptr, self.pairs.of_answer, self.answers.label, self._weight,
            self.gold, self.given, self._bounds, counts, mass, posterior,
            n_pairs=len(self.pairs), threads=threads(),
        )  # fmt: skip
        return self._gather(posterior) if self._apart else counts, mass, posterior

    def step_apart(
        self,
        tables: Sequence[NDArray[np.float64]],
        slopes: Sequence[NDArray[np.float64]],
        log_priors: Sequence[NDArray[np.float64]],
        owns: Sequence[NDArray[np.float64]],
        *,
        counted: bool = True,
        over: bool = False,
    ) -> list[tuple[Any, ...]]:
        """One pass of several models in which no task meets its own counts.

        Parameters
        ----------
        tables, slopes : (n_pairs, K) of each model
            Log-probability of each pair's label, given each true class, and what it changes by
            for each answer that is left out of the pair's counts.
        log_priors : (K,) of each
        owns : (n_tasks, K) of each
            The posterior that these counts are of.
        counted
            Whether counts are wanted; the last pass has none, and is in double precision.
        over
            Whether the new posterior is written over ``own``.

        Returns
        -------
        Of each model the new posterior, its counts and class sums, and half the sum of what the
        posterior differs by.
        """
        n = TOGETHER if self.given.shape[1] <= MOST_JOINT else 1
        # What several models still share is written over by the last of them.
        posteriors = [
            own if over and all(own is not later for later in owns[i + 1 :]) else np.empty_like(own)
            for i, own in enumerate(owns)
        ]
        made: list[tuple[Any, ...]] = []
        for these in (slice(lo, lo + n) for lo in range(0, len(owns), n)):
            made += self._apart_step(
                _stacked(tables[these]), _stacked(slopes[these]), _stacked(log_priors[these]),
                owns[these], posteriors[these], counted=counted,
            )  # fmt: skip
        return made

    def _apart_step(
        self, table: NDArray[np.float64], slope: NDArray[np.float64],
        log_prior: NDArray[np.float64], owns: Sequence[NDArray[np.float64]],
        posteriors: Sequence[NDArray[np.float64]], *, counted: bool,
    ) -> list[tuple[Any, ...]]:  # fmt: skip
        n, (n_pairs, k) = len(owns), table.shape[1:]
        counts = np.empty((n, n_pairs if counted and not self._apart else 0, k))
        mass, change = np.empty((n, k)), np.empty(n)
        none = np.empty((0, k))
        own, own_too = owns[0], owns[1] if n > 1 else none
        posterior, posterior_too = posteriors[0], posteriors[1] if n > 1 else none
        native.apart_em(
            self.answers.task_ptr, self.pairs.of_answer, self._weight, self.gold, table, slope,
            log_prior, own, own_too, self._bounds, counts, mass, posterior, posterior_too, change,
            single=self._single and counted, threads=threads(),
        )  # fmt: skip
        gathered = counted and self._apart
        each = [self._gather(posterior) for posterior in posteriors] if gathered else counts
        return list(zip(posteriors, each, mass, change.tolist(), strict=True))

    def step(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64], *, hard: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """One pass: expected counts, class sums, and log-likelihood of the parameters given.

        Parameters
        ----------
        table : (n_pairs, K)
            Log-probability of each pair's label, given each true class.
        log_prior : (K,)
        hard
            Count only the most probable class of each task; ties are shared.
        """
        counts, mass, posterior = self._sums(counted=not self._apart, written=self._apart)
        # Ties of a hard step are told in double.
        gain = self._em(table, log_prior, counts, mass, posterior, self._single and not hard, hard)
        return self._gather(posterior) if self._apart else counts, mass, gain

    def posterior(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Posterior (n_tasks, K) of the parameters."""
        counts, mass, posterior = self._sums(counted=False, written=True)
        self._em(table, log_prior, counts, mass, posterior, False, False)
        return posterior

    def _sums(
        self, *, counted: bool, written: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Room for the counts, class sums and posterior of a pass; none where not asked for."""
        k = self.given.shape[1]
        return (
            np.empty((len(self.pairs) if counted else 0, k)),
            np.empty(k),
            np.empty((self.answers.n_tasks if written else 0, k)),
        )

    def _em(
        self,
        table: NDArray[np.float64],
        log_prior: NDArray[np.float64],
        counts: NDArray[np.float64],
        mass: NDArray[np.float64],
        posterior: NDArray[np.float64],
        single: bool,
        hard: bool,
    ) -> float:
        return native.confusion_em(
            self.answers.task_ptr, self.pairs.of_answer, self._weight, self.gold, table, log_prior,
            self._bounds, counts, mass, posterior, single=single, hard=hard, parts=self.parts,
            threads=threads(),
        )  # fmt: skip

    def _gather(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.empty((len(self.pairs), posterior.shape[1]))
        native.confusion_gather(
            *self._by_pair, self.answers.task, self._weight, posterior, counts, threads=threads()
        )
        return counts


def _stacked(arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
