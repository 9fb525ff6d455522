"""A classifier's probabilities from a file, by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.allocation.tasks import TaskList
from peerannot.answers import Answers, Ids
from peerannot.dataset.images import Image
from peerannot.errors import DataError
from peerannot.io import Source
from peerannot.io.formats.table import TABULAR, as_ids, column_names, find_column, scan

__all__ = ["read_probabilities", "with_tasks"]

TASK = ("task", "task_id", "image", "item", "item_id", "id", "filename", "file")


def with_tasks(answers: Answers, more: Sequence[str]) -> Answers:
    """Answers with tasks that have none, in the order of ids; those that are there stay."""
    new = [task for task in dict.fromkeys(more) if task not in answers.tasks]
    return TaskList(Ids(new)).added_to(answers)


def read_probabilities(
    paths: Sequence[str | Path], answers: Answers
) -> tuple[Answers, NDArray[np.float64]]:
    """Probabilities of one classifier or several, and the answers with all tasks that they name.

    Parameters
    ----------
    paths
        A file of each classifier: a table with a column of the task (``task``, or ``image`` as
        `peerannot predict` writes it: the key in a file's name) and one for each class, named as
        the class is or ``p_CLASS``; or ``.npy``, (n_tasks, n_classes), or with a first axis of
        several classifiers, rows in ascending order of the tasks' keys.

    Returns
    -------
    The answers, with the tasks of the tables that had no answer, and probabilities
    (n_models, n_tasks, n_classes), which `peerannot.allocation.check_probabilities` has yet to
    look at.

    Raises
    ------
    DataError
        A file is unusable, has other classes, or lacks a task.
    """
    read = [_read(Path(path), answers) for path in paths]
    answers = with_tasks(answers, [task for one in read for task in one.tasks or ()])
    rows = []
    for one in read:
        if one.tasks is None:
            n = one.values.shape[1]
            if n != answers.n_tasks:
                raise DataError(
                    f"{one.path}: {n:,} rows for {answers.n_tasks:,} tasks; a table with a column"
                    " task may be of any"
                )
            rows.append(one.values[:, Ids.sorted(answers.tasks).codes(list(answers.tasks))])
            continue
        place = one.tasks.codes(list(answers.tasks))
        lost = np.flatnonzero(place < 0)
        if lost.size:
            raise DataError(
                f"{one.path}: no probabilities of task {answers.tasks[int(lost[0])]!r}"
                + (f" and {lost.size - 1:,} more" if lost.size > 1 else "")
                + f"; its tasks are {few(one.tasks, 3)}"
            )
        rows.append(one.values[:, place])
    return answers, np.concatenate(rows)


@dataclass(frozen=True)
class _File:
    """What a file holds: (n_models, n_rows, n_classes), and the task of each row if it says so."""

    path: Path
    tasks: Ids | None
    values: NDArray[np.float64]


def _read(path: Path, answers: Answers) -> _File:
    source, k = Source.open(path), answers.n_classes
    if source.shape == "npy":
        array = source.array()
        array = array[None] if array.ndim == 2 else array
        if array.ndim != 3 or array.dtype.kind not in "fiu" or array.shape[2] != k:
            raise DataError(
                f"{path}: expected numbers of shape (tasks, {k} classes), not {array.dtype} of"
                f" shape {source.array().shape}"
            )
        return _File(path, None, array.astype(np.float64))
    if source.shape not in TABULAR:
        raise DataError(f"{path}: not a table or .npy (found {source.shape})")
    columns = column_names(source)
    task = find_column(columns, None, TASK)
    if task is None:
        raise DataError(f"{path}: no column of the task; there are {few(columns, 12)}")
    wanted = {"task": task}
    for i, name in enumerate(answers.classes):
        column = next((c for c in (f"p_{name}", name) if c in columns), None)
        if column is None:
            raise DataError(
                f"{path}: no column of class {name!r} ({name!r} or {'p_' + name!r}); there are"
                f" {few(columns, 12)}" + did_you_mean(name, columns)
            )
        wanted[f"class {i}"] = column
    others = [c for c in columns if c.startswith("p_") and c not in wanted.values()]
    if others:
        raise DataError(f"{path}: {others[0]!r} is of no class; these are {few(answers.classes)}")
    frame, place = scan(source, wanted)
    values = np.empty((1, frame.height, k))
    for i in range(k):
        cells = frame[f"class {i}"].cast(pl.Float64, strict=False)
        values[0, :, i] = cells.fill_null(np.nan).to_numpy()
    bad = np.flatnonzero(~np.isfinite(values[0]).all(1))
    if bad.size:
        raise DataError(f"{place(int(bad[0]))}: a probability is no finite number")
    names = as_ids(frame["task"], place, "task").cast(pl.String).to_list()
    if task in ("image", "filename", "file"):
        names = [_key(name, answers.tasks) for name in names]
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(i for i, n in enumerate(names) if n in seen or seen.add(n))  # type: ignore[func-returns-value]
        raise DataError(f"{place(twice)}: task {names[twice]!r} is there twice")
    return _File(path, Ids(names), values)


def _key(name: str, tasks: Ids) -> str:
    """The task that the name of an image says."""
    if name in tasks:
        return name
    image = Image(Path(name), "")
    found = image.task(tasks)
    return tasks[found] if found >= 0 else image.key
