"""Full reports of Appen, earlier Figure Eight and CrowdFlower."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, text_id
from peerannot.io.formats.label_studio import pick_image

__all__ = ["Appen"]

UNIT, WORKER, TRUST = "_unit_id", "_worker_id", "_trust"
GOLD = "_gold"


@FORMATS.register("appen", "figure-eight", "crowdflower")
@dataclass(frozen=True, kw_only=True)
class Appen(RowFormat):
    """A full report in CSV: a row a judgment, with ``_unit_id`` and ``_worker_id``.

    Test questions (``_golden``) have their known label in ``<field>_gold``; where it lists
    several right ones, none is kept, since gold is one label a task. The trust in a worker is a
    weight where ``weight_col="_trust"`` asks for it. Several labels in one cell stand on lines.

    Parameters
    ----------
    task_col, worker_col
        Columns of the task and the worker.
    label_col
        The field, where there are several questions.
    weight_col
        Column of the weight of an answer (``_trust``).
    gold_col
        Column of known labels, or ``none``; by default that of the field.
    tainted
        ``"keep"`` or ``"drop"`` judgments of workers who failed the test questions.
    """

    task_col: str = option(UNIT, help="column of the task")
    worker_col: str = option(WORKER, help="column of the worker")
    label_col: str | None = option(None, help="field of the label")
    weight_col: str | None = option(None, help="column of the answer's weight, as _trust")
    gold_col: str = option("", help="column of known labels; none: do not read any")
    tainted: Literal["keep", "drop"] = option("keep", help="judgments of workers who failed tests")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        known = {WORKER, "_trusted_judgments"} & set(source.header)
        return CERTAIN if known and UNIT in source.header else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        header = source.header
        if WORKER not in header and self.worker_col == WORKER:
            raise DataError(
                f"{source.name}: no column {WORKER}: an aggregated report does not say who"
                " answered; download the full report"
            )
        for name in (self.task_col, self.worker_col, self.weight_col, self.label_col):
            if name is not None and name not in header:
                raise DataError(_missing(source.name, name, header))
        label = self.label_col or self._field(source)
        gold = self._gold(source.name, label, header)
        if self.label_col is None:
            yield Said("label", label)
        if not self.gold_col:
            yield Said("gold", gold or "none")
        yield from self._judgments(source, label, gold)

    def _judgments(self, source: Source, label: str, gold: str) -> Iterator[Row | Skip | Said]:
        tainted = 0
        open_tests: set[str] = set()
        for place, row in source.csv_rows():
            task = text_id(row[self.task_col], place, self.task_col)
            key, image = pick_image({k: v for k, v in row.items() if k not in (label, gold)})
            if key is not None:
                yield Said("image", key)
            test = gold != "" and _true(row.get("_golden", "true"))
            right = _lines(row[gold]) if test else []
            if len(right) == 1:
                yield Row(task, "", right[0], place, gold=True, image=image)
            elif right:
                open_tests.add(task)
            if _true(row.get("_tainted", "")):
                if self.tainted == "drop":
                    yield Skip("tainted", task, image)
                    continue
                tainted += 1
            labels = _lines(row[label])
            if len(labels) > 1:
                yield self.several(labels, place, task, image)
                continue
            worker = text_id(row[self.worker_col], place, self.worker_col)
            weight = None if self.weight_col is None else _weight(row[self.weight_col], place)
            yield Row(
                task, worker, labels[0] if labels else None, place, _moment(row), False, image,
                weight,
            )  # fmt: skip
        if tainted:
            yield Said(
                "note", f"{tainted} judgments are tainted; --read tainted=drop leaves them out"
            )
        if open_tests:
            yield Said("note", f"{len(open_tests)} test questions have several right labels, which"
                               " are not kept")  # fmt: skip
        if self.weight_col is None and TRUST in source.header:
            yield Said("note", "answers count alike; --weight-col _trust weights them by trust")

    def _field(self, source: Source) -> str:
        """The question: a column with one of gold beside it, else one that varies in a unit."""
        header = source.header
        data = [c for c in header if not c.startswith("_") and GOLD not in c]
        found = [c for c in data if c + GOLD in header]
        if not found:
            found = _varying(source, self.task_col, data)
        if len(found) != 1:
            raise DataError(
                f"{source.name}: which column is the label: {few(found or data, 12) or 'none'}?"
                " give --label-col"
            )
        return found[0]

    def _gold(self, where: str, label: str, header: tuple[str, ...]) -> str:
        if self.gold_col.lower() == "none":
            return ""
        if self.gold_col and self.gold_col not in header:
            raise DataError(_missing(where, self.gold_col, header))
        return self.gold_col or (label + GOLD if label + GOLD in header else "")


def _varying(source: Source, unit: str, columns: list[str]) -> list[str]:
    """Columns that differ between judgments of a unit; what was asked about does not."""
    seen: dict[str, dict[str, str]] = {}
    varying = set()
    for _, row in source.csv_rows():
        first = seen.setdefault(row[unit], row)
        varying |= {c for c in columns if row[c] != first[c]}
    return [c for c in columns if c in varying]


def _missing(where: str, name: str, header: tuple[str, ...]) -> str:
    return f"{where}: no column {name!r}; there are {few(header, 12)}{did_you_mean(name, header)}"


def _lines(cell: str) -> list[str]:
    return [line.strip() for line in cell.splitlines() if line.strip()]


def _true(text: str) -> bool:
    return text.strip().lower() == "true"


def _weight(text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise DataError(f"{place}: the weight {text!r} is not a number >= 0")
    return number


def _moment(row: Mapping[str, str]) -> float | None:
    """When a judgment was given; reports write months first, without a zone."""
    try:
        time = datetime.strptime(row.get("_created_at", ""), "%m/%d/%Y %H:%M:%S")
    except ValueError:
        return None
    return time.replace(tzinfo=UTC).timestamp()
