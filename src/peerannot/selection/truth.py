"""Known labels from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._files import sha256
from peerannot._no_answer import is_no_answer
from peerannot._text import did_you_mean, few
from peerannot.answers import Answers, Meaning, only_class, say_several, table_of
from peerannot.errors import DataError
from peerannot.io import Source
from peerannot.io.classes import are_positions, either_way
from peerannot.io.float_ids import plain_ids
from peerannot.io.formats.table import TABULAR, as_ids, column_names, find_column, pick, scan
from peerannot.io.numbers import one_number
from peerannot.io.sample import texts

__all__ = ["GoldOfTasks", "Truth", "read_gold", "read_truth"]

TASK = ("task", "item", "id", "task_id", "item_id", "image", "filename", "file")
LABEL = ("label", "truth", "true_label", "gold", "ground_truth", "agg_label", "answer")

_SAY = "give --labels codes or --labels names, or write names as texts"


@dataclass(frozen=True)
class Truth:
    """Accepted classes in the order of tasks, see `peerannot.answers.gold_classes`.

    ``without_answers`` counts tasks of the file that have no entry in the answers, ``missing``
    those that have no label there.
    """

    classes: NDArray[np.int32]
    without_answers: int = 0
    missing: int = 0

    @property
    def codes(self) -> NDArray[np.int32]:
        """The class of each task that has exactly one, else -1; warns of several."""
        say_several(self.classes)
        return only_class(self.classes)

    @property
    def known(self) -> int:
        """Tasks with a label."""
        return int((self.classes[:, 0] >= 0).sum())

    @property
    def several(self) -> int:
        """Tasks with more than one."""
        return int((self.classes[:, 1:] >= 0).any(1).sum())


def read_truth(
    path: str | Path,
    answers: Answers,
    *,
    task_col: str | None = None,
    label_col: str | None = None,
    labels: Meaning | None = None,
) -> Truth:
    """Read known labels.

    Parameters
    ----------
    path
        A table (CSV, TSV, Parquet, NDJSON) with columns task and label, whose cells are names of
        classes, or all positions where no class has a number as name; a JSON object from task to
        label, or to a list of accepted ones, where texts are names and whole numbers positions;
        or a ``.npy`` of positions in the order of tasks, -1 or NaN for unknown. A task without a
        label is unknown; one on several rows of a table has several accepted labels.
    answers
        Whose tasks and classes the labels speak of.
    task_col, label_col
        Columns of the task and of the label, where the table has them of these names.
    labels
        Whether numbers are positions (``"codes"``) or ``"names"`` of classes; it must be said
        where numbers of JSON or ``.npy`` could be names of other classes.

    Raises
    ------
    DataError
        The file is not usable, a label is not a class or may be either of two, or no task has
        answers.
    """
    source = Source.open(path)
    if source.shape == "npy":
        array = _array(source)
        if array.shape != (answers.n_tasks,):
            raise DataError(
                f"{source.name}: expected {answers.n_tasks} whole numbers (-1 for unknown),"
                f" not an array of shape {array.shape}"
            )
        known = np.flatnonzero(array != -1).tolist()
        pairs: list[tuple[str, Any]] = [(answers.tasks[i], int(array[i])) for i in known]
        place: Callable[[int], str] = lambda row: f"{source.name} row {known[row] + 1}"  # noqa: E731
        missing = 0
    else:
        pairs, place = _pairs(source, task_col, label_col)
        here = [i for i, (_, y) in enumerate(pairs) if y in answers.classes or not is_no_answer(y)]
        missing, every = len(pairs) - len(here), place
        pairs = [(pairs[i][0], _whole(pairs[i][1], answers)) for i in here]
        place = lambda row: every(here[row])  # noqa: E731
    own = list({label for task, label in pairs if task in answers.tasks})
    numbers = [str(y) for y in own if isinstance(y, int)]
    if labels == "names":
        pairs = [(task, str(label)) for task, label in pairs]
    elif labels == "codes":
        pairs = [(task, _position(label)) for task, label in pairs]
    elif numbers:
        doubt = either_way(numbers, answers.classes)
        for row, (_, label) in enumerate(pairs):
            if isinstance(label, int) and str(label) in doubt:
                raise DataError(f"{place(row)}: {doubt[str(label)]}; {_SAY}")
    elif are_positions(own, answers.classes):
        pairs = [(task, _position(label)) for task, label in pairs]
    found: dict[int, list[int]] = {}
    index, lost = answers.tasks.index_of, set()
    for row, (task, label) in enumerate(pairs):
        at = index.get(task)
        if at is None:
            lost.add(task)
            continue
        code = answers.class_code(label)
        if code < 0 and isinstance(label, str):
            # 1 and 1.0 are one number in answers, so they are in what is known of them.
            code = answers.class_code(one_number([label], answers.classes).get(label, label))
        if code < 0:
            known_as = "one of" if isinstance(label, str) else "a position of"
            named = not isinstance(label, str) and str(label) in answers.classes
            raise DataError(
                f"{place(row)}: label {label!r} is not {known_as} {few(answers.classes, 12)}"
                + (
                    f", but the name of one; {_SAY}" if named
                    else did_you_mean(str(label), answers.classes)
                    or "; if no worker gave it, name all classes with --classes"
                )
            )  # fmt: skip
        found.setdefault(at, []).append(code)
    if pairs and not found:
        raise DataError(
            f"{source.name}: none of its tasks ({few((t for t, _ in pairs), 3)}) has answers"
            + (f"; tasks of the answers are {few(answers.tasks, 3)}" if len(answers.tasks) else "")
        )
    if not pairs and source.shape != "npy":
        raise DataError(f"{source.name}: no known label in it")
    return Truth(table_of(found, answers.n_tasks), len(lost), missing)


def _pairs(
    source: Source, task_col: str | None, label_col: str | None = None
) -> tuple[list[tuple[str, Any]], Callable[[int], str]]:
    """Tasks and labels of a file, None where there is none, and the place of each."""
    if _is_mapping(source):
        known: Any = source.document
        each = [
            (str(task), label)
            for task, given in known.items()
            for label in ((given or [None]) if isinstance(given, list) else [given])
        ]
        wrong = next((task for task, label in each if not _is_label(label)), None)
        if wrong is not None:
            raise DataError(
                f"{source.name}: task {wrong!r}: expected a label, a name or a number, or a list"
                " of accepted ones"
            )
        return each, lambda row: f"{source.name}: task {each[row][0]!r}"
    if source.shape not in TABULAR:
        raise DataError(f"{source.name}: not a table (found {source.shape})")
    columns = column_names(source)
    task = find_column(columns, None, (*filter(None, [task_col]), *TASK))
    label = find_column(columns, None, (*filter(None, [label_col]), *LABEL))
    if len(columns) == 2 and (task is None) != (label is None):
        # Of two columns, the one that is not the other.
        other = next(c for c in columns if c not in (task, label))
        task, label = task or other, label or other
    names = {
        "task": task or pick(source.name, columns, None, TASK, "task"),
        "label": label or pick(source.name, columns, None, LABEL, "label"),
    }
    frame, place = scan(source, names)
    ids = as_ids(frame["task"], place, "task").cast(pl.String)
    if source.shape == "table":
        ids = plain_ids(ids, place, "task")
    return list(zip(ids.to_list(), texts(frame["label"]).to_list(), strict=True)), place


@dataclass(frozen=True)
class GoldOfTasks:
    """Gold labels of a file for answers that are not all in memory; see `read_gold`."""

    path: Path
    task_col: str | None = None
    label_col: str | None = None
    labels: Meaning | None = None

    @cached_property
    def names(self) -> list[str]:
        """The tasks that the file names."""
        pairs, _ = _pairs(Source.open(self.path), self.task_col, self.label_col)
        return list(dict.fromkeys(task for task, _ in pairs))

    def accepted(self, answers: Answers) -> NDArray[np.int32]:
        """Accepted classes of the tasks of some answers, see `read_truth`."""
        return read_truth(
            self.path, answers, task_col=self.task_col, label_col=self.label_col, labels=self.labels
        ).classes

    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)


def read_gold(
    path: str | Path, *, task_col: str | None = None, labels: Meaning | None = None
) -> GoldOfTasks | NDArray[Any]:
    """Gold labels for a fit of shards, from a file that `read_truth` can read.

    Raises
    ------
    DataError
        The file is not usable.
    """
    source = Source.open(path)
    if source.shape == "npy":
        return _array(source)
    gold = GoldOfTasks(Path(path), task_col, labels=labels)
    assert gold.names is not None
    return gold


def _is_mapping(source: Source) -> bool:
    return source.shape == "json" and isinstance(source.document, dict)


def _is_label(value: Any) -> bool:
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _position(label: int | str) -> int | str:
    return int(label) if isinstance(label, str) and label.isdecimal() else label


def _whole(label: int | str, answers: Answers) -> int | str:
    """A number as it was before pandas made it a float, beside an empty cell."""
    if isinstance(label, int) or label in answers.classes:
        return label
    before, _, after = label.partition(".")
    return before if after and before.isdecimal() and not after.strip("0") else label


def _array(source: Source) -> NDArray[Any]:
    array = source.array()
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), -1, array)
        if (array == np.floor(array)).all() and (np.abs(array) < 2**31).all():
            return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise DataError(f"{source.name}: expected whole numbers, not {array.dtype}")
    return array
