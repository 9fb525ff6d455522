"""The distinct labels that each task received."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
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
    size = np.empty(answers.n_tasks, np.int64)
    label, place = np.empty_like(answers.label), np.empty_like(answers.label)
    native.order_distinct(answers.task_ptr, answers.label, size, label, place, threads=threads())
    return size, label, place
