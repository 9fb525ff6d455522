"""What the loops that put answers in order compute, written plainly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def state(task: Array, worker: Array) -> int:
    """1 where rows rise strictly by (task, worker), 0 where they rise but repeat, else -1."""
    rows = list(zip(task.tolist(), worker.tolist(), strict=True))
    if any(one > other for one, other in pairwise(rows)):
        return -1
    return 0 if any(one == other for one, other in pairwise(rows)) else 1


def starts(key: Array, n_keys: int) -> Array:
    """Where the rows of each key start once they are in its order."""
    return np.concatenate(([0], np.cumsum(np.bincount(key, minlength=n_keys)))).astype(np.int64)


def in_order(task: Array, worker: Array, label: Array, by_label: bool) -> Array:
    """Rows in stable order of (task, worker), or of (task, worker, label)."""
    return np.lexsort((*([label] if by_label else []), worker, task))


def repeats(
    task: Array, worker: Array, label: Array, *, keep_last: bool, only_exact: bool
) -> Array:
    """Marks of rows that repeat a label of the same (task, worker), or of all of it but one."""
    rows = list(zip(task.tolist(), worker.tolist(), strict=True))
    drop = np.zeros(task.size, np.bool_)
    for a, row in enumerate(rows):
        same = [b for b, other in enumerate(rows) if other == row]
        if only_exact:
            drop[a] = any(label[b] == label[a] for b in same if b < a)
        else:
            drop[a] = a != (same[-1] if keep_last else same[0])
    return drop


def distinct(ptr: Array, label: Array) -> list[tuple[Array, Array]]:
    """The distinct labels of each task, and the place of each answer's label among them."""
    cuts = pairwise(ptr.tolist())
    return [np.unique(label[lo:hi], return_inverse=True) for lo, hi in cuts]
