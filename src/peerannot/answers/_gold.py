"""Known labels of some tasks, one or several a task, as one integer array."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers._answers import Answers
from peerannot.answers.ids import Ids
from peerannot.answers.labels import as_name
from peerannot.errors import DataError, DataWarning

__all__ = [
    "by_task",
    "gold_classes",
    "gold_labels",
    "gold_names",
    "labels_in",
    "only_class",
    "say_several",
    "table_of",
]


def gold_labels(answers: Answers, gold: Mapping[str, Any] | ArrayLike | None) -> NDArray[np.int32]:
    """Known classes as an int32 array (n_tasks,), -1 where nothing is known.

    A task of several accepted labels has no one class, so it is unknown; a `DataWarning` says
    how many there are. Parameters and errors are those of `gold_classes`.
    """
    known = gold_classes(answers, gold)
    say_several(known)
    return only_class(known)


def only_class(known: NDArray[np.int32]) -> NDArray[np.int32]:
    """The class of each task that has exactly one of `gold_classes`, else -1."""
    return np.where(_several(known), np.int32(-1), known[:, 0])


def say_several(known: NDArray[np.int32]) -> None:
    """Warn (`DataWarning`) of tasks of which several classes are accepted."""
    several = int(_several(known).sum())
    if several:
        warnings.warn(
            f"gold: {several} tasks have several labels; any of them counts as right, but none"
            " is held fixed",
            DataWarning,
            stacklevel=3,
        )


def _several(known: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray(known[:, 1:].max(1, initial=-1) >= 0)


def gold_classes(answers: Answers, gold: Mapping[str, Any] | ArrayLike | None) -> NDArray[np.int32]:
    """Accepted classes of each task, int32 (n_tasks, m), in order and padded with -1.

    Parameters
    ----------
    answers
        The votes whose tasks and classes the gold labels speak of.
    gold
        None; a mapping from task id to class (its name as a text, or its position as an int) or
        to a list of classes, each of which is right; a Series of pandas indexed by task, of
        names, with a row for each class of a task; or an int array of positions of classes,
        (n_tasks,) or (n_tasks, m), with -1 for unknown.

    Returns
    -------
    As many columns as a task has accepted classes at most, one at least.

    Raises
    ------
    DataError
        A task or a class is not one of the answers', or an int is the name of another class than
        the one at its position.
    """
    n_tasks, n_classes = len(answers.tasks), len(answers.classes)
    if gold is None:
        return np.full((n_tasks, 1), -1, np.int32)
    gold = by_task(gold)
    if not isinstance(gold, Mapping):
        array = np.asarray(gold)
        if array.ndim not in (1, 2) or len(array) != n_tasks or array.dtype.kind not in "iu":
            raise DataError(
                f"gold: expected {n_tasks} whole numbers (-1 for unknown),"
                f" not {array.dtype} of shape {array.shape}"
            )
        if array.size and (array.min() < -1 or array.max() >= n_classes):
            raise DataError(f"gold: labels must be -1 or 0..{n_classes - 1}")
        return _tidy(array.astype(np.int32).reshape(n_tasks, -1))
    unknown = [str(t) for t in gold if str(t) not in answers.tasks]
    if unknown:
        raise DataError(f"gold: {len(unknown)} tasks have no answers entry: {few(unknown)}")
    found = {
        answers.tasks.index_of[str(task)]: [_code(answers, task, y) for y in labels_in(given)]
        for task, given in gold.items()
    }
    return table_of(found, n_tasks)


def by_task(gold: Any) -> Any:
    """A Series of pandas indexed by task as a mapping to lists of names; all else as it is.

    Raises
    ------
    DataError
        It is a frame.
    """
    if hasattr(gold, "columns"):
        raise DataError("gold: expected a Series indexed by task or {task: label}, not a frame")
    if not hasattr(gold, "index") or not callable(getattr(gold, "items", None)):
        return gold
    found: dict[Any, list[str]] = {}
    for task, label in gold.items():
        found.setdefault(task, []).extend(map(as_name, labels_in(label)))
    return found


def table_of(found: Mapping[int, Sequence[int]], n_tasks: int) -> NDArray[np.int32]:
    """Accepted classes by position of the task, as `gold_classes` gives them."""
    out = np.full((n_tasks, max([1, *map(len, found.values())])), -1, np.int32)
    for at, codes in found.items():
        out[at, : len(codes)] = codes
    return _tidy(out)


def labels_in(given: Any) -> list[Any]:
    """The labels of one task: none, one, or those of a list, tuple, set or array."""
    several = isinstance(given, list | tuple | set | frozenset | np.ndarray)
    return [y for y in (given if several else [given]) if y is not None and y == y]


def _tidy(known: NDArray[np.int32]) -> NDArray[np.int32]:
    """Distinct classes of each row in order, then -1, in no more columns than are needed."""
    if known.shape[1] == 1:
        return known
    none = np.iinfo(np.int32).max
    known = np.sort(np.where(known < 0, none, known), axis=1)
    known[:, 1:][known[:, 1:] == known[:, :-1]] = none
    known = np.sort(known, axis=1)
    width = max(int((known < none).sum(1).max(initial=0)), 1)
    return np.where(known == none, -1, known)[:, :width].astype(np.int32)


def _code(answers: Answers, task: Any, label: Any) -> int:
    code, named = answers.class_code(label), answers.class_code(str(label))
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
    return code


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
