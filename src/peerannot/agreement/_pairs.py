"""Pairs of workers who answered the same tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.answers import Answers, check_answers
from peerannot.errors import ParameterError

__all__ = ["WorkerPairs", "wilson"]

BLOCKS = 8


@dataclass(frozen=True)
class WorkerPairs:
    """Pairs of workers who share enough tasks, and the answers in order of worker.

    Attributes
    ----------
    first, second : int32 arrays (n_pairs,)
        Positions of the workers, ``first < second``, in order of (first, second).
    shared : int64 array (n_pairs,)
        Answers in common: tasks that both answered.
    ptr : int64 array (n_workers + 1,)
        Pairs whose first worker is ``j`` are ``ptr[j]:ptr[j + 1]``.
    order, worker_ptr : int64 arrays
        Rows of the answers of worker ``j``: ``order[worker_ptr[j]:worker_ptr[j + 1]]``.
    bounds : int64 array
        Blocks of workers with about equal work.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    shared: NDArray[np.int64]
    ptr: NDArray[np.int64]
    order: NDArray[np.int64]
    worker_ptr: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, answers: Answers, min_shared: int) -> WorkerPairs:
        """Find the pairs with ``min_shared`` tasks or more in common.

        Cost O(sum over tasks of answers squared), of the workers with ``min_shared`` answers or
        more; memory grows with the pairs found.

        Raises
        ------
        ParameterError
            ``min_shared`` is under 1.
        """
        check_answers(answers)
        if min_shared < 1:
            raise ParameterError(f"min_shared must be at least 1, not {min_shared}")
        order, worker_ptr = answers.rows_by_worker()
        bounds = _blocks(answers)
        # Who has few answers is in no pair, and need not be met on each task.
        some = _of_frequent(answers, min_shared)
        rows, rows_ptr = (order, worker_ptr) if some is answers else some.rows_by_worker()
        where = (some.task_ptr, some.task, some.worker, rows, rows_ptr, _blocks(some))
        per_worker = np.empty(answers.n_workers, np.int64)
        native.agreement_count_pairs(*where, per_worker, least=min_shared, threads=threads())
        ptr = np.concatenate(([0], np.cumsum(per_worker))).astype(np.int64)
        second, shared = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], np.int64)
        native.agreement_fill_pairs(
            *where, ptr, second, shared, least=min_shared, threads=threads()
        )
        first = np.repeat(np.arange(answers.n_workers, dtype=np.int32), per_worker)
        return cls(first, second, shared, ptr, order, worker_ptr, bounds)

    def __len__(self) -> int:
        return int(self.first.size)

    def arrays(self, answers: Answers) -> tuple[Any, Any, Any, Any, Any, Any, Any, Any, Any]:
        """What a compiled pass over the pairs of each worker needs, the answers first."""
        votes = (answers.task_ptr, answers.task, answers.worker, answers.label)
        return (*votes, self.order, self.worker_ptr, self.bounds, self.ptr, self.second)


def _blocks(answers: Answers) -> NDArray[np.int64]:
    """Bounds of blocks of workers with about equal work."""
    work = np.bincount(
        answers.worker,
        weights=answers.answers_per_task[answers.task],
        minlength=answers.n_workers,
    )
    goals = np.linspace(0, work.sum(), BLOCKS + 1)[1:-1]
    inner = np.searchsorted(np.cumsum(work), goals)
    return np.concatenate(([0], inner, [answers.n_workers])).astype(np.int64)


def _of_frequent(answers: Answers, least: int) -> Answers:
    """The answers of workers with at least so many; all where some worker answered a task twice.

    There, answers in common are counted in pairs, of which there may be more than answers.
    """
    enough = answers.answers_per_worker >= least
    if enough.all():
        return answers
    same = answers.task[1:] == answers.task[:-1]
    if (same & (answers.worker[1:] == answers.worker[:-1])).any():
        return answers
    return answers.rows(enough[answers.worker])


def wilson(
    hits: NDArray[Any], trials: NDArray[Any], confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's interval for a proportion, low and high; NaN without trials.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    JASA 22, 209-212.
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    n = np.where(np.asarray(trials) > 0, trials, np.nan).astype(np.float64)
    p = hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At 0 and 1 the bound is exact; rounding would put it a hair inside.
    low = np.where(p == 0, 0.0, centre - half)
    high = np.where(p == 1, 1.0, centre + half)
    return low, high
