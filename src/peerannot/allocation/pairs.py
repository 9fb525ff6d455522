"""Pairs of task and worker that may be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers
from peerannot.errors import DataError

__all__ = ["Pairs", "mask_of"]


class Pairs:
    """Which workers may be asked about each task: nobody twice, and nobody who is forbidden.

    Parameters
    ----------
    n_tasks, n_workers
        Of the result; who can be asked.
    answers
        Who answered what; None where it is not known.
    place : int array
        Position of each worker of the answers among those who can be asked, -1 for others.
    allowed, forbidden
        Dense or sparse matrices (n_rows, n_workers) of true and false; None for all, and for
        none.
    rows
        The task of each row of them; None for all in order.
    """

    def __init__(
        self, n_tasks: int, n_workers: int, answers: Answers | None, place: NDArray[Any],
        allowed: Any = None, forbidden: Any = None, rows: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        task, worker = np.empty(0, np.int64), np.empty(0, np.int64)
        if answers is not None:
            who = place[answers.worker]
            here = who >= 0
            task, worker = answers.task[here].astype(np.int64), who[here].astype(np.int64)
        if forbidden is not None:
            more, who = _cells(forbidden, rows)
            task, worker = np.append(task, more), np.append(worker, who)
        if forbidden is not None or (np.diff(worker) == 0).any():
            cell = np.unique(task * n_workers + worker)
            task, worker = cell // n_workers, cell % n_workers
        self._worker, self._ptr = worker, _starts(task, n_tasks)
        self._allowed: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        left = np.full(n_tasks, n_workers, np.int64)
        if allowed is not None:
            row, who = _cells(allowed, rows)
            self._allowed = who, _starts(row, n_tasks)
            left = np.bincount(row, minlength=n_tasks)
            both = np.isin(task * n_workers + worker, row * n_workers + who)
            task = task[both]
        self.left = left - np.bincount(task, minlength=n_tasks)
        """Number of workers who may be asked about each task."""

    def blocked(self, task: int) -> list[int]:
        """Who may not be asked about a task."""
        found: list[int] = self._worker[self._ptr[task] : self._ptr[task + 1]].tolist()
        return found

    def n_blocked(self, task: int) -> int:
        """How many of whom may not be asked about a task."""
        return int(self._ptr[task + 1] - self._ptr[task])

    def candidates(self, task: int) -> list[int] | None:
        """Who may be asked about a task if not blocked; None for everybody."""
        if self._allowed is None:
            return None
        who, ptr = self._allowed
        found: list[int] = who[ptr[task] : ptr[task + 1]].tolist()
        return found

    @property
    def n_listed(self) -> int | None:
        """Number of pairs of a mask; None where everybody may be asked."""
        return None if self._allowed is None else len(self._allowed[0])

    def listed(self, tasks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Task and worker of the pairs of a mask that are not blocked, of some tasks in order."""
        assert self._allowed is not None
        who, ptr = self._allowed
        n = np.diff(ptr)[tasks]
        task = np.repeat(tasks, n)
        at = np.arange(len(task)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(ptr[tasks], n)
        width = int(max(who.max(initial=0), self._worker.max(initial=0))) + 1
        blocked = np.repeat(np.arange(len(self._ptr) - 1), np.diff(self._ptr)) * width
        free = ~np.isin(task * width + who[at], blocked + self._worker)
        return task[free], who[at][free]


def mask_of(mask: Any, n_tasks: int, n_workers: int, name: str) -> Any:
    """A matrix of pairs, checked: an array, or sparse by rows; None stays.

    Raises
    ------
    DataError
        It is of another shape, or not of true and false.
    """
    if mask is None:
        return None
    pairs = mask.tocsr() if hasattr(mask, "tocsr") else np.asarray(mask)
    if pairs.shape != (n_tasks, n_workers):
        raise DataError(
            f"{name}: expected {n_tasks} tasks x {n_workers} workers, not shape {pairs.shape}"
        )
    if pairs.dtype.kind not in "bui":
        raise DataError(f"{name}: expected true or false of each pair, not {pairs.dtype}")
    return pairs


def _cells(
    pairs: Any, rows: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Task and worker of each pair that is true, in order."""
    row, column = pairs.nonzero()
    row, column = np.asarray(row, np.int64), np.asarray(column, np.int64)
    row = row if rows is None else rows[row]
    order = np.lexsort((column, row))
    return row[order], column[order]


def _starts(task: NDArray[np.int64], n_tasks: int) -> NDArray[np.int64]:
    return np.searchsorted(task, np.arange(n_tasks + 1))
