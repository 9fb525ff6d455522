"""The distinct labels that each task received."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot.answers import Answers

__all__ = ["distinct_labels"]


def distinct_labels(
    answers: Answers,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Find them, in order of label: O(answers x distinct labels of a task).

    Returns
    -------
    size : int64 array (n_tasks,)
        Number of distinct labels of each task.
    label : int32 array (n_answers,)
        Those of task ``i`` begin at ``answers.task_ptr[i]``; what is left of its room is unused.
    place : int32 array (n_answers,)
        Place of each answer's label among those of its task.
    """
    size, label, place = _distinct(answers.task_ptr, answers.label)
    return size, label, place


@compiled(parallel=True)
def _distinct(ptr: Any, label: Any) -> Any:  # pragma: no cover - compiled
    n_tasks = ptr.size - 1
    size = np.empty(n_tasks, np.int64)
    slots = np.empty(label.size, np.int32)
    slot = np.empty(label.size, np.int32)
    for i in prange(n_tasks):
        start = ptr[i]
        n = 0
        for a in range(start, ptr[i + 1]):
            y = label[a]
            s = n
            while s > 0 and slots[start + s - 1] >= y:
                s -= 1
            if s < n and slots[start + s] == y:
                continue
            for t in range(n, s, -1):
                slots[start + t] = slots[start + t - 1]
            slots[start + s] = y
            n += 1
        size[i] = n
        for a in range(start, ptr[i + 1]):
            low, high = 0, n - 1
            while low < high:
                middle = (low + high) // 2
                if slots[start + middle] < label[a]:
                    low = middle + 1
                else:
                    high = middle
            slot[a] = low
    return size, slots, slot
