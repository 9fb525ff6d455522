"""Known labels of some tasks, as one integer array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers._answers import Answers
from peerannot.answers._ids import Ids
from peerannot.answers._labels import as_name
from peerannot.errors import DataError

__all__ = ["gold_labels", "gold_names"]


def gold_labels(answers: Answers, gold: Mapping[str, Any] | ArrayLike | None) -> NDArray[np.int32]:
    """Known classes as an int32 array (n_tasks,), -1 where nothing is known.

    Parameters
    ----------
    answers
        The votes whose tasks and classes the gold labels speak of.
    gold
        None; a mapping from task id to class (its name as a text, or its position as an int); a
        Series of pandas indexed by task, of names; or an int array (n_tasks,) of positions of
        classes with -1 for unknown.

    Raises
    ------
    DataError
        A task or a class is not one of the answers', or an int is the name of another class than
        the one at its position.
    """
    n_tasks, n_classes = len(answers.tasks), len(answers.classes)
    if gold is None:
        return np.full(n_tasks, -1, np.int32)
    series: Any = gold
    if hasattr(series, "columns"):
        raise DataError("gold: expected a Series indexed by task or {task: label}, not a frame")
    if hasattr(series, "index") and callable(getattr(series, "items", None)):
        gold = {}
        for task, label in series.items():
            if label is None or label != label:
                continue
            if gold.setdefault(task, as_name(label)) != as_name(label):
                raise DataError(f"gold: task {task!r} has two labels; a task has one class")
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
        named = answers.class_code(str(label))
        if code != named >= 0:
            raise DataError(
                f"gold: label {label!r} of task {task!r} may be the class {str(label)!r} or the one"
                f" at position {label}; give the name as a text, or an array of positions"
            )
        if code < 0:
            raise DataError(
                f"gold: label {label!r} of task {task!r} is not one of {few(answers.classes, 12)}"
                + did_you_mean(str(label), answers.classes)
            )
        out[answers.tasks.index_of[str(task)]] = code
    return out


def gold_names(document: Any, classes: Ids, where: str) -> dict[str, str]:
    """Names of the classes in a JSON object from task to label.

    Texts are names, and stay also where they are none of the classes; whole numbers are
    positions.

    Raises
    ------
    DataError
        It is not such an object, or a number is not the position of a class.
    """
    if not isinstance(document, Mapping) or not all(
        isinstance(v, str | int) and not isinstance(v, bool) for v in document.values()
    ):
        raise DataError(f"{where}: expected {{task: class name}}; correct the file or remove it")
    names = {}
    for task, label in document.items():
        if isinstance(label, int) and not 0 <= label < len(classes):
            raise DataError(
                f"{where}: label {label} of task {task!r} is not a position in"
                f" 0..{len(classes) - 1} ({few(classes, 12)}); names of classes are texts"
            )
        names[task] = label if isinstance(label, str) else classes[label]
    return names
