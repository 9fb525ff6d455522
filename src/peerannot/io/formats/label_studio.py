"""Label Studio: the full JSON export, and the flat JSON_MIN and CSV exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from peerannot._options import option
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import (
    CERTAIN,
    FORMATS,
    NO,
    Row,
    RowFormat,
    Skip,
    moment,
    text_id,
)

__all__ = ["LabelStudio", "LabelStudioFlat"]

ABSTAINED = "no choice made"
CANCELLED = "cancelled or skipped by the worker"
FLAT = (
    "id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement",
)  # fmt: skip


@FORMATS.register("label-studio", "labelstudio", "label-studio-json")
@dataclass(frozen=True, kw_only=True)
class LabelStudio(RowFormat):
    """Label Studio's JSON export: a list of tasks, each with its annotations.

    ``completed_by`` is the worker, a number or an object. Cancelled annotations, drafts and
    predictions are no answers; ``ground_truth`` annotations are gold. Exports of old versions
    (``completions``, ``skipped``) are read too.

    Parameters
    ----------
    control
        Name of the Choices control, where the project has several.
    """

    control: str | None = option(None, help="name of the Choices control")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        if not isinstance(first, dict):
            return NO
        return CERTAIN if isinstance(_annotations(first), list) and "data" in first else NO

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        control = self.control or _only_control(source)
        for place, entry in source.records():
            task = text_id(entry.get("id"), place, "id of the task")
            image = image_of(entry.get("data"))
            annotations = _annotations(entry)
            if not isinstance(annotations, list):
                raise DataError(f"{place}: a task without a list of annotations")
            if not annotations:
                yield Skip("", task, image)
            for number, annotation in enumerate(annotations, 1):
                where = f"{place} annotation {number}"
                if not isinstance(annotation, dict):
                    raise DataError(f"{where}: expected a JSON object")
                yield self._answer(annotation, task, image, control, where)

    def _answer(
        self, annotation: dict[str, Any], task: str, image: str | None, control: str, where: str
    ) -> Row | Skip:
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            return Skip(CANCELLED, task, image)
        labels = [label for name, label in _choices(annotation, where) if name == control]
        if not labels:
            return Skip(ABSTAINED, task, image)
        if len(labels) > 1:
            return self.several(labels, where, task, image)
        gold = bool(annotation.get("ground_truth"))
        worker = "" if gold else person(annotation.get("completed_by"), where)
        time = moment(annotation.get("created_at"))
        return Row(task, worker, labels[0], where, time, gold, image)


@FORMATS.register("label-studio-flat", "label-studio-min", "json-min", "label-studio-csv")
@dataclass(frozen=True, kw_only=True)
class LabelStudioFlat(RowFormat):
    """Label Studio's JSON_MIN and CSV exports: one row an annotation.

    Parameters
    ----------
    control
        Column of the choice, named as the control, where there are several.
    """

    control: str | None = option(None, help="column of the choice")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        columns = _flat_columns(source)
        return CERTAIN if {"id", "annotator", "annotation_id"} <= set(columns) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        control = self._control(source)
        rows = source.csv_rows() if source.shape == "table" else source.records()
        for place, row in rows:
            task = text_id(row.get("id"), place, "id of the task")
            image = image_of({k: v for k, v in row.items() if k not in (*FLAT, control)})
            labels = _flat_choices(row.get(control))
            if not labels:
                yield Skip(ABSTAINED, task, image)
            elif len(labels) > 1:
                yield self.several(labels, place, task, image)
            else:
                worker = person(row.get("annotator"), place)
                yield Row(
                    task, worker, labels[0], place, moment(row.get("created_at")), image=image
                )

    def _control(self, source: Source) -> str:
        columns = [str(c) for c in _flat_columns(source)]
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
        # The exporter writes the data, then the id, then the controls, then the annotator.
        start, end = columns.index("id") + 1, columns.index("annotator")
        likely = [c not in FLAT and not c.startswith("_data_") for c in columns]
        between = [c for c, ok in list(zip(columns, likely, strict=True))[start:end] if ok]
        found = between or [c for c, ok in zip(columns, likely, strict=True) if ok]
        if len(found) != 1:
            raise DataError(
                f"{source.name}: which column holds the choice: {few(found, 12) or 'none'}?"
                " give --control"
            )
        return found[0]


def _flat_columns(source: Source) -> tuple[str, ...]:
    if source.shape == "table":
        return source.header
    return tuple(source.first) if isinstance(source.first, dict) else ()


def _flat_choices(value: Any) -> list[str]:
    """A single choice is a text; several are ``{"choices": [...]}``, in CSV as JSON text."""
    if isinstance(value, str) and value.startswith('{"choices"'):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return [value]
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        return [str(v) for v in value]
    return [] if value is None or value == "" else [str(value)]


def _annotations(entry: dict[str, Any]) -> Any:
    return entry.get("annotations", entry.get("completions"))


def _choices(annotation: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Every choice of an annotation, with the name of its control."""
    results = annotation.get("result") or []
    if not isinstance(results, list):
        raise DataError(f"{where}: result is not a list")
    for item in results:
        if not isinstance(item, dict) or item.get("type") != "choices":
            continue
        value = item.get("value")
        choices = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(choices, list):
            raise DataError(f"{where}: a result of type choices without a list of choices")
        for choice in choices:
            yield str(item.get("from_name")), text_id(choice, where, "choice")


def _only_control(source: Source) -> str:
    names: dict[str, None] = {}
    for place, entry in source.records():
        annotations = _annotations(entry)
        for annotation in annotations if isinstance(annotations, list) else []:
            if isinstance(annotation, dict):
                names.update(dict.fromkeys(name for name, _ in _choices(annotation, place)))
    if len(names) > 1:
        raise DataError(
            f"{source.name}: the project has several Choices controls ({few(names)}); say which"
            " with --control"
        )
    return next(iter(names), "")


def person(value: Any, place: str) -> str:
    """Who answered: an id or an e-mail, or an object that holds them."""
    if isinstance(value, dict):
        value = value.get("id", value.get("email"))
    return text_id(value, place, "annotator")


def image_of(data: Any) -> str | None:
    """File of the image among a task's data: the key ``image``, else the first that looks so."""
    if not isinstance(data, dict):
        return None
    texts = {k: v for k, v in data.items() if isinstance(v, str) and v}
    for key in ("image", "img", "image_url", "url"):
        if key in texts:
            return texts[key]
    endings = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
    return next((v for v in texts.values() if v.lower().endswith(endings)), None)
