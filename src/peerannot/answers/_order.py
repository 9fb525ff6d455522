"""Rows in order: by task, then worker, then label; and which of them say something again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.answers.ids import Ids

__all__ = ["in_order", "repeats", "starts", "state"]

# Answers of one task up to which an insertion sort within tasks beats another sort of all answers.
INSERTION_LIMIT = 128


def state(task: NDArray[np.int32], worker: NDArray[np.int32]) -> int:
    """1 when rows rise strictly by (task, worker), 0 when they rise but repeat, -1 otherwise."""
    return native.order_state(task, worker)


def starts(key: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Where the rows of each of n keys start once they are in its order, (n + 1,)."""
    ptr = np.empty(n + 1, np.int64)
    native.order_starts(key, ptr)
    return ptr


def in_order(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    tasks: Ids,
    *,
    by_label: bool,
    wants_rows: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Rows in stable order of (task, worker), with ``by_label`` of (task, worker, label), and
    where they were, if that is wanted."""
    start = starts(task, len(tasks))
    sizes = np.diff(start)
    if int(sizes.max()) > INSERTION_LIMIT:
        rows = np.arange(task.size)
        for key in (*([label] if by_label else []), worker, task):
            order, ptr = np.empty(key.size, np.int32), np.empty(int(key.max()) + 2, np.int64)
            native.confusion_positions(key[rows], order, ptr)
            rows = rows[order]
        return task[rows], worker[rows], label[rows], rows
    workers, labels = np.empty_like(worker), np.empty_like(label)
    rows = np.empty(task.size if wants_rows else 0, np.int64)
    native.order_gather(task, worker, label, start, workers, labels, rows)
    native.order_sort(start, workers, labels, rows, by_label=by_label, threads=threads())
    return np.repeat(np.arange(len(tasks), dtype=np.int32), sizes), workers, labels, rows


def repeats(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    *,
    keep_last: bool = False,
    only_exact: bool = False,
) -> NDArray[np.bool_]:
    """Marks of exact repeats, or of all rows but one of each (task, worker)."""
    drop = np.empty(task.size, np.bool_)
    native.order_repeats(task, worker, label, drop, keep_last=keep_last, only_exact=only_exact)
    return drop
