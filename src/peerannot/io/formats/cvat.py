"""CVAT for images 1.1: an XML file, by itself or in its zip archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Row, Skip, WorkerFormat, text_id

__all__ = ["Cvat"]

# Where the export says who worked on it; it does not say who set a single tag.
ASSIGNEES = (
    "meta/job/assignee/username",
    "meta/job/assignee",
    "meta/task/assignee/username",
    "meta/task/owner/username",
    "meta/task/segments/segment/assignee",
)


@FORMATS.register("cvat")
@dataclass(frozen=True, kw_only=True)
class Cvat(WorkerFormat):
    """CVAT's "CVAT for images 1.1", exported job by job: tags of images are answers.

    The worker is the assignee of the job, else the owner of the task, unless ``worker`` is
    given. Boxes and other shapes are passed over, and so are tags that a model set. A file with
    a DOCTYPE is refused.

    Parameters
    ----------
    attribute
        Attribute of the tag that holds the label, instead of the tag's own label.
    """

    attribute: str | None = option(None, help="attribute of the tag that holds the label")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "xml":
            return CERTAIN if b"<annotations" in source.head else NO
        if source.shape == "zip":
            return CERTAIN if any(n.endswith("annotations.xml") for n in source.members()) else NO
        return NO

    def rows(self, source: Source) -> Iterator[Row | Skip]:
        for part in [Source(str(f), (f,)) for f in source.files] or [source]:
            yield from self._file(part)

    def _file(self, source: Source) -> Iterator[Row | Skip]:
        if source.shape == "zip":
            inside = {n: c for n, c in source.members().items() if n.endswith("annotations.xml")}
            if len(inside) != 1:
                raise DataError(f"{source.name}: expected one annotations.xml, found {len(inside)}")
            ((name, content),) = inside.items()
            source = replace(source, name=f"{source.name}:{name}", files=(), content=content)
        root = _parse(source)
        if root.tag != "annotations":
            raise DataError(f"{source.name}: the root is <{root.tag}>, expected <annotations>")
        worker = self.worker or next(
            (text for path in ASSIGNEES if (text := (root.findtext(path) or "").strip())), None
        )
        for number, image in enumerate(root.iter("image"), 1):
            place = f"{source.name} image {number}"
            task = text_id(image.get("name") or image.get("id"), place, "name")
            tags = [tag for tag in image.findall("tag") if tag.get("source", "manual") == "manual"]
            if len(tags) < len(image.findall("tag")):
                yield Skip("set by a model", task, task)
            labels = [self._label(tag, place) for tag in tags]
            if not labels:
                yield Skip("" if image.findall("tag") else "no tag", task, task)
            elif len(labels) > 1:
                yield self.several(labels, place, task, task)
            elif worker is None:
                raise DataError(
                    f"{source.name}: CVAT does not say who set a tag, and the job has no assignee;"
                    " export job by job and give --worker"
                )
            else:
                yield Row(task, worker, labels[0], place, image=task)

    def _label(self, tag: ElementTree.Element, place: str) -> str:
        if self.attribute is None:
            return text_id(tag.get("label"), place, "label of a tag")
        for attribute in tag.findall("attribute"):
            if attribute.get("name") == self.attribute:
                return text_id((attribute.text or "").strip(), place, "text of the attribute")
        raise DataError(f"{place}: its tag has no attribute {self.attribute!r}")


def _parse(source: Source) -> ElementTree.Element:
    text = source.text()
    # Entities can grow without end or read other files; annotations never need them.
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise DataError(f"{source.name}: an XML file with a DOCTYPE is refused; remove that line")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{source.name}: not XML ({error}); is the file complete?") from None
