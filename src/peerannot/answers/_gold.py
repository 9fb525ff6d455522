"""Known labels of some tasks, as one integer array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers._answers import Answers
from peerannot.errors import DataError

__all__ = ["gold_labels"]


def gold_labels(answers: Answers, gold: Mapping[str, Any] | ArrayLike | None) -> NDArray[np.int32]:
    """Known classes as an int32 array (n_tasks,), -1 where nothing is known.

    Parameters
    ----------
    answers
        The votes whose tasks and classes the gold labels speak of.
    gold
        None; a mapping from task id to class (name, or index when it is an int); or an int
        array (n_tasks,) of class indices with -1 for unknown.

    Raises
    ------
    DataError
        A task or a class is not one of the answers'.
    """
    n_tasks, n_classes = len(answers.tasks), len(answers.classes)
    if gold is None:
        return np.full(n_tasks, -1, np.int32)
    if not isinstance(gold, Mapping):
        array = np.asarray(gold)
        if array.shape != (n_tasks,) or array.dtype.kind not in "iu":
            raise DataError(
                f"gold: expected {n_tasks} whole numbers (-1 for unknown),"
                f" not {array.dtype} of shape {array.shape}"
            )
        if array.size and (array.min() < -1 or array.max() >= n_classes):
            raise DataError(f"gold: labels must be -1 or 0..{n_classes - 1}")
        return array.astype(np.int32)
    out = np.full(n_tasks, -1, np.int32)
    unknown = [str(t) for t in gold if str(t) not in answers.tasks]
    if unknown:
        raise DataError(f"gold: {len(unknown)} tasks have no answers entry: {few(unknown)}")
    for task, label in gold.items():
        code = answers.class_code(label)
        if code < 0:
            raise DataError(
                f"gold: label {label!r} of task {task!r} is not one of {few(answers.classes, 12)}"
                + did_you_mean(str(label), answers.classes)
            )
        out[answers.tasks.index_of[str(task)]] = code
    return out
