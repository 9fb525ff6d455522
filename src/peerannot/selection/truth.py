"""Known labels from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._files import sha256
from peerannot._text import did_you_mean, few
from peerannot.answers import Answers, gold_labels
from peerannot.errors import DataError
from peerannot.io import Source, read_columns
from peerannot.io._classes import are_positions
from peerannot.io._float_ids import plain_ids

__all__ = ["GoldOfTasks", "Truth", "read_gold", "read_truth"]

LABEL = ("label", "truth", "true_label", "gold", "ground_truth", "agg_label", "answer")


@dataclass(frozen=True)
class Truth:
    """Known classes in the order of tasks, int32 (n_tasks,), -1 for unknown.

    ``without_answers`` counts tasks of the file that have no entry in the answers.
    """

    codes: NDArray[np.int32]
    without_answers: int = 0


def read_truth(path: str | Path, answers: Answers, *, task_col: str | None = None) -> Truth:
    """Read known labels.

    Parameters
    ----------
    path
        A table (CSV, TSV, Parquet, NDJSON) with columns task and label, whose cells are names of
        classes, or all positions where no class has a number as name; a JSON object from task to
        label, where texts are names and whole numbers positions; or a ``.npy`` of positions in
        the order of tasks, -1 for unknown.
    answers
        Whose tasks and classes the labels speak of.
    task_col
        Column of the task, where the table has one of this name.

    Raises
    ------
    DataError
        The file is not usable, a label is not a class, or no task has answers.
    """
    source = Source.open(path)
    if source.shape == "npy":
        return Truth(gold_labels(answers, _array(source)))
    pairs, place = _pairs(source, task_col)
    if not _is_mapping(source):
        own = list({label for task, label in pairs if task in answers.tasks})
        if are_positions(own, answers.classes):
            pairs = [(task, _position(label)) for task, label in pairs]
    codes = np.full(answers.n_tasks, -1, np.int32)
    index, lost = answers.tasks.index_of, 0
    for row, (task, label) in enumerate(pairs):
        at = index.get(task)
        if at is None:
            lost += 1
            continue
        code = answers.class_code(label)
        if code < 0:
            known_as = "one of" if isinstance(label, str) else "a position of"
            raise DataError(
                f"{place(row)}: label {label!r} is not {known_as} {few(answers.classes, 12)}"
                + (
                    did_you_mean(str(label), answers.classes)
                    or "; if no worker gave it, name all classes with --classes"
                )
            )
        if codes[at] not in (-1, code):
            raise DataError(f"{place(row)}: task {task!r} has two different labels")
        codes[at] = code
    if not (codes >= 0).any():
        raise DataError(
            f"{source.name}: none of its tasks ({few((t for t, _ in pairs), 3)}) has answers"
            + (f"; tasks of the answers are {few(answers.tasks, 3)}" if len(answers.tasks) else "")
        )
    return Truth(codes, lost)


def _pairs(
    source: Source, task_col: str | None
) -> tuple[list[tuple[str, Any]], Callable[[int], str]]:
    """Tasks and labels of a file, and the place of each."""
    if _is_mapping(source):
        known: Any = source.document
        wrong = next((t for t, v in known.items() if not _is_label(v)), None)
        if wrong is not None:
            raise DataError(
                f"{source.name}: task {wrong!r}: expected one label, a name or a number"
            )
        places = [f"{source.name}: task {t!r}" for t in known]
        return [(str(task), label) for task, label in known.items()], places.__getitem__
    tasks = (*([task_col] if task_col else []), "task", "item", "id")
    frame, place = read_columns(source, {"task": tasks, "label": LABEL})
    if source.shape == "table":
        frame = frame.with_columns(task=plain_ids(frame["task"], place, "task"))
    return list(zip(frame["task"].to_list(), frame["label"].to_list(), strict=True)), place


@dataclass(frozen=True)
class GoldOfTasks:
    """Gold labels of a file for answers that are not all in memory; see `read_gold`."""

    path: Path
    task_col: str | None = None

    @cached_property
    def names(self) -> list[str]:
        """The tasks that the file names."""
        return list(dict.fromkeys(t for t, _ in _pairs(Source.open(self.path), self.task_col)[0]))

    def codes(self, answers: Answers) -> NDArray[np.int32]:
        """Classes of the tasks of some answers, see `read_truth`."""
        return read_truth(self.path, answers, task_col=self.task_col).codes

    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)


def read_gold(path: str | Path, *, task_col: str | None = None) -> GoldOfTasks | NDArray[Any]:
    """Gold labels for a fit of shards, from a file that `read_truth` can read.

    Raises
    ------
    DataError
        The file is not usable.
    """
    source = Source.open(path)
    if source.shape == "npy":
        return _array(source)
    gold = GoldOfTasks(Path(path), task_col)
    assert gold.names is not None
    return gold


def _is_mapping(source: Source) -> bool:
    return source.shape == "json" and isinstance(source.document, dict)


def _is_label(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _position(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _array(source: Source) -> NDArray[Any]:
    array = source.array()
    if array.dtype.kind not in "iu":
        raise DataError(f"{source.name}: expected whole numbers, not {array.dtype}")
    return array
