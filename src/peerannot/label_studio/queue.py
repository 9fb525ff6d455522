"""Who is asked about which task next, as far as Label Studio can be told.

Its free edition hands out tasks itself: each to anybody, once as many people answered as its
``overlap`` says never again. So a task is open where its overlap is above the number of people who
answered it, and closed where it is not; ``is_labeled`` is what the server makes of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerannot.label_studio.client import Client
from peerannot.label_studio.project import Project

__all__ = ["Opening", "answered_by", "openings", "set_openings"]


@dataclass(frozen=True)
class Opening:
    """How a task shall be: for how many people, and whether that many answered."""

    task: int
    overlap: int
    is_labeled: bool


def answered_by(task: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """How many people answered a task, as the server counts them for its overlap."""
    skips = settings.get("skip_queue") == "IGNORE_SKIPPED"
    return len(
        {
            given.get("completed_by")
            for given in task.get("annotations") or ()
            if skips or (not given.get("was_cancelled") and given.get("result") is not None)
        }
    )


def openings(
    known: Mapping[int, Mapping[str, Any]],
    settings: Mapping[str, Any],
    ask: Collection[int],
    done: Collection[int],
) -> Iterator[Opening]:
    """What differs from how the tasks shall be.

    Tasks to ``ask`` about are open for one more person, those that are ``done`` closed. Of the
    others, those that somebody answered are closed until their turn comes; one that nobody
    answered stays open, for each task needs a first answer.
    """
    for number, task in known.items():
        n = answered_by(task, settings)
        open_ = number in ask or (n == 0 and number not in done)
        overlap = n + 1 if open_ else max(n, 1)
        if open_ and n == 0:
            # How many may answer it at once is the project's own business.
            overlap = max(int(task.get("overlap") or 1), 1)
        if (task.get("overlap"), bool(task.get("is_labeled"))) != (overlap, not open_):
            yield Opening(number, overlap, not open_)


def set_openings(
    client: Client,
    project: Project,
    known: Mapping[int, dict[str, Any]],
    changes: Sequence[Opening],
) -> None:
    """Open and close tasks, and note in ``known`` what is so then."""
    for change in sorted(changes, key=lambda change: change.is_labeled):
        goal = {"overlap": change.overlap, "is_labeled": change.is_labeled}
        client.patch(f"api/tasks/{change.task}/", goal, f"task {change.task} of {project.title}")
        known[change.task].update(goal)
