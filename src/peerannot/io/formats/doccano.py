"""doccano: one file a worker inside a zip archive, or such a file by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Skip, WorkerFormat, text_id

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
            return CERTAIN if members and all(map(_is_doccano, members.values())) else NO
        return CERTAIN if _is_doccano(source) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        if source.shape == "zip":
            members = _members(source)
            if not members:
                raise DataError(f"{source.name}: no .jsonl, .json or .csv file in it")
        else:
            parts = [Source(str(f), (f,)) for f in source.files] or [source]
            members = {PurePosixPath(part.name).stem.partition(".")[0]: part for part in parts}
        for name, member in members.items():
            worker = self.worker or name
            if worker == "all" and self.worker is None:
                raise DataError(
                    f"{member.name}: 'all' comes from a project that shares annotations, and does"
                    " not say who gave them; switch sharing off and export again, or give --worker"
                )
            yield from self._file(member, worker)

    def _file(self, source: Source, worker: str) -> Iterator[Row | Skip]:
        flat = source.shape == "table"
        for place, row in source.csv_rows() if flat else source.records():
            task = text_id(row.get("id"), place, "id")
            held: Any = row.get("filename")
            image = held if isinstance(held, str) and held else None
            key = next((k for k in LABELS if k in row), None)
            if key is None:
                raise DataError(f"{place}: no label (looked for {' and '.join(LABELS)})")
            labels = _labels(row[key], place, flat)
            if not labels:
                yield Skip("no label", task, image)
            elif len(labels) > 1:
                yield self.several(labels, place, task, image)
            else:
                yield Row(task, worker, labels[0], place, image=image)


def _labels(value: Any, place: str, flat: bool) -> list[str]:
    if value is None or value == "":
        return []
    if flat or isinstance(value, str):
        # A label that holds a '#' cannot be told from two; the error for several says so.
        return str(value).split("#") if flat else [value]
    if not isinstance(value, list):
        raise DataError(f"{place}: the label is {type(value).__name__}, expected a list")
    return [text_id(v, place, "label") for v in value]


def _members(source: Source) -> dict[str, Source]:
    return {
        PurePosixPath(name).stem: replace(
            source, name=f"{source.name}:{name}", files=(), folder=None, content=content
        )
        for name, content in sorted(source.members().items())
        if name.lower().endswith(ENDINGS) and not PurePosixPath(name).name.startswith(".")
    }


def _is_doccano(source: Source) -> bool:
    if source.shape == "table":
        return {"id", "label", "Comments"} <= set(source.header)
    try:
        first = source.first
    except DataError:
        return False
    if not isinstance(first, dict) or "id" not in first:
        return False
    label = next((first[k] for k in LABELS if k in first), None)
    return isinstance(label, list) and not {"annotations", "_input_hash"} & first.keys() and (
        "Comments" in first or "filename" in first
    )  # fmt: skip
