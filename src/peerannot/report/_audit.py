"""The page on which an expert judges the tasks of an audit, without what the crowd said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peerannot._progress import Progress, silent
from peerannot.answers import Answers, Ids
from peerannot.audit import UNSAID, Sheet, read_sheet, save_label
from peerannot.report._page import Page, fill, unreadable
from peerannot.report._serve import Explorer
from peerannot.report._thumbs import thumbnails

__all__ = ["AuditExplorer", "draw_audit"]

# An expert sees one picture at a time, and from this machine: large ones, and much room.
_SIDES = (1024, 768, 512, 384, 256, 192, 128)
_PICTURES = 64_000_000


class AuditExplorer(Explorer):
    """Serves `draw_audit` on 127.0.0.1 and saves what the expert says in the sheet.

    Parameters
    ----------
    page
        The page.
    sheet
        The sheet; labels go into its column ``label``.
    answers
        The answers that it was drawn from.
    port
        Port to listen on; 0 for a free one.

    Raises
    ------
    StorageError
        The port cannot be listened on.
    """

    def __init__(self, page: bytes, sheet: Sheet, answers: Answers, port: int = 0) -> None:
        drawn = Ids(answers.tasks[int(i)] for i in sheet.drawing.tasks)
        super().__init__(page, sheet.path, drawn, Ids([*answers.classes, UNSAID]), port)
        self._answers = answers

    def known(self) -> dict[str, str]:
        # Whether answers changed since is a question for the estimates.
        return dict(read_sheet(self.gold, self._answers, changed=True).said)

    def save(self, task: str, label: str | None) -> int:
        return save_label(self.gold, task, label)


def draw_audit(
    name: str,
    answers: Answers,
    sheet: Sheet,
    images: Sequence[Path | None] | None = None,
    *,
    progress: Progress = silent,
) -> Page:
    """Draw the page for `AuditExplorer`: tasks in the order of the drawing, and nobody's answers.

    Parameters
    ----------
    name
        Name of the data set.
    answers
        Whose classes are to choose from.
    sheet
        The tasks, and what the expert said so far.
    images
        Image of each task of the answers, None for a task without one.
    progress
        Told about the images read.

    Raises
    ------
    MissingDependencyError
        jinja2 is not installed (extra ``report``).
    """
    place = {k: i for i, k in enumerate([*answers.classes, UNSAID])}
    ids = [answers.tasks[int(i)] for i in sheet.drawing.tasks]
    document: dict[str, Any] = {
        "name": name,
        "classes": list(answers.classes),
        "unsaid": UNSAID,
        "tasks": {"id": ids, "said": [place.get(sheet.said.get(task, ""), -1) for task in ids]},
        "pictures": None,
        "notes": [],
    }
    lost: list[tuple[Path, str]] = []
    if images is not None:
        paths = [images[int(i)] for i in sheet.drawing.tasks]
        document["pictures"], lost = thumbnails(paths, _PICTURES, sides=_SIDES, progress=progress)
        document["notes"] += unreadable(lost)
    content = fill("audit.html.j2", "audit.mjs", document, served=True)
    return Page(content, list(document["notes"]), lost)
