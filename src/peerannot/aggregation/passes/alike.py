"""Random starts that do not depend on how tasks, workers or classes are called or ordered.

A draw belongs to a group of tasks or workers that the answers cannot tell apart, and groups are
ordered by what they answered. Renamed data therefore get the same start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.passes.support import Support
from peerannot.answers import Answers

__all__ = ["groups_of", "task_kinds", "worker_shares"]

DIGITS = 9  # sums in another order differ far behind these


def worker_shares(
    answers: Answers, support: Support
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of answers of each worker, and sum of the vote shares of the labels given."""
    share = support.shares(support.votes(answers))[_slots(answers, support)]
    return _by(answers.worker, answers, 1.0), _by(answers.worker, answers, share)


def groups_of(
    size: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.int64], int]:
    """Groups of workers by number of answers and mean vote share of the labels given.

    They are found in what `worker_shares` says of all answers.
    """
    rows = _rounded(size, share / np.where(size > 0, size, 1.0))
    _, group = np.unique(rows, axis=0, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    return group, int(group.max(initial=-1)) + 1


def task_kinds(
    answers: Answers, support: Support, workers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A row for each task, (n_tasks, 3), alike where the answers do not tell tasks apart.

    That is by who answered (``workers``: their groups) and how the votes fell.
    """
    share = support.shares(support.votes(answers))[_slots(answers, support)]
    # Two sums of scrambled group numbers tell sets of workers apart.
    mark = np.sin(1.0 + workers.astype(np.float64))[answers.worker]
    first = _by(answers.task, answers, mark * share)
    second = _by(answers.task, answers, mark * mark * (1.0 - share))
    return _rounded(_by(answers.task, answers, 1.0), first, second)


def _slots(answers: Answers, support: Support) -> NDArray[np.int64]:
    return np.asarray(support.ptr[answers.task] + support.slot)


def _by(code: NDArray[np.int32], answers: Answers, value: Any) -> NDArray[np.float64]:
    """Weighted sums of a value by task or worker."""
    n = answers.n_tasks if code is answers.task else answers.n_workers
    weight = answers.weights
    return np.bincount(code, weights=value * weight, minlength=n).astype(np.float64)


def _rounded(size: NDArray[np.float64], *marks: NDArray[np.float64]) -> NDArray[np.float64]:
    # Those without answers come last, so that they change no other's draw.
    return np.asarray(np.round(np.column_stack((-size, *marks)), DIGITS) + 0.0)
