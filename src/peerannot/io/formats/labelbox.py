"""Labelbox's export: NDJSON, or a JSON list of the same records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._controls import choose
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id

__all__ = ["Labelbox"]


@FORMATS.register("labelbox")
@dataclass(frozen=True, kw_only=True)
class Labelbox(RowFormat):
    """Labelbox's export of data rows, with label details.

    The task is the data row, the worker ``label_details.created_by``, the label the answer to a
    radio question, or to a checklist where one is ticked. A skipped label is an abstention; the
    reference label of a benchmark is gold.

    Parameters
    ----------
    control
        Name of the classification, where there are several.
    project
        Id of the project, where there are several.
    task
        What names a task: the ``"id"`` of the data row, its ``"global_key"`` or
        ``"external_id"``.
    """

    control: str | None = option(None, help="name of the classification")
    project: str | None = option(None, help="id of the project")
    task: Literal["id", "global_key", "external_id"] = option("id", help="what names a task")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        first = source.first
        return CERTAIN if isinstance(first, dict) and {"data_row", "projects"} <= set(first) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        project, control = self._which(source)
        if self.control is None and control:
            yield Said("label", control)
        for place, record in source.records():
            row = _object(record.get("data_row"), place, "data_row")
            task = text_id(row.get(self.task), place, self.task)
            held = row.get("row_data")
            image = held if isinstance(held, str) and held else None
            labels = list(_labels(record, project, place))
            if not labels:
                yield Skip("", task, image)
            named = (
                _part(label, "performance_details").get("benchmark_reference_label")
                for label, _ in labels
            )
            references = {str(reference) for reference in named if reference is not None}
            for label, where in labels:
                gold = label.get("id") is not None and str(label["id"]) in references
                yield self._answer(label, task, image, control, where, gold)

    def _answer(
        self, label: dict[str, Any], task: str, image: str | None, control: str, place: str,
        gold: bool,
    ) -> Row | Skip:  # fmt: skip
        details = _part(label, "label_details")
        skipped = bool(_part(label, "performance_details").get("skipped"))
        chosen = [
            text
            for name, item in _classifications(label, place)
            if name == control and not skipped
            for text in answers(item, place) or ()
        ]
        if len(chosen) > 1:
            return self.several(chosen, place, task, image)
        if gold and not chosen:
            return Skip("a benchmark without an answer", task, image)
        who = details.get("created_by")
        if not gold and who is None:
            raise DataError(f"{place}: no label_details.created_by; export with label details")
        worker = "" if gold else text_id(who, place, "created_by")
        time = moment(details.get("created_at"))
        return Row(task, worker, chosen[0] if chosen else None, place, time, gold, image)

    def _which(self, source: Source) -> tuple[str, str]:
        projects: dict[str, str] = {}
        readable: dict[str, dict[str, bool]] = {}
        kinds: dict[str, str] = {}
        for place, record in source.records():
            for key, held in _object(record.get("projects"), place, "projects").items():
                projects[key] = str(_object(held, place, "a project").get("name", ""))
                there = readable.setdefault(key, {})
                for label, where in _labels(record, key, place):
                    for name, item in _classifications(label, where):
                        fits = answers(item, where) is not None
                        there[name] = fits and there.get(name, True)
                        kinds[name] = f"{_kind(item)} {name!r}"
                    for item in _items(label, "objects", where):
                        name = str(item.get("name"))
                        there.setdefault(name, False)
                        kinds.setdefault(name, f"object {name!r}")
        everything = dict.fromkeys(projects, True)
        project = choose(
            source.name, self.project, everything, {}, "project", "--read project=ID", projects
        )
        what = "classification with one answer (radio, checklist)"
        return project, choose(source.name, self.control, readable.get(project, {}), kinds, what)


def answers(item: Mapping[str, Any], place: str) -> list[str] | None:
    """Names of the answers of a classification; None where it is of another kind."""
    if "radio_answer" in item:
        chosen = item["radio_answer"]
        return [] if chosen is None else [_name(chosen, place)]
    if "checklist_answers" in item:
        ticked = item["checklist_answers"] or []
        if not isinstance(ticked, list):
            raise DataError(f"{place}: checklist_answers is not a list")
        return [_name(answer, place) for answer in ticked]
    return None


def _name(answer: Any, place: str) -> str:
    held = _object(answer, place, "an answer")
    return text_id(held.get("name"), place, "name of an answer")


def _kind(item: Mapping[str, Any]) -> str:
    return "text" if "text_answer" in item else "classification"


def _labels(
    record: Mapping[str, Any], project: str, place: str
) -> Iterator[tuple[dict[str, Any], str]]:
    held = _part(record, "projects").get(project)
    labels = held.get("labels") if isinstance(held, dict) else None
    if labels is not None and not isinstance(labels, list):
        raise DataError(f"{place}: labels is not a list")
    for number, label in enumerate(labels or [], 1):
        where = f"{place} label {number}"
        yield _object(label, where, "a label"), where


def _classifications(label: Mapping[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in _items(label, "classifications", place):
        yield str(item.get("name")), item


def _items(label: Mapping[str, Any], key: str, place: str) -> Iterator[dict[str, Any]]:
    held = _part(label, "annotations").get(key) or []
    if not isinstance(held, list):
        raise DataError(f"{place}: {key} is not a list")
    yield from (_object(item, place, f"one of {key}") for item in held)


def _part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    held = record.get(key)
    return held if isinstance(held, dict) else {}


def _object(value: Any, place: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{place}: {what} is not an object")
    return value
