"""Label Studio's flat exports, JSON_MIN and CSV: one row an annotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id
from peerannot.io.formats.label_studio import CANCELLED, person, pick_image, values_of

__all__ = ["LabelStudioFlat"]

OWN = (
    "id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement",
    "ground_truth", "was_cancelled",
)  # fmt: skip


@FORMATS.register("label-studio-flat", "label-studio-min", "json-min", "label-studio-csv")
@dataclass(frozen=True, kw_only=True)
class LabelStudioFlat(RowFormat):
    """Label Studio's JSON_MIN and CSV exports: one row an annotation.

    Labels are those of a Choices, a Taxonomy (``Animal/Dog``) or a Rating control.

    Parameters
    ----------
    control
        Column of the label, named as the control, where there are several.
    """

    control: str | None = option(None, help="column of the label")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        columns = source.header if source.shape == "table" else source.first
        fits = isinstance(columns, tuple | dict)
        return CERTAIN if fits and {"id", "annotator", "annotation_id"} <= set(columns) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        control = self._control(source)
        if self.control is None:
            yield Said("label", control)
        for place, row in _rows(source):
            task = text_id(row.get("id"), place, "id of the task")
            key, image = pick_image({k: v for k, v in row.items() if k not in (*OWN, control)})
            if key is not None:
                yield Said("image", key)
            labels = _labels(row.get(control), place)
            if _true(row.get("was_cancelled")):
                labels = []
            gold = _true(row.get("ground_truth"))
            if len(labels) > 1:
                yield self.several(labels, place, task, image)
            elif gold and not labels:
                yield Skip(CANCELLED, task, image)
            else:
                worker = "" if gold else person(row.get("annotator"), place)
                label = labels[0] if labels else None
                yield Row(task, worker, label, place, moment(row.get("created_at")), gold, image)

    def _control(self, source: Source) -> str:
        columns, between = _columns(source)
        if self.control is not None:
            if self.control not in columns:
                raise DataError(
                    f"{source.name}: no column {self.control!r}; there are {few(columns, 12)}"
                    + did_you_mean(self.control, columns)
                )
            return self.control
        for name in ("id", "annotator"):
            if name not in columns:
                raise DataError(f"{source.name}: no column {name!r}; there are {few(columns, 12)}")
        found = between or [c for c in columns if _may_be_control(c)]
        if len(found) != 1:
            raise DataError(
                f"{source.name}: which column holds the choice: {few(found, 12) or 'none'}?"
                " give --control"
            )
        return found[0]


def _rows(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from source.csv_rows() if source.shape == "table" else source.records()


def _may_be_control(column: str) -> bool:
    return column not in OWN and not column.startswith("_data_")


def _columns(source: Source) -> tuple[list[str], list[str]]:
    """All columns, and those where the exporter puts controls: between id and annotator.

    A control that a worker left empty is no key of that record, so every record is looked at.
    """
    columns: dict[str, None] = {}
    between: dict[str, None] = {}
    heads = [source.header] if source.shape == "table" else (row for _, row in source.records())
    for head in heads:
        names = [str(name) for name in head]
        columns.update(dict.fromkeys(names))
        if "id" in names and "annotator" in names:
            inside = names[names.index("id") + 1 : names.index("annotator")]
            between.update(dict.fromkeys(filter(_may_be_control, inside)))
    return list(columns), list(between)


def _labels(value: Any, place: str) -> list[str]:
    """Labels of a cell: a text or a number, or what a control holds; in CSV that is JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
    if value is None or value == "":
        return []
    if isinstance(value, dict):
        return values_of(value, place)
    if isinstance(value, list):
        return [label for entry in value for label in _labels(entry, place)]
    return [text_id(value, place, "label")]


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
