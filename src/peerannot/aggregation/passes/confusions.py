"""What models with a confusion matrix for each worker share: pairs, and E/M passes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.passes import kernels
from peerannot.aggregation.passes.support import clamped
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["EM", "Pairs", "blocks_of", "weights_of"]

MAX_BLOCKS = 8
BLOCKS_BYTES = 2**28  # memory that the counts of all blocks may take together
PER_ROW = 8  # answers of a block for each row of its counts, where answers are a part of more
TABLE_BYTES = 2**32  # memory of one table of a model over which it is refused
SINGLE_BYTES = 2**19  # memory of a table over which its passes use single precision


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
            of_answer, key = kernels.pairs_of(answers.worker, answers.label, w, k)
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
    goals = np.linspace(0, answers.n_answers, n + 1)[1:-1]
    inner = np.searchsorted(answers.task_ptr, goals)
    bounds = np.concatenate(([0], inner, [answers.n_tasks])).astype(np.int64)
    return np.maximum.accumulate(bounds)


def weights_of(answers: Answers) -> NDArray[np.float64]:
    """Weights of the answers as loops take them: (n_answers,), or (0,) where all are 1.

    Read-only either way, so that loops compile once.
    """
    weight = np.empty(0) if answers.weight is None else answers.weight.view()
    weight.flags.writeable = False
    return weight


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
        Answers by whose number loops are chosen, where these are a part of more.
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
        return weights_of(self.answers)

    @cached_property
    def _fixed(self) -> int:
        size = self.answers.n_answers if self.size is None else self.size
        return kernels.specialised(self.given.shape[1], size)

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
        order, ptr = kernels.positions_of(self.pairs.of_answer, len(self.pairs))
        return order, ptr

    def first(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts (n_pairs, K) and class sums (K,) of the start."""
        loop = kernels.start_loop(self._fixed)

        def run(lo: int, hi: int, counts: Any, mass: Any, posterior: Any) -> float:
            loop(
                self.answers.task_ptr, self.pairs.of_answer, self.answers.label, self._weight,
                self.gold, self.given, lo, hi, counts, mass, posterior,
            )  # fmt: skip
            return 0.0

        counts, mass, _ = self._count(run)
        return counts, mass

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
        if self._fixed and table.nbytes > SINGLE_BYTES:
            # Rows are fetched in no order, so the pass is faster where more of them fit into the
            # cache. The logarithms lose 1e-7 of their value; all sums stay double.
            return self._count(self._em(table.astype(np.float32), log_prior, hard))
        return self._count(self._em(table, log_prior, hard))

    def posterior(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Posterior (n_tasks, K) of the parameters."""
        return self._write(self._em(table, log_prior, False))[0]

    def _em(self, table: NDArray[Any], log_prior: NDArray[np.float64], hard: bool) -> Any:
        loop = kernels.em_loop(self._fixed)

        def run(lo: int, hi: int, counts: Any, mass: Any, posterior: Any) -> float:
            gain: float = loop(
                self.answers.task_ptr, self.pairs.of_answer, self._weight, self.gold, table,
                log_prior, lo, hi, hard, self.parts, counts, mass, posterior,
            )  # fmt: skip
            return gain

        return run

    def _count(self, run: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Counts, class sums and log-likelihood of a pass."""
        k = self.given.shape[1]
        if self._apart:
            posterior, mass, gain = self._write(run)
            return self._gather(posterior), mass, gain
        bounds, nothing = self._bounds, np.empty((0, k))
        n_blocks = bounds.size - 1
        counts = np.zeros((n_blocks, len(self.pairs), k))
        masses = np.zeros((n_blocks, k))

        def work(b: int) -> float:
            return float(run(bounds[b], bounds[b + 1], counts[b], masses[b], nothing))

        gains = kernels.over_blocks(work, n_blocks)
        total = counts[0]
        for part in counts[1:]:
            total += part
        return total, masses.sum(0), float(sum(gains))

    def _write(self, run: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Posterior, class sums and log-likelihood of a pass."""
        k, bounds = self.given.shape[1], self._bounds
        posterior = np.empty((self.answers.n_tasks, k))
        masses = np.zeros((bounds.size - 1, k))
        nothing = np.empty((0, k))

        def work(b: int) -> float:
            return float(run(bounds[b], bounds[b + 1], nothing, masses[b], posterior))

        gains = kernels.over_blocks(work, bounds.size - 1)
        return posterior, masses.sum(0), float(sum(gains))

    def _gather(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.zeros((len(self.pairs), posterior.shape[1]))
        order, ptr = self._by_pair
        goals = np.linspace(0, order.size, MAX_BLOCKS + 1)[1:-1]
        bounds = np.concatenate(([0], np.searchsorted(ptr, goals), [len(self.pairs)]))

        def work(b: int) -> None:
            kernels.gather_loop(
                order, ptr, self.answers.task, self._weight, posterior, bounds[b], bounds[b + 1],
                counts,
            )  # fmt: skip

        kernels.over_blocks(work, MAX_BLOCKS)
        return counts
