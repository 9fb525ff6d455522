"""The dataset's own ``answers.json``, the same with workers outside, and the text matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Format, Votes

__all__ = ["AnswersJson", "TextMatrix", "WorkerFirst"]


@FORMATS.register("answers-json", "answers.json", "peerannot", "task-first")
@dataclass(frozen=True, kw_only=True)
class AnswersJson(Format):
    """``{task: {worker: label}}``, as a dataset folder has it.

    Keys are ids; labels are positions of classes (whole numbers 0..K-1) or class names (texts).
    A task with ``{}`` stays a task. The order of keys means nothing.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape != "json":
            return NO
        document = source.document
        if not isinstance(document, dict) or not document:
            return NO
        rows = all(isinstance(row, dict) for row in document.values())
        # What is wrong with a fraction is said when it is read.
        one = rows and not any(isinstance(x, dict | list) for x in _inner(document))
        return CERTAIN if one else NO

    def read(self, source: Source) -> Votes:
        outer, inner, labels, keys = _flatten(source, ("task", "worker"))
        return _votes(source, outer, inner, labels, tuple(keys))


@FORMATS.register("worker-first")
@dataclass(frozen=True, kw_only=True)
class WorkerFirst(Format):
    """``{worker: {task: label}}``: the same shape with workers outside, so it must be named."""

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        return NO

    def read(self, source: Source) -> Votes:
        workers, tasks, labels, _ = _flatten(source, ("worker", "task"))
        return _votes(source, tasks, workers, labels, None)


@FORMATS.register("text-matrix", "rodrigues")
@dataclass(frozen=True, kw_only=True)
class TextMatrix(Format):
    """Rodrigues' text matrix: a row a task, a column a worker, -1 where there is no answer.

    Whole numbers with spaces between; tasks and workers are numbered from 0.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        return CERTAIN if source.shape == "matrix" else NO

    def read(self, source: Source) -> Votes:
        rows = []
        for number, line in enumerate(source.text().splitlines(), 1):
            cells = line.replace(",", " ").split()
            if not cells:
                continue
            try:
                rows.append([int(cell) for cell in cells])
            except ValueError:
                wrong = next(c for c in cells if not c.lstrip("-").isdigit())
                raise DataError(
                    f"{source.name} line {number}: {wrong!r} is not a whole number"
                ) from None
            if len(rows[-1]) != len(rows[0]):
                raise DataError(
                    f"{source.name} line {number}: {len(rows[-1])} cells, the first row has"
                    f" {len(rows[0])}"
                )
            if min(rows[-1]) < -1 or max(rows[-1]) > 2**31 - 1:
                raise DataError(f"{source.name} line {number}: labels must be -1, 0, 1, ...")
        if not rows:
            raise DataError(f"{source.name}: the file is empty")
        matrix = np.array(rows, dtype=np.int64)
        task, worker = (axis.ravel() for axis in np.indices(matrix.shape, dtype=np.int32))
        frame = pl.DataFrame({"task": task, "worker": worker, "label": matrix.ravel()})
        return Votes(
            frame,
            lambda row: f"{source.name} row {int(task[row]) + 1} column {int(worker[row]) + 1}",
            tasks=tuple(map(str, range(len(rows)))),
            matrix=True,
            coded=True,
        )


def _is_vote(value: Any) -> bool:
    """A name, a number, or null for no answer."""
    return value is None or isinstance(value, int | str)


def _plain(value: Any) -> Any:
    """A whole float as the number it is, and a boolean as its name, as in tables."""
    if isinstance(value, bool):
        return str(value).lower()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _inner(document: Mapping[str, Mapping[str, Any]]) -> chain[Any]:
    return chain.from_iterable(row.values() for row in document.values())


def _flatten(
    source: Source, names: tuple[str, str]
) -> tuple[list[str], list[str], list[Any], list[str]]:
    document = source.document
    if not isinstance(document, dict):
        raise DataError(f"{source.name}: expected {{{names[0]}: {{{names[1]}: label}}}}")
    for key, row in document.items():
        if not isinstance(row, dict):
            raise DataError(
                f"{source.name}: {names[0]} {key!r} has {type(row).__name__} instead of"
                f" {{{names[1]}: label}}"
            )
    labels = list(map(_plain, _inner(document)))
    outer = list(chain.from_iterable([key] * len(row) for key, row in document.items()))
    inner = list(chain.from_iterable(document.values()))
    for i, label in enumerate(labels):
        if not _is_vote(label):
            raise DataError(
                f"{source.name}: {names[0]} {outer[i]!r}, {names[1]} {inner[i]!r}: the label"
                f" {label!r} is no name or number of a class; write names as texts"
            )
    return outer, inner, labels, list(document)


def _votes(
    source: Source,
    task: list[str],
    worker: list[str],
    labels: list[Any],
    tasks: tuple[str, ...] | None,
) -> Votes:
    if {"", *task, *worker} - {""} != {*task, *worker}:
        raise DataError(f"{source.name}: an id is empty")
    kinds = set(map(type, labels)) - {type(None)}
    texts = pl.Series([None if x is None else str(x) for x in labels], dtype=pl.String)
    frame = pl.DataFrame(
        {
            "task": pl.Series(task, dtype=pl.String),
            "worker": pl.Series(worker, dtype=pl.String),
            "label": texts,
        }
    )
    return Votes(
        frame,
        lambda i: f"{source.name}: task {task[i]!r}, worker {worker[i]!r}",
        tasks,
        coded=None if kinds == {int, str} else kinds == {int},
    )
