"""LabelMe: one JSON file an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Skip, WorkerFormat, text_id

__all__ = ["LabelMe"]

IGNORE = "__ignore__"


@FORMATS.register("labelme")
@dataclass(frozen=True, kw_only=True)
class LabelMe(WorkerFormat):
    """LabelMe's files, one an image; flags of the image are answers.

    LabelMe does not say who answered: keep a folder for each worker and give
    ``worker_from="dir"``, or give ``worker``. The task is ``imagePath`` with ``/`` between its
    parts. No flag set is an abstention, and so is the flag ``__ignore__``.

    Parameters
    ----------
    worker_from
        ``"dir"``: the folder that a file lies in is the worker.
    level
        ``"flags"`` of the image, or labels of its ``"shapes"``.
    """

    worker_from: Literal["dir"] | None = option(None, help="where the worker's name is")
    level: Literal["flags", "shapes"] = option("flags", help="flags of the image, or shapes")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "folder":
            first = next(iter(_files(source)), None)
            return cls.sniff(Source(str(first), (first,)), given) if first is not None else NO
        # The document may hold a large image as text; its keys come first or last, so look.
        if source.shape != "json" or not isinstance(source.first, dict):
            return NO
        return CERTAIN if {"imagePath", "shapes"} <= set(source.first) else NO

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        if self.worker is None and self.worker_from is None:
            raise DataError(
                f"{source.name}: LabelMe does not say who answered; give --worker NAME, or"
                " --worker-from dir where each worker has a folder"
            )
        files = _files(source)
        if not files and source.content is None:
            raise DataError(f"{source.name}: no .json file in it")
        for part in [source.part(f) for f in files] or [source]:
            document = part.document
            if not isinstance(document, dict):
                raise DataError(f"{part.name}: expected a JSON object")
            path = text_id(document.get("imagePath"), part.name, "imagePath").replace("\\", "/")
            worker = self.worker
            if worker is None:
                worker = part.files[0].resolve().parent.name if part.files else ""
            labels = self._labels(document, part.name)
            if len(labels) > 1 and IGNORE not in labels:
                yield self.several(labels, part.name, path, path)
            else:
                label = labels[0] if labels and IGNORE not in labels else None
                yield Row(path, text_id(worker, part.name, "worker"), label, part.name, image=path)

    def _labels(self, document: Mapping[str, Any], place: str) -> list[str]:
        if self.level == "flags":
            flags = document.get("flags") or {}
            if not isinstance(flags, dict):
                raise DataError(f"{place}: flags is not an object")
            return [str(name) for name, value in flags.items() if value is True]
        shapes = document.get("shapes") or []
        if not isinstance(shapes, list) or not all(isinstance(s, dict) for s in shapes):
            raise DataError(f"{place}: shapes is not a list of objects")
        return list(dict.fromkeys(text_id(s.get("label"), place, "label") for s in shapes))


def _files(source: Source) -> list[Path]:
    if source.folder is None:
        return list(source.files)
    return sorted(p for p in source.folder.rglob("*.json") if p.name[0] != "." and p.is_file())
