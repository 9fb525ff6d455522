"""CVAT for images 1.1: an XML file, by itself or in its zip archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal
from xml.etree import ElementTree

from peerannot._options import option
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Said, Skip, WorkerFormat, text_id

__all__ = ["Cvat"]

# Where the export says who worked on it; it does not say who set a single tag.
PEOPLE = {
    "assignee of the job": ("meta/job/assignee/username", "meta/job/assignee"),
    "assignee of the task": ("meta/task/assignee/username", "meta/task/assignee"),
    "owner of the task": ("meta/task/owner/username", "meta/task/owner"),
}
SEGMENTS = "meta/task/segments/segment/assignee"
BY_HAND = "manual"
NOT_BY_HAND = {
    "auto": "set by a model",
    "semi-auto": "set by a model",
    "consensus": "merged of several workers' tags",
    "file": "uploaded, not set by a worker",
}


@FORMATS.register("cvat")
@dataclass(frozen=True, kw_only=True)
class Cvat(WorkerFormat):
    """CVAT's "CVAT for images 1.1", exported job by job: tags of images are answers.

    Give the exports of all jobs, or of the replicas of a consensus, together (a pattern). The
    worker is the assignee of the job, else of the task, else the owner of a task of one file,
    unless ``worker`` or ``worker_from`` is given. Boxes and other shapes are passed over, and so
    are tags that nobody set by hand. A file with a DOCTYPE is refused.

    Parameters
    ----------
    worker_from
        What names the worker: the ``"assignee"``, the id of the ``"job"`` (for replicas that
        nobody is assigned to), or the name of the ``"file"``.
    attribute
        Attribute of the tag that holds the label, instead of the tag's own label.
    """

    worker_from: Literal["assignee", "job", "file"] = option(
        "assignee", help="what names the worker"
    )
    attribute: str | None = option(None, help="attribute of the tag that holds the label")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "xml":
            return CERTAIN if b"<annotations" in source.head else NO
        if source.shape == "zip":
            return CERTAIN if any(n.endswith("annotations.xml") for n in source.members()) else NO
        return NO

    def rows(self, source: Source) -> Iterator[Row | Skip | Said]:
        parts = [source.part(f) for f in source.files] or [source]
        for part in parts:
            yield from self._file(part, alone=len(parts) == 1)

    def _file(self, source: Source, *, alone: bool) -> Iterator[Row | Skip | Said]:
        named = source.name
        if source.shape == "zip":
            inside = {n: c for n, c in source.members().items() if n.endswith("annotations.xml")}
            if len(inside) != 1:
                raise DataError(f"{source.name}: expected one annotations.xml, found {len(inside)}")
            ((name, content),) = inside.items()
            source = replace(source, name=f"{source.name}:{name}", files=(), content=content)
        root = _parse(source)
        if root.tag != "annotations":
            raise DataError(f"{source.name}: the root is <{root.tag}>, expected <annotations>")
        if root.find("image") is None and root.find("track") is not None:
            raise DataError(f"{source.name}: CVAT for video; export as CVAT for images 1.1")
        role, worker = self._worker(root, source, PurePath(named).name.partition(".")[0], alone)
        if worker is not None and self.worker is None:
            yield Said("worker", role)
        for number, image in enumerate(root.iter("image"), 1):
            place = f"{source.name} image {number}"
            if not image.get("name"):
                yield Said("task", "id of the image")
            task = text_id(image.get("name") or image.get("id"), place, "name")
            tags = []
            for tag in image.findall("tag"):
                how = tag.get("source", BY_HAND)
                if how == BY_HAND:
                    tags.append(tag)
                else:
                    yield Skip(NOT_BY_HAND.get(how, "not set by a worker"), task, task)
            labels = [self._label(tag, place) for tag in tags]
            if not labels:
                yield Skip("" if image.findall("tag") else "no tag", task, task)
            elif len(labels) > 1:
                yield self.several(labels, place, task, task)
            elif worker is None:
                raise DataError(
                    f"{source.name}: CVAT does not say who set a tag, and the job has no assignee;"
                    " export job by job and give --worker, or --worker-from job"
                )
            else:
                yield Row(task, worker, labels[0], place, image=task)

    def _worker(
        self, root: ElementTree.Element, source: Source, file: str, alone: bool
    ) -> tuple[str, str | None]:
        """What names the worker of a file, and the name."""
        if self.worker is not None:
            return "", self.worker
        if self.worker_from == "file":
            return "name of the file", text_id(file, source.name, "name of the file")
        if self.worker_from == "job":
            job = _text(root, "meta/job/id")
            return "id of the job", text_id(job, source.name, "id of the job")
        people = {(segment.text or "").strip() for segment in root.findall(SEGMENTS)} - {""}
        if len(people) > 1:
            raise DataError(
                f"{source.name}: several people worked on this task ({few(sorted(people))}) and"
                " CVAT does not say who set a tag; export job by job"
            )
        if people:
            return "assignee of the job", people.pop()
        for role, paths in PEOPLE.items():
            # One owner of several files is not the one who answered them all.
            if alone or role != "owner of the task":
                for path in paths:
                    if name := _text(root, path):
                        return role, name
        return "", None

    def _label(self, tag: ElementTree.Element, place: str) -> str:
        if self.attribute is None:
            return text_id(tag.get("label"), place, "label of a tag")
        for attribute in tag.findall("attribute"):
            if attribute.get("name") == self.attribute:
                return text_id((attribute.text or "").strip(), place, "text of the attribute")
        raise DataError(f"{place}: its tag has no attribute {self.attribute!r}")


def _text(root: ElementTree.Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def _parse(source: Source) -> ElementTree.Element:
    text = source.text()
    # Entities can grow without end or read other files; annotations never need them.
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise DataError(f"{source.name}: an XML file with a DOCTYPE is refused; remove that line")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{source.name}: not XML ({error}); is the file complete?") from None
