"""Rows that hold parallel lists: Hugging Face datasets, and Argilla's responses."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from peerannot._options import option
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import (
    CERTAIN,
    FORMATS,
    NO,
    PLAUSIBLE,
    Format,
    Row,
    RowFormat,
    Said,
    Skip,
    Votes,
    collect,
    text_id,
)
from peerannot.io.formats.label_studio import pick_image
from peerannot.io.formats.table import column_names, find_column, pick, polars_errors

__all__ = ["Argilla", "HuggingFace"]

TASK = ("id", "task", "task_id", "idx", "index", "_server_id")
WORKERS = ("annotator_ids", "annotators", "worker_ids", "workers", "annotator", "worker")
LABELS = ("human_labels", "labels", "annotations", "answers", "label", "annotation")


IDS = ("id", "_server_id", "external_id")


@FORMATS.register("huggingface", "hf", "datasets")
@dataclass(frozen=True, kw_only=True)
class HuggingFace(Format):
    """A row a task, with parallel lists of workers and labels, as Hugging Face datasets have.

    Parquet (files of a dataset on the hub), NDJSON or JSON. Where a Parquet file carries the
    names of a ClassLabel, labels get these names.

    Parameters
    ----------
    task_col, worker_col, label_col
        Names of the columns; without a column of tasks, rows are numbered from 0.
    """

    task_col: str | None = option(None, help="column of the task")
    worker_col: str | None = option(None, help="column with the list of workers")
    label_col: str | None = option(None, help="column with the list of labels")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        lists = _list_columns(source)
        worker = find_column(lists, given.get("worker_col"), WORKERS)
        label = find_column(lists, given.get("label_col"), LABELS)
        return PLAUSIBLE if worker is not None and label is not None else NO

    def read(self, source: Source) -> Votes:
        columns = _columns(source)
        worker = pick(source.name, columns, self.worker_col, WORKERS, "worker")
        label = pick(source.name, columns, self.label_col, LABELS, "label")
        task = find_column(columns, self.task_col, TASK)
        if self.task_col is not None:
            task = pick(source.name, columns, self.task_col, TASK, "task")
        names = class_names(source, label)
        votes = collect(self._rows(source, task, worker, label, names))
        votes.classes = names
        found = {"task": task or "number of the row", "worker": worker, "label": label}
        told = {"task": self.task_col, "worker": self.worker_col, "label": self.label_col}
        votes.guessed |= {role: name for role, name in found.items() if told[role] is None}
        used = {*found.values(), votes.guessed.get("image")}
        votes.ignored = tuple(c for c in columns if c not in used)
        return votes

    def _rows(
        self, source: Source, task: str | None, worker: str, label: str, names: Any
    ) -> Iterator[Row | Skip | Said]:
        for number, (place, row) in enumerate(records(source)):
            who, what = row.get(worker), row.get(label)
            if not isinstance(who, list) or not isinstance(what, list):
                raise DataError(f"{place}: {worker!r} and {label!r} must both be lists")
            if len(who) != len(what):
                raise DataError(f"{place}: {len(who)} workers but {len(what)} labels")
            key = str(number) if task is None else text_id(row.get(task), place, "task")
            held, image = pick_image(row)
            if held is not None:
                yield Said("image", held)
            if not who:
                yield Skip("", key, image)
            for person, answer in zip(who, what, strict=True):
                given = not _is_empty(answer) and (names is None or answer != -1)
                text = text_id(answer, place, "label") if given else None
                if given and names is not None and isinstance(answer, int):
                    if not 0 <= answer < len(names):
                        raise DataError(f"{place}: label {answer} is not in 0..{len(names) - 1}")
                    text = names[answer]
                yield Row(key, text_id(person, place, "worker"), text, place, image=image)


@FORMATS.register("argilla")
@dataclass(frozen=True, kw_only=True)
class Argilla(RowFormat):
    """Records of Argilla, versions 1 and 2, as JSON, NDJSON or Parquet.

    Submitted responses are answers, discarded ones abstentions; drafts and suggestions are no
    answers. The task is the first of ``id``, ``_server_id`` and ``external_id`` that every record
    has.

    Parameters
    ----------
    question
        Name of the question, where there are several.
    """

    question: str | None = option(None, help="name of the question")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        return CERTAIN if _questions(source) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        # A question that nobody answered in the first record may be answered in another.
        found = list(dict.fromkeys(q for _, row in records(source) for q in _asked(row)))
        question = self.question
        if question is None and len(found) == 1:
            question = found[0]
        if question is None or question not in found:
            raise DataError(
                f"{source.name}: questions with responses are {few(found) or 'none'}; say which"
                " with --read question=NAME"
            )
        if self.question is None:
            yield Said("label", question)
        # One column for all rows: an id of one kind may be that of another task in another.
        filled = [c for c in IDS if all(row.get(c) not in (None, "") for _, row in records(source))]
        yield Said("task", filled[0] if filled else "number of the row")
        for number, (place, row) in enumerate(records(source)):
            task = text_id(row[filled[0]] if filled else number, place, "task")
            held, image = pick_image(row)
            if held is not None:
                yield Said("image", held)
            responses = list(_responses(row, question, place))
            if not responses:
                yield Skip("", task, image)
            for user, value, status in responses:
                if status not in (None, "submitted", "discarded"):
                    yield Skip(f"response {status}", task, image)
                elif status == "discarded":
                    yield Row(task, text_id(user, place, "user"), None, place, image=image)
                elif isinstance(value, list) and len(value) > 1:
                    yield self.several([str(v) for v in value], place, task, image)
                else:
                    label = next(iter(value), None) if isinstance(value, list) else value
                    text = None if _is_empty(label) else text_id(label, place, "label")
                    yield Row(task, text_id(user, place, "user"), text, place, image=image)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value != value


def _questions(source: Source) -> list[str]:
    if source.shape not in ("json", "ndjson", "parquet"):
        return []
    first: Any = source.first if source.shape != "parquet" else _parquet_head(source)
    if source.shape == "parquet" and first is None:
        first = dict.fromkeys(column_names(source))
    return _asked(first) if isinstance(first, dict) else []


def _asked(row: Mapping[str, Any]) -> list[str]:
    """Questions of a record: by the columns of version 2, else by the lists of version 1."""
    users = ".responses.users"
    found = [str(c).removesuffix(users) for c in row if str(c).endswith(users)]
    return found or [
        str(key)
        for key, value in row.items()
        if isinstance(value, list)
        and value
        and all(isinstance(v, dict) and {"user_id", "value"} <= v.keys() for v in value)
    ]


def _responses(
    row: Mapping[str, Any], question: str, place: str
) -> Iterator[tuple[Any, Any, str | None]]:
    old = row.get(question)
    if isinstance(old, list) and f"{question}.responses.users" not in row:
        for entry in old:
            if not isinstance(entry, dict):
                raise DataError(f"{place}: a response is not an object")
            yield entry.get("user_id"), entry.get("value"), entry.get("status")
        return
    values = row.get(f"{question}.responses") or []
    users = row.get(f"{question}.responses.users") or []
    status = row.get(f"{question}.responses.status") or [None] * len(users)
    if not all(isinstance(part, list) for part in (values, users, status)) or not (
        len(values) == len(users) == len(status)
    ):
        raise DataError(f"{place}: responses, users and status of {question!r} differ in length")
    yield from zip(users, values, status, strict=True)


def records(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows of a Parquet, NDJSON or JSON file, each with its place.

    Raises
    ------
    DataError
        The file is damaged.
    """
    yield from source.chosen(_rows_of(source)) if source.shape == "parquet" else source.records()


def _rows_of(source: Source) -> Iterator[tuple[str, Mapping[str, Any]]]:
    files: Sequence[Any] = source.files or (io.BytesIO(source.content_bytes()),)
    for file in files:
        try:
            frame = pl.read_parquet(file)
        except polars_errors as error:
            raise DataError(f"{source.name}: cannot be read as Parquet ({error})") from None
        name = source.name if len(files) == 1 else str(file)
        for number, row in enumerate(frame.iter_rows(named=True), 1):
            yield f"{name} row {number}", row


def class_names(source: Source, column: str) -> tuple[str, ...] | None:
    """Names of a ClassLabel that a Parquet file of Hugging Face carries for a column."""
    if source.shape != "parquet":
        return None
    try:
        held = orjson.loads(pl.read_parquet_metadata(_file(source)).get("huggingface", "{}"))
        feature = held.get("info", {}).get("features", {}).get(column)
    except (*polars_errors, AttributeError):
        return None
    while feature is not None and not (isinstance(feature, dict) and "names" in feature):
        # A list of labels is [feature], {"feature": ...} or {"_type": "Sequence", ...}.
        if isinstance(feature, list):
            feature = feature[0] if feature else None
        else:
            feature = feature.get("feature") if isinstance(feature, dict) else None
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        return None
    return tuple(map(str, names))


def _columns(source: Source) -> tuple[str, ...]:
    """Columns of all rows: one that is empty in the first JSON record is no key of it."""
    if source.shape == "parquet":
        return column_names(source)
    return tuple(dict.fromkeys(str(key) for _, row in source.records() for key in row))


def _list_columns(source: Source) -> list[str]:
    if source.shape == "parquet":
        try:
            schema = pl.read_parquet_schema(_file(source))
        except polars_errors:
            return []
        return [name for name, kind in schema.items() if isinstance(kind, pl.List | pl.Array)]
    if source.shape not in ("json", "ndjson") or not isinstance(source.first, dict):
        return []
    return [str(key) for key, value in source.first.items() if isinstance(value, list)]


def _file(source: Source) -> Any:
    return source.files[0] if source.files else io.BytesIO(source.content_bytes())


def _parquet_head(source: Source) -> dict[str, Any] | None:
    try:
        return next(pl.scan_parquet(_file(source)).head(1).collect().iter_rows(named=True), None)
    except polars_errors:
        return None
