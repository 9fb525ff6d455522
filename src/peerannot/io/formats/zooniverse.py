"""Zooniverse's classification export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from peerannot._options import option
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.io._controls import choose
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, RowFormat, Said, Skip, moment, text_id
from peerannot.io.formats.label_studio import pick_image

__all__ = ["Zooniverse"]

COLUMNS = {"classification_id", "user_name", "annotations", "subject_ids"}
NOBODY = "not-logged-in-"


@FORMATS.register("zooniverse", "zooniverse-classifications")
@dataclass(frozen=True, kw_only=True)
class Zooniverse(RowFormat):
    """The classification export in CSV: a row a classification, its annotations as JSON.

    The task is ``subject_ids``, the worker ``user_name`` (someone who is not logged in is known
    by a name made of the address), the label the answer to a question, the choice of a survey or
    of a drop-down list. Of several classifications of a subject by a user, the latest counts.

    Parameters
    ----------
    control
        The question (``T0``), where the workflow has several.
    workflow
        Id of the workflow, where there are several.
    version
        Version of the workflow (``12`` or ``12.34``); by default all are read.
    """

    control: str | None = option(None, help="the question, as T0")
    workflow: str | None = option(None, help="id of the workflow")
    version: str | None = option(None, help="version of the workflow")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        return CERTAIN if set(source.header) >= COLUMNS else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        missing = sorted(COLUMNS - set(source.header))
        if missing:
            raise DataError(
                f"{source.name}: no column {missing[0]!r}; there are {few(source.header, 12)}"
            )
        seen = self._survey(source)
        workflow, control = seen.choose(source.name, self.workflow, self.control)
        if self.control is None and control:
            yield Said("label", control)
        if len(seen.versions) > 1 and self.version is None:
            yield Said(
                "note",
                f"{len(seen.versions)} versions of the workflow ({few(sorted(seen.versions))});"
                " --read version=VERSION reads one",
            )
        nobody = marked = 0
        for place, row in source.csv_rows():
            if not self._wanted(row, workflow):
                continue
            task = text_id(row["subject_ids"], place, "subject_ids")
            key, image = pick_image(_subject(row, task))
            if key is not None:
                yield Said("image", key)
            worker = text_id(row["user_name"], place, "user_name")
            marked += row.get("gold_standard", "").lower() == "true"
            nobody += worker.startswith(NOBODY)
            values = [v for name, v in _annotations(row, place) if name == control]
            labels = [label for value in values for label in labels_of(value) or ()]
            if not values:
                # A workflow may ask one question by the answer to another.
                yield Skip("the question was not asked", task, image)
                continue
            if len(labels) > 1:
                yield self.several(labels, place, task, image)
                continue
            label = labels[0] if labels else None
            yield Row(task, worker, label, place, moment(row.get("created_at")), image=image)
        if marked:
            yield Said(
                "note", f"{marked} classifications are marked gold_standard; all are answers"
            )
        if nobody:
            yield Said("note", f"{nobody} classifications are of users who were not logged in, each"
                               " known by a hash of the address")  # fmt: skip

    def _wanted(self, row: Mapping[str, str], workflow: str | None) -> bool:
        version = row.get("workflow_version", "")
        return (workflow is None or row.get("workflow_id", "") == workflow) and (
            self.version is None or self.version in (version, version.partition(".")[0])
        )

    def _survey(self, source: Source) -> _Seen:
        seen = _Seen()
        for place, row in source.csv_rows():
            workflow = row.get("workflow_id", "")
            seen.workflows.setdefault(workflow, row.get("workflow_name", ""))
            if not self._wanted(row, self.workflow):
                continue
            seen.versions[row.get("workflow_version", "")] = None
            for name, value in _annotations(row, place):
                fits = labels_of(value) is not None
                seen.readable[name] = fits and seen.readable.get(name, True)
                if not fits:
                    seen.kinds[name] = f"{kind_of(value)} {name!r}"
        if self.version is not None and not seen.versions:
            raise DataError(f"{source.name}: no classification of version {self.version!r}")
        return seen


@dataclass
class _Seen:
    """Workflows of an export, and the versions and questions of the one that is read."""

    workflows: dict[str, str] = field(default_factory=dict)
    versions: dict[str, None] = field(default_factory=dict)
    readable: dict[str, bool] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def choose(self, where: str, workflow: str | None, control: str | None) -> tuple[str, str]:
        everything = dict.fromkeys(self.workflows, True)
        workflow = choose(
            where, workflow, everything, {}, "workflow", "--read workflow=ID", self.workflows
        )
        what = "question with one answer a subject"
        return workflow, choose(where, control, self.readable, self.kinds, what)


def labels_of(value: Any) -> list[str] | None:
    """Labels of an annotation: of a question, a survey or a drop-down list; None: another kind."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, str | int | float):
        return [str(value)] if value != "" else []
    if isinstance(value, list):
        parts = [labels_of(entry) for entry in value]
        found = [label for part in parts for label in part or ()]
        return None if None in parts else found
    if isinstance(value, dict):
        for key in ("choice", "label"):
            if isinstance(value.get(key), str) and "tool" not in value:
                return [value[key]]
        if "option" in value and isinstance(value.get("value"), str):
            return [value["value"]]
    return None


def kind_of(value: Any) -> str:
    """How a kind of task that is not read is called."""
    entry = value[0] if isinstance(value, list) and value else value
    drawn = isinstance(entry, dict) and any(str(key).startswith("tool") for key in entry)
    return "drawing" if drawn else "task of another kind"


def _annotations(row: Mapping[str, str], place: str) -> Iterator[tuple[str, Any]]:
    """Questions and what was answered; those of a combo task stand inside its value."""
    try:
        document = orjson.loads(row["annotations"])
    except orjson.JSONDecodeError as error:
        raise DataError(f"{place}: annotations are not JSON ({error.msg})") from None
    if not isinstance(document, list):
        raise DataError(f"{place}: annotations are not a list")
    yield from _flat(document, place)


def _flat(entries: list[Any], place: str) -> Iterator[tuple[str, Any]]:
    for entry in entries:
        if not isinstance(entry, dict) or "task" not in entry:
            raise DataError(f"{place}: an annotation without its task")
        value = entry.get("value")
        parts = value if isinstance(value, list) else []
        if parts and all(isinstance(v, dict) and {"task", "value"} <= v.keys() for v in parts):
            yield from _flat(parts, place)
        else:
            yield str(entry["task"]), value


def _subject(row: Mapping[str, str], task: str) -> Any:
    """What the project uploaded with a subject; it is only looked at for the image."""
    try:
        data = orjson.loads(row.get("subject_data", "") or "{}")
    except orjson.JSONDecodeError:
        return None
    return data.get(task) if isinstance(data, dict) else None
