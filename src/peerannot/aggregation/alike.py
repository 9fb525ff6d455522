"""Random starts that do not depend on how tasks, workers or classes are called or ordered.

A draw belongs to a group of tasks or workers that the answers cannot tell apart, and groups are
ordered by what they answered. Renamed data therefore get the same start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.support import Support
from peerannot.answers import Answers

__all__ = ["task_groups", "worker_groups"]

DIGITS = 9  # sums in another order differ far behind these


def worker_groups(answers: Answers, support: Support) -> tuple[NDArray[np.int64], int]:
    """Group of each worker by number of answers and mean vote share of the labels given."""
    share = support.shares(support.votes(answers))
    agreed = _by(answers.worker, share[_slots(answers, support)], answers.n_workers)
    mean = agreed / np.maximum(answers.answers_per_worker, 1)
    return _group(np.column_stack((answers.answers_per_worker, mean)))


def task_groups(answers: Answers, support: Support) -> tuple[NDArray[np.int64], int]:
    """Group of each task by who answered it and how the votes fell."""
    group, _ = worker_groups(answers, support)
    share = support.shares(support.votes(answers))[_slots(answers, support)]
    # Two sums of scrambled group numbers tell sets of workers apart.
    mark = np.sin(1.0 + group.astype(np.float64))[answers.worker]
    first = _by(answers.task, mark * share, answers.n_tasks)
    second = _by(answers.task, mark * mark * (1.0 - share), answers.n_tasks)
    return _group(np.column_stack((answers.answers_per_task, first, second)))


def _slots(answers: Answers, support: Support) -> NDArray[np.int64]:
    return np.asarray(support.ptr[answers.task] + support.slot)


def _by(code: NDArray[np.int32], value: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.bincount(code, weights=value, minlength=n).astype(np.float64)


def _group(columns: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    rows = np.round(columns, DIGITS) + 0.0
    _, group = np.unique(rows, axis=0, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    return group, int(group.max(initial=-1)) + 1
