"""doccano: one file a worker inside a zip archive, or such a file by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Said, Skip, WorkerFormat, text_id

__all__ = ["Doccano"]

ENDINGS = (".jsonl", ".json", ".csv")
LABELS = ("label", "cats")


@FORMATS.register("doccano")
@dataclass(frozen=True, kw_only=True)
class Doccano(WorkerFormat):
    """doccano's export of image or text classification.

    The worker is the name of the file inside the zip archive (``ann.jsonl``), or of the file
    given. A shared project exports ``all.jsonl`` only, which does not say who answered; it is
    refused unless ``worker`` is given. The label is a list (JSON, JSONL), or joined by ``#``
    (CSV); an empty one is no answer.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "zip":
            members = _members(source)
            return CERTAIN if members and all(_is_doccano(part) for _, part in members) else NO
        return CERTAIN if _is_doccano(source) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        if source.shape == "zip":
            parts = _members(source)
            if not parts:
                raise DataError(f"{source.name}: no .jsonl, .json or .csv file in it")
        elif source.content is not None and self.worker is None:
            raise DataError(
                f"{source.name}: the name of the file says who answered, and there is none; give"
                " --worker"
            )
        else:
            single = [source.part(f) for f in source.files] or [source]
            parts = [(PurePosixPath(part.name).name, part) for part in single]
        if self.worker is None:
            yield Said("worker", "name of the file")
        for name, member in parts:
            worker = self.worker or PurePosixPath(name.removesuffix(".gz")).stem
            if worker == "all" and self.worker is None:
                raise DataError(
                    f"{member.name}: 'all' comes from a project that shares annotations, and does"
                    " not say who gave them; switch sharing off and export again, or give --worker"
                )
            yield from self._file(member, worker)

    def _file(self, source: Source, worker: str) -> Iterator[Row | Skip | Said]:
        flat = source.shape == "table"
        for place, row in source.csv_rows() if flat else source.records():
            task = text_id(row.get("id"), place, "id")
            held: Any = row.get("filename")
            image = held if isinstance(held, str) and held else None
            key = _label_key(row)
            if key is None:
                raise DataError(f"{place}: no label (looked for {' and '.join(LABELS)})")
            yield Said("label", key)
            labels = _labels(row[key], place, flat)
            if not labels:
                yield Skip("no label", task, image)
            elif len(labels) > 1:
                yield self.several(labels, place, task, image)
            else:
                yield Row(task, worker, labels[0], place, image=image)


def _label_key(row: Mapping[str, Any]) -> str | None:
    """Where the labels of a row are; the project's type names it."""
    return next((key for key in LABELS if key in row), None)


def _labels(value: Any, place: str, flat: bool) -> list[str]:
    if value is None or value == "":
        return []
    if flat or isinstance(value, str):
        # A label that holds a '#' cannot be told from two; the error for several says so.
        return str(value).split("#") if flat else [value]
    if not isinstance(value, list):
        raise DataError(f"{place}: the label is {type(value).__name__}, expected a list")
    return [text_id(v, place, "label") for v in value]


def _members(source: Source) -> list[tuple[str, Source]]:
    """Files of an archive, each with its own name."""
    return [
        (
            PurePosixPath(name).name,
            replace(source, name=f"{source.name}:{name}", files=(), folder=None, content=content),
        )
        for name, content in sorted(source.members().items())
        if name.lower().endswith(ENDINGS) and not PurePosixPath(name).name.startswith(".")
    ]


def _is_doccano(source: Source) -> bool:
    if source.shape == "table":
        return {"id", "label", "Comments"} <= set(source.header)
    try:
        first = source.first
    except DataError:
        return False
    if not isinstance(first, dict) or "id" not in first:
        return False
    label = first.get(_label_key(first))
    return isinstance(label, list) and not {"annotations", "_input_hash"} & first.keys() and (
        "Comments" in first or "filename" in first
    )  # fmt: skip
