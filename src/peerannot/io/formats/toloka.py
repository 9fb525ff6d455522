"""Toloka's table of assignments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id
from peerannot.io.formats.label_studio import pick_image

__all__ = ["Toloka"]

INPUT, OUTPUT, GOLDEN, HINT = "INPUT:", "OUTPUT:", "GOLDEN:", "HINT:"
TASK, WORKER = "ASSIGNMENT:task_id", "ASSIGNMENT:worker_id"


@FORMATS.register("toloka")
@dataclass(frozen=True, kw_only=True)
class Toloka(RowFormat):
    """Toloka's TSV of assignments: a row an answer, with columns INPUT, OUTPUT, GOLDEN.

    The task is the only ``INPUT:`` column (the same object has another id in another pool),
    else ``ASSIGNMENT:task_id``; the label is ``OUTPUT:<field>``, and ``GOLDEN:<field>`` the known
    label of a control task. Rejected assignments are left out.

    Parameters
    ----------
    task_col, label_col
        The columns, where several could be meant (``INPUT:image``, ``result``).
    rejected
        ``"drop"`` or ``"keep"`` assignments that the requester rejected.
    """

    task_col: str | None = option(None, help="column of the task")
    label_col: str | None = option(None, help="column of the label, or its field")
    rejected: Literal["drop", "keep"] = option("drop", help="rejected assignments")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        header = source.header
        fits = WORKER in header or any(c.startswith(INPUT) for c in header)
        return CERTAIN if fits and any(c.startswith(OUTPUT) for c in header) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        header = source.header
        if WORKER not in header:
            raise DataError(
                f"{source.name}: no column {WORKER}, so it does not say who answered; download"
                " the results with ids of workers"
            )
        inputs = [c for c in header if c.startswith(INPUT)]
        task_column = self._task(source.name, header, inputs)
        label_column = self._label(source.name, header)
        gold_column = GOLDEN + label_column.removeprefix(OUTPUT)
        if self.task_col is None:
            yield Said("task", task_column)
        if self.label_col is None:
            yield Said("label", label_column)
        training = 0
        for place, row in source.csv_rows():
            task = text_id(row[task_column], place, task_column)
            key, image = pick_image({c.removeprefix(INPUT): row[c] for c in inputs})
            if key is not None:
                yield Said("image", INPUT + key)
            gold = row.get(gold_column, "")
            if gold:
                yield Row(task, "", gold, place, gold=True, image=image)
            if row.get("ASSIGNMENT:status") == "REJECTED" and self.rejected == "drop":
                yield Skip("rejected by the requester", task, image)
                continue
            training += any(row[c] for c in header if c.startswith(HINT))
            time = moment(row.get("ASSIGNMENT:submitted"))
            worker = text_id(row[WORKER], place, WORKER)
            yield Row(task, worker, row[label_column] or None, place, time, image=image)
        if training:
            yield Said("note", f"{training} answers are of training tasks, which have a hint")

    def _task(self, where: str, header: tuple[str, ...], inputs: list[str]) -> str:
        if self.task_col is not None:
            return _named(where, header, self.task_col, INPUT)
        if len(inputs) == 1:
            return inputs[0]
        if TASK in header:
            return TASK
        raise DataError(
            f"{where}: which column is the task: {few(inputs, 12) or 'none found'}? give --task-col"
        )

    def _label(self, where: str, header: tuple[str, ...]) -> str:
        if self.label_col is not None:
            return _named(where, header, self.label_col, OUTPUT)
        found = [c for c in header if c.startswith(OUTPUT)]
        if len(found) != 1:
            raise DataError(
                f"{where}: which column is the label: {few(found, 12) or 'none found'}? give"
                " --label-col"
            )
        return found[0]


def _named(where: str, header: tuple[str, ...], name: str, prefix: str) -> str:
    found = next((c for c in (name, prefix + name) if c in header), None)
    if found is None:
        raise DataError(
            f"{where}: no column {name!r}; there are {few(header, 12)}" + did_you_mean(name, header)
        )
    return found
