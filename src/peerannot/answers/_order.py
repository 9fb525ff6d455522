"""Compiled loops that put answers in order: by task, then worker, then label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange

__all__ = [
    "INSERTION_LIMIT",
    "counting_order",
    "duplicate_marks",
    "gather_by_task",
    "in_order",
    "sort_in_tasks",
]

# Answers of one task up to which an insertion sort beats another counting sort of all answers.
INSERTION_LIMIT = 128


@compiled()
def in_order(
    task: NDArray[np.int32], worker: NDArray[np.int32]
) -> int:  # pragma: no cover - compiled
    """1 when rows rise strictly by (task, worker), 0 when they rise but repeat, -1 otherwise."""
    strict = 1
    for i in range(1, task.size):
        if task[i] < task[i - 1] or (task[i] == task[i - 1] and worker[i] < worker[i - 1]):
            return -1
        if task[i] == task[i - 1] and worker[i] == worker[i - 1]:
            strict = 0
    return strict


@compiled()
def counting_order(
    key: NDArray[np.int32], n_keys: int, order: NDArray[np.int64]
) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """Stable order by ``key`` of the rows listed in ``order``: O(rows + keys)."""
    start = np.zeros(n_keys + 1, np.int64)
    for i in range(key.size):
        start[key[i] + 1] += 1
    for k in range(n_keys):
        start[k + 1] += start[k]
    out = np.empty(order.size, np.int64)
    for i in range(order.size):
        k = key[order[i]]
        out[start[k]] = order[i]
        start[k] += 1
    return out


@compiled()
def gather_by_task(
    task: NDArray[np.int32],
    start: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    wants_rows: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:  # pragma: no cover - compiled
    """Workers and labels in stable order of task, and (where wanted) the rows they came from."""
    at = start.copy()
    workers = np.empty_like(worker)
    labels = np.empty_like(label)
    rows = np.empty(task.size if wants_rows else 0, np.int64)
    for i in range(task.size):
        to = at[task[i]]
        at[task[i]] = to + 1
        workers[to] = worker[i]
        labels[to] = label[i]
        if wants_rows:
            rows[to] = i
    return workers, labels, rows


@compiled(parallel=True)
def sort_in_tasks(
    start: NDArray[np.int64],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    rows: NDArray[np.int64],
    by_label: bool,
) -> None:  # pragma: no cover - compiled
    """Sort, in place and stably, the answers of each task by worker (and label); few a task."""
    with_rows = rows.size > 0
    for i in prange(start.size - 1):
        for a in range(start[i] + 1, start[i + 1]):
            w, y = worker[a], label[a]
            row = rows[a] if with_rows else 0
            b = a
            while b > start[i]:
                if worker[b - 1] < w:
                    break
                if worker[b - 1] == w and (not by_label or label[b - 1] <= y):
                    break
                worker[b], label[b] = worker[b - 1], label[b - 1]
                if with_rows:
                    rows[b] = rows[b - 1]
                b -= 1
            worker[b], label[b] = w, y
            if with_rows:
                rows[b] = row


@compiled()
def duplicate_marks(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    keep_last: bool,
    only_exact: bool,
) -> NDArray[np.bool_]:  # pragma: no cover - compiled
    """Rows to drop among rows in order: exact repeats, or all but one of each (task, worker)."""
    drop = np.zeros(task.size, np.bool_)
    start = 0
    for i in range(1, task.size + 1):
        if i < task.size and task[i] == task[start] and worker[i] == worker[start]:
            continue
        if i - start > 1:
            if only_exact:
                for a in range(start + 1, i):
                    for b in range(start, a):
                        if label[a] == label[b]:
                            drop[a] = True
                            break
            else:
                keep = i - 1 if keep_last else start
                for a in range(start, i):
                    drop[a] = a != keep
        start = i
    return drop
