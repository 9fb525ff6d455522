"""From a project to a dataset folder: only what changed since the last time is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from peerannot._files import read_json
from peerannot._lock import locked
from peerannot._progress import Progress, silent
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError
from peerannot.io import Folder, Imported, ImportReport, Source, read, write_dataset
from peerannot.io.formats.label_studio import LabelStudio, values_of
from peerannot.label_studio.client import Client
from peerannot.label_studio.images import fetch_images, forget_incoming
from peerannot.label_studio.mirror import Mirror
from peerannot.label_studio.pages import task_pages, totals
from peerannot.label_studio.project import Project, Users, people, read_project

__all__ = ["Pulled", "Refreshed", "as_imported", "pull", "refresh", "write_folder"]

# Changes are stamped before they are committed: what is newest may have older neighbours to come.
_OVERLAP = timedelta(seconds=60)


@dataclass
class Refreshed:
    """What was asked for to bring a mirror up to date.

    Attributes
    ----------
    fetched : int
        Tasks that came.
    changed : int
        Those of them that are new, or whose annotations are.
    removed : int
        Tasks that are there no more.
    tasks : dict
        Those that came, by number, as the server gave them, with predictions and overlap.
    """

    fetched: int = 0
    changed: int = 0
    removed: int = 0
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pulled:
    """What a pull did.

    Attributes
    ----------
    project : Project
    mirror : Mirror
        The project as it is known now.
    imported : Imported
        Its answers, as an import of its export gives them.
    folder : Folder
        What was written.
    refreshed : Refreshed
        What was asked for.
    without_image : dict of task to str
        Tasks whose image did not come, and why.
    """

    project: Project
    mirror: Mirror
    imported: Imported
    folder: Folder
    refreshed: Refreshed
    without_image: Mapping[str, str] = field(default_factory=dict)


def pull(
    client: Client,
    project: int,
    folder: str | Path,
    *,
    control: str | None = None,
    users: Users | None = None,
    images: bool = False,
    multiple: str = "error",
    progress: Progress = silent,
) -> Pulled:
    """Bring the answers of a project into a dataset folder, which is made if need be.

    The answers are those that an export of the project and its import give: cancelled annotations
    are abstentions, ground truth is known labels, drafts and predictions are none of both.

    Parameters
    ----------
    client, project
        The server, and the number of the project there.
    folder
        A new folder, or one that was pulled into before, of the same project.
    control
        Name of the control, where several give a task one label.
    users
        Name of a worker: their ``email`` (the default), ``name``, or ``id``.
    images
        Fetch the images of tasks that have none here yet.
    multiple
        Several labels in one answer are an ``"error"``, or ``"drop"`` leaves such answers out.
    progress
        Told the tasks that came.

    Raises
    ------
    AwayError, ServerError
        The server is away, refuses, or is none of Label Studio. What is here stays as it is.
    DataError
        The project has no control that gives a task one label, or several.
    ParameterError
        The folder is another one's.
    """
    folder = Path(folder)
    with locked(folder):
        mirror = Mirror.load(folder)
        if mirror is None and (folder / "answers.json").exists():
            raise ParameterError(
                f"{folder}: a dataset that was not pulled from Label Studio; give a new folder"
            )
        if mirror is not None:
            mirror.same(client.url, project)
            control = control or mirror.control
            users = users or mirror.users
        found = read_project(client, project, control)
        known = mirror or Mirror(folder, client.url, project)
        came = refresh(client, found, known, users or "email", progress)
        known.save()
        imported = as_imported(known, found, multiple)
        files, lost = fetch_images(client, known, progress) if images else ({}, {})
        written = write_folder(imported, found, folder, files)
        forget_incoming(folder)
        return Pulled(found, known, imported, written, came, lost)


def write_folder(
    imported: Imported, project: Project, folder: Path, images: Mapping[str, Path] | None = None
) -> Folder:
    """Write the dataset of a project, or write it again: what else is in the folder stays."""
    began = (folder / "answers.json").exists()
    title = None if began else project.title
    return write_dataset(imported, folder, name=title, images=images or None, append=began)


def refresh(
    client: Client, project: Project, mirror: Mirror, users: Users, progress: Progress = silent
) -> Refreshed:
    """Bring a mirror up to date.

    A task's time of change tells of every annotation that is made, changed or deleted. Tasks that
    were deleted are found by their number, and a count of annotations that does not fit has
    everything asked for again.
    """
    fresh = mirror.users != users or mirror.control != project.control.name
    if fresh:
        mirror.since, mirror.users = None, users
        mirror.tasks.clear()
    control = project.control
    mirror.control, mirror.to_name, mirror.kind = control.name, control.to_name, control.kind
    mirror.data_key = control.data_key
    names = people(client, project.id, users)
    came = Refreshed()
    _ask(client, project, mirror, names, _before(mirror.since), came, progress)
    now = totals(client, project.id)
    if len(mirror.tasks) > now.tasks:
        there = {int(t["id"]) for page in task_pages(client, project.id, full=False) for t in page}
        for number in set(mirror.tasks) - there:
            del mirror.tasks[number]
            came.removed += 1
    if mirror.annotations() > now.annotations:
        _ask(client, project, mirror, names, None, came, progress)
    return came


def _ask(
    client: Client, project: Project, mirror: Mirror, names: dict[int, str], since: datetime | None,
    came: Refreshed, progress: Progress,
) -> None:  # fmt: skip
    for page in task_pages(client, project.id, since=since):
        for task in page:
            unknown = _people_of(task) - set(names)
            if unknown:
                # Somebody answered for the first time since the users were asked for.
                names.update(people(client, project.id, mirror.users))
                names.update({who: str(who) for who in unknown - set(names)})
            came.changed += mirror.add(task, names)
            came.tasks[int(task["id"])] = task
        came.fetched += len(page)
        progress(came.fetched, None, "tasks")


def _people_of(task: Mapping[str, object]) -> set[int]:
    found = set()
    annotations = task.get("annotations")
    for given in annotations if isinstance(annotations, list) else ():
        who = given.get("completed_by")
        who = who.get("id") if isinstance(who, dict) else who
        if who is not None:
            found.add(int(who))
    return found


def _before(since: str | None) -> datetime | None:
    """The time from which on to ask, a little before the newest that was seen."""
    return None if since is None else datetime.fromisoformat(since) - _OVERLAP


def as_imported(mirror: Mirror, project: Project, multiple: str = "error") -> Imported:
    """The answers of a mirror, as `peerannot.io.read` gives those of an export.

    Classes are those of the folder, which keep their positions, then those of the control, then
    others that occur (of a control that had other choices). That nobody has answered is no fault.
    """
    classes = _classes(mirror, project)
    where = f"project {project.id} ({project.title})"
    if not mirror.tasks:
        raise DataError(f"{where}: it has no tasks yet")
    if any(not known for known, _ in _labels(mirror)):
        return read(
            mirror.tasks_file, format="label-studio", classes=classes, labels="names",
            control=mirror.control, multiple=multiple,
        )  # fmt: skip
    if not classes:
        raise DataError(f"{where}: nobody has answered, and its choices stand in its tasks alone")
    reader = LabelStudio(control=mirror.control, multiple=multiple)  # type: ignore[arg-type]
    votes = reader.votes(Source.open(mirror.tasks_file))
    tasks = Ids.sorted(str(number) for number in mirror.tasks)
    silent = votes.frame.select("task", "worker").unique(maintain_order=True)
    report = ImportReport(
        reader.name, votes.frame.height + votes.dropped.total(), 0, dict(votes.dropped),
        len(votes.gold), guessed=dict(votes.guessed),
    )  # fmt: skip
    empty = Answers.empty(tasks, Ids(0), Ids(classes))
    return Imported(empty, dict(votes.gold), votes.images, report, silent)


def _classes(mirror: Mirror, project: Project) -> list[str]:
    metadata = mirror.folder / "metadata.json"
    before = read_json(metadata).get("class_names", ()) if metadata.exists() else ()
    known = dict.fromkeys([*before, *project.control.classes])
    occur = {label for _, label in _labels(mirror)}
    return [*known, *sorted(occur - set(known))]


def _labels(mirror: Mirror) -> Iterator[tuple[bool, str]]:
    """Every label given, and whether it is known to be right."""
    for number, task in mirror.tasks.items():
        for given in task["annotations"]:
            for item in () if given.get("was_cancelled") else given["result"]:
                if item.get("from_name") == mirror.control:
                    for label in values_of(item.get("value"), f"task {number}"):
                        yield bool(given.get("ground_truth")), label
