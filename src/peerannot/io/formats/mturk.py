"""Batch results of Amazon Mechanical Turk, and of Turkle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, text_id
from peerannot.io.formats.label_studio import pick_image

__all__ = ["MTurk"]

WORKER = ("WorkerId", "Turkle.Username")
YES, UNTICKED = ("true", "on"), ("true", "false", "on", "off", "")


@FORMATS.register("mturk", "turkle")
@dataclass(frozen=True, kw_only=True)
class MTurk(RowFormat):
    """Batch results in CSV: a row an assignment.

    The task is the ``Input.`` column (the HIT's id repeats from batch to batch), else
    ``HITId``; the label is ``Answer.<field>``, ``Answer.<field>.label`` (crowd-classifier), or
    the option ticked among ``Answer.<field>.<option>``. Numbered columns (``Input.image1``,
    ``Answer.choice1``, ...) are several tasks a row.

    Parameters
    ----------
    task_col, label_col
        The columns, where several could be meant (``Input.image_url``, ``Answer.choice``).
    rejected
        ``"keep"`` or ``"drop"`` assignments that the requester rejected.
    """

    task_col: str | None = option(None, help="column of the task")
    label_col: str | None = option(None, help="column of the label, or its field")
    rejected: Literal["keep", "drop"] = option("keep", help="rejected assignments")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        header = source.header
        worker = any(name in header for name in WORKER)
        return CERTAIN if worker and any(c.startswith("Answer.") for c in header) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        header = source.header
        worker = next((name for name in WORKER if name in header), None)
        if worker is None:
            raise DataError(f"{source.name}: no column WorkerId; there are {few(header, 12)}")
        pairs = list(self._pairs(source.name, header))
        yield Said("worker", worker)
        for task_column, fields in pairs:
            if self.task_col is None:
                yield Said("task", task_column)
            if self.label_col is None:
                yield Said("label", ".".join(fields[0].split(".")[:2]))
        rejected = 0
        for place, row in source.csv_rows():
            drop = row.get("AssignmentStatus", "").strip().lower() == "rejected"
            who = text_id(row[worker], place, "WorkerId")
            for task_column, fields in pairs:
                key = row[task_column]
                if not key and len(pairs) > 1:
                    continue  # the last HIT of a batch may hold fewer tasks
                task = text_id(key, place, task_column)
                _, image = pick_image({task_column.removeprefix("Input."): key})
                if drop and self.rejected == "drop":
                    yield Skip("rejected by the requester", task, image)
                    continue
                rejected += drop
                labels = _labels(row, fields, place)
                if len(labels) > 1:
                    yield self.several(labels, place, task, image)
                else:
                    label = labels[0] if labels else None
                    yield Row(task, who, label, place, image=image)
        if rejected:
            yield Said("note", f"{rejected} answers were rejected; --read rejected=drop leaves them"
                               " out")  # fmt: skip

    def _pairs(self, where: str, header: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Each column of tasks, with the columns of its answer."""
        inputs = [c for c in header if c.startswith("Input.")]
        fields: dict[str, list[str]] = {}
        for column in header:
            if column.startswith("Answer."):
                fields.setdefault(column.split(".")[1], []).append(column)
        numbered = {number: c for c in inputs if (number := _number(c))}
        answered = {number: f for f in fields if (number := _number(f))}
        clear = len(answered) == sum(_number(f) is not None for f in fields)
        if (
            self.task_col is None
            and self.label_col is None
            and len(numbered) > 1
            and len(numbered) == len(inputs)
            and clear
            and numbered.keys() == answered.keys()
        ):
            yield from ((column, fields[answered[n]]) for n, column in numbered.items())
            return
        yield self._task(where, header, inputs), self._field(where, fields)

    def _task(self, where: str, header: Sequence[str], inputs: list[str]) -> str:
        if self.task_col is not None:
            for name in (self.task_col, f"Input.{self.task_col}"):
                if name in header:
                    return name
            raise DataError(
                f"{where}: no column {self.task_col!r}; there are {few(header, 12)}"
                + did_you_mean(self.task_col, header)
            )
        likely = [c for c in inputs if c.split(".")[1] in ("image_url", "image", "img", "url")]
        found = likely[:1] or inputs or [c for c in ("HITId", "Turkle.TaskId") if c in header][:1]
        if len(found) != 1:
            raise DataError(
                f"{where}: which column is the task: {few(found, 12) or 'none found'}?"
                " give --task-col"
            )
        return found[0]

    def _field(self, where: str, fields: Mapping[str, list[str]]) -> list[str]:
        if self.label_col is not None:
            name = self.label_col.removeprefix("Answer.").split(".")[0]
            if name not in fields:
                raise DataError(
                    f"{where}: no answer {self.label_col!r}; there are {few(fields, 12)}"
                    + did_you_mean(name, fields)
                )
            return fields[name]
        if len(fields) != 1:
            raise DataError(
                f"{where}: which field is the label: {few(fields, 12) or 'none found'}?"
                " give --label-col"
            )
        return next(iter(fields.values()))


def _number(name: str) -> str | None:
    found = re.search(r"(\d+)$", name)
    return found[1] if found else None


def _labels(row: Mapping[str, str], columns: list[str], place: str) -> list[str]:
    """Labels that one answer gives: a text, JSON, or options that are ticked."""
    ticks = [c for c in columns if c.count(".") >= 2 and not c.endswith(".label")]
    if ticks and all(row[c].strip().lower() in UNTICKED for c in ticks):
        return [c.split(".", 2)[2] for c in ticks if row[c].strip().lower() in YES]
    texts = [row[c].strip() for c in columns if row[c].strip()]
    if len(texts) == 1 and texts[0][0] in "[{":
        try:
            return _from_json(orjson.loads(texts[0]), place)
        except orjson.JSONDecodeError:
            return texts
    return texts


def _from_json(value: Any, place: str) -> list[str]:
    """``[{"category": {"label": "Cat"}}]`` and ``{"choice": {"cat": true}}``, as newer HITs."""
    if isinstance(value, list):
        return [label for entry in value for label in _from_json(entry, place)]
    if not isinstance(value, dict):
        return [text_id(value, place, "label")]
    if "label" in value and not isinstance(value["label"], dict | list):
        return [text_id(value["label"], place, "label")]
    if value and all(isinstance(v, bool) for v in value.values()):
        return [key for key, ticked in value.items() if ticked]
    return [label for entry in value.values() for label in _from_json(entry, place)]
