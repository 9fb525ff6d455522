"""Predictions on the tasks that there are: what differs is written, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from peerannot._progress import Progress, silent
from peerannot._text import did_you_mean
from peerannot.agreement import LabelCounts
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.io import Labelled
from peerannot.label_studio.client import Client, Unsure
from peerannot.label_studio.pages import task_pages
from peerannot.label_studio.project import Project

__all__ = [
    "VERSION", "Change", "Pushed", "Wanted", "push", "serve_by_score", "show_scores", "wanted",
]  # fmt: skip

VERSION = "peerannot"
_BATCH = 500
_DIGITS = 6  # of scores
_LOOKS = 5


@dataclass(frozen=True)
class Wanted:
    """The prediction that a task shall have.

    Attributes
    ----------
    task : int
    label : str or None
        None for no prediction.
    score : float
        How sure it is, 0 to 1.
    agreement : float or None
        Share of the pairs of its answers that agree; None under two answers.
    answers : int or None
        How many answers it has.
    columns : bool
        Whether both of these go into the task's data: they are columns of the Data Manager then.
    """

    task: int
    label: str | None
    score: float = 0.0
    agreement: float | None = None
    answers: int | None = None
    columns: bool = False

    @property
    def data(self) -> dict[str, Any]:
        """What goes into the task's data."""
        if not self.columns:
            return {}
        told = {"peerannot_agreement": self.agreement, "peerannot_answers": self.answers}
        return {key: value for key, value in told.items() if value is not None}


def wanted(answers: Answers, result: Labelled, *, columns: bool = False) -> list[Wanted]:
    """The predictions that a result gives: the label of each task that has answers and is decided.

    Parameters
    ----------
    answers
        Of a folder that was pulled, so that ids of tasks are numbers of the project.
    result
        Labels and their probabilities, of the same tasks.
    columns
        See `Wanted`.
    """
    counts = LabelCounts.of(answers)
    agreement = counts.pair_agreement
    return [
        Wanted(
            int(task),
            answers.classes[int(label)] if label >= 0 and n else None,
            float(score) if label >= 0 and n else 0.0,
            None if np.isnan(share) else round(float(share), _DIGITS),
            int(n),
            columns,
        )
        for task, label, score, share, n in zip(
            answers.tasks, result.labels, result.confidence, agreement, answers.answers_per_task,
            strict=True,
        )
    ]  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One thing to write: ``create``, ``change`` or ``remove`` a prediction, or ``columns``."""

    what: str
    task: int
    label: str | None = None
    score: float | None = None
    prediction: int | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Pushed:
    """What was written, or would be.

    Attributes
    ----------
    changes : tuple of Change
    same : int
        Tasks that had all of it already.
    missing : tuple of int
        Tasks that the project does not have any more.
    """

    changes: tuple[Change, ...]
    same: int
    missing: tuple[int, ...] = ()

    def count(self, what: str) -> int:
        """How many changes are of a kind."""
        return sum(change.what == what for change in self.changes)


def push(
    client: Client,
    project: Project,
    goal: Sequence[Wanted],
    *,
    version: str = VERSION,
    tolerance: float = 0.0,
    known: dict[int, dict[str, Any]] | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Pushed:
    """Make the predictions of one model version those that are wanted.

    What the server holds is looked at first, and only differences are written, so that a second
    push changes nothing, and one that was killed half-way is completed by the next. Predictions of
    other versions, and tasks that are not in ``goal``, are not touched.

    Parameters
    ----------
    client, project
    goal
        What tasks shall have; at most one a task.
    version
        The model version that the predictions go by.
    tolerance
        A score that is as near is right as it is.
    known
        Tasks as the server has them now, by number, if somebody just asked; those that are written
        are brought up to date there, unless that fails. By default the server is asked.
    dry_run
        Look and tell, and write nothing.
    progress
        Told the changes that are made.

    Raises
    ------
    DataError
        A label is no choice of the control: nothing is written.
    AwayError, ServerError
        The server is away or refuses; what is written by then stays.
    """
    _check_labels(project, goal)
    pages = task_pages(client, project.id) if known is None else [list(known.values())]
    changes, same, missing = _compare(project, goal, pages, version, tolerance)
    if not dry_run:
        _write(client, project, goal, changes, version, progress)
        if known is not None:
            written = sorted({change.task for change in changes})
            for page in task_pages(client, project.id, ids=written):
                known.update({int(task["id"]): task for task in page})
    return Pushed(tuple(changes), same, missing)


def _check_labels(project: Project, goal: Sequence[Wanted]) -> None:
    known = project.control.classes
    for one in goal if known else ():
        if one.label is not None and one.label not in known:
            raise DataError(
                f"project {project.id} ({project.title}): {one.label!r} is no label of its control"
                f" {project.control.name!r}" + did_you_mean(one.label, known)
            )


def _compare(
    project: Project,
    goal: Sequence[Wanted],
    pages: Iterable[list[dict[str, Any]]],
    version: str,
    tolerance: float,
) -> tuple[list[Change], int, tuple[int, ...]]:
    """What differs from what the server holds: changes, tasks that are right, tasks not there."""
    left = {one.task: one for one in goal}
    changes: list[Change] = []
    same = 0
    for page in pages:
        for task in page:
            one = left.pop(int(task["id"]), None)
            if one is not None:
                found = list(_differences(project, task, one, version, tolerance))
                changes += found
                same += not found
    return changes, same, tuple(sorted(left))


def _differences(
    project: Project, task: Mapping[str, Any], one: Wanted, version: str, tolerance: float
) -> Iterator[Change]:
    held = sorted(
        (p for p in task.get("predictions") or () if p.get("model_version") == version),
        key=lambda p: int(p["id"]),
    )
    score = round(one.score, _DIGITS)
    if one.label is None:
        first, rest = None, held
    else:
        first, rest = (held[0], held[1:]) if held else (None, [])
        result = project.control.result(one.label)
        if first is None:
            yield Change("create", one.task, one.label, score)
        elif not _alike(first, result, score, tolerance):
            yield Change("change", one.task, one.label, score, int(first["id"]))
    for other in rest:
        # Twice the same, as two pushes at once leave it, or none that is wanted any more.
        yield Change("remove", one.task, prediction=int(other["id"]))
    data: dict[str, Any] = task.get("data") or {}
    if any(data.get(key) != value for key, value in one.data.items()):
        yield Change("columns", one.task, data={**data, **one.data})


def _alike(
    held: Mapping[str, Any], result: Mapping[str, Any], score: float, tolerance: float
) -> bool:
    items, had = held.get("result"), held.get("score")
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        return False
    same = all(items[0].get(key) == value for key, value in result.items())
    return same and isinstance(had, int | float) and abs(round(had, _DIGITS) - score) <= tolerance


def _write(
    client: Client, project: Project, goal: Sequence[Wanted], changes: list[Change], version: str,
    progress: Progress,
) -> None:  # fmt: skip
    done = 0
    total = len(changes)

    def told(n: int) -> None:
        nonlocal done
        done += n
        progress(done, total, "changes")

    for change in changes:
        what = f"task {change.task}"
        if change.what == "remove":
            client.delete(f"api/predictions/{change.prediction}/", what)
        elif change.what == "change":
            body = _body(project, change, version)
            client.patch(f"api/predictions/{change.prediction}/", body, what)
        elif change.what == "columns":
            client.patch(f"api/tasks/{change.task}/", {"data": change.data}, what)
        else:
            continue
        told(1)
    fresh = [change for change in changes if change.what == "create"]
    for start in range(0, len(fresh), _BATCH):
        batch = fresh[start : start + _BATCH]
        _create(client, project, goal, batch, version)
        told(len(batch))


def _create(
    client: Client, project: Project, goal: Sequence[Wanted], batch: list[Change], version: str
) -> None:
    """Make predictions; where no answer says whether they were made, look before more are."""
    asked = {change.task for change in batch}
    for look in range(_LOOKS):
        if not batch:
            return
        try:
            client.post(
                f"api/projects/{project.id}/import/predictions",
                [_body(project, change, version) for change in batch],
                f"project {project.id}",
            )
            return
        except Unsure:
            if look == _LOOKS - 1:
                raise
            client.sleep(client.pause * 2**look)
        some = [one for one in goal if one.task in asked]
        pages = task_pages(client, project.id, ids=sorted(asked))
        found, _, _ = _compare(project, some, pages, version, 0.0)
        batch = [change for change in found if change.what == "create"]


def _body(project: Project, change: Change, version: str) -> dict[str, Any]:
    assert change.label is not None
    return {
        "task": change.task,
        "project": project.id,
        "result": [project.control.result(change.label)],
        "score": change.score,
        "model_version": version,
    }


def show_scores(client: Client, project: Project, version: str = VERSION) -> bool:
    """Have the Data Manager show our scores, if it shows none yet; whether that had to be set.

    It shows those of the project's model version. Predictions of that version are hidden from
    those who label at the same time: an answer that was read off one is no answer.
    """
    if project.settings.get("model_version") or not _predicted(client, project, version):
        return False
    goal = {"model_version": version, "show_collab_predictions": False}
    client.patch(f"api/projects/{project.id}/", goal, f"project {project.id}")
    project.settings.update(goal)
    return True


def serve_by_score(client: Client, project: Project, version: str = VERSION) -> bool:
    """Have a project serve tasks of low scores first; whether that had to be set.

    Label Studio does so while one person labels; among several it draws tasks at random.
    """
    goal = {
        "sampling": "Uncertainty sampling",
        "model_version": version,
        "show_collab_predictions": False,
    }
    fresh = {key: value for key, value in goal.items() if project.settings.get(key) != value}
    if not fresh or not _predicted(client, project, version):
        return False
    client.patch(f"api/projects/{project.id}/", fresh, f"project {project.id}")
    project.settings.update(fresh)
    return True


def _predicted(client: Client, project: Project, version: str) -> bool:
    """Whether there is a prediction of a version; a project takes no version of which none is."""
    counts = client.get(f"api/projects/{project.id}/model-versions/", f"project {project.id}")
    return isinstance(counts, dict) and version in counts
