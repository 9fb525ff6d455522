"""What is known here of a project: its tasks and annotations, kept in the folder of a data set.

``label-studio/tasks.json`` holds them in the form of Label Studio's own export, less what no reader
needs; ``label-studio/project.json`` says of which project, and what was seen last. The tasks are
written first: who is interrupted in between asks for a few tasks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerannot._files import read_json, write_json
from peerannot.errors import DataError, ParameterError
from peerannot.io.formats.label_studio import CONTROLS
from peerannot.label_studio.project import DELETED, Users

__all__ = ["HOME", "Mirror"]

HOME = "label-studio"
_SCHEMA = "peerannot/label-studio/1"
_OF_TASK = ("id", "data", "updated_at")
_OF_ANNOTATION = (
    "id", "was_cancelled", "ground_truth", "created_at", "updated_at", "lead_time",
)  # fmt: skip
_KNOWN = ("url", "project", "control", "to_name", "kind", "data_key", "users", "since")


@dataclass
class Mirror:
    """A project as it was when it was last asked.

    Attributes
    ----------
    folder : Path
        The folder of the data set.
    url : str
    project : int
    control : str
    to_name, kind : str
        Of the control.
    data_key : str or None
        Key of the image among a task's data.
    users : str
        How workers are named, see `peerannot.label_studio.project.people`.
    since : str or None
        The newest time of change that was seen.
    tasks : dict
        By number, in the form of an export.
    """

    folder: Path
    url: str
    project: int
    control: str = ""
    to_name: str = ""
    kind: str = ""
    data_key: str | None = None
    users: Users = "email"
    since: str | None = None
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Mirror | None:
        """What an earlier pull left in a folder; None where none did.

        Raises
        ------
        DataError
            A file is damaged.
        """
        place = folder / HOME / "project.json"
        if not place.exists():
            return None
        known = read_json(place)
        if (
            not isinstance(known, dict)
            or known.get("schema") != _SCHEMA
            or set(_KNOWN) - set(known)
        ):
            raise DataError(f"{place}: not of this version; remove {place.parent} and pull again")
        tasks = read_json(folder / HOME / "tasks.json")
        return cls(
            folder, **{name: known[name] for name in _KNOWN},
            tasks={int(task["id"]): task for task in tasks},
        )  # fmt: skip

    @property
    def tasks_file(self) -> Path:
        """The file of the tasks, which every reader of exports reads."""
        return self.folder / HOME / "tasks.json"

    def same(self, url: str | None, project: int | None) -> None:
        """Refuse another project than the one that the folder is of.

        Raises
        ------
        ParameterError
        """
        if (url or self.url) != self.url or (project or self.project) != self.project:
            raise ParameterError(
                f"{self.folder}: is of project {self.project} of {self.url}; give another folder"
                " for another project"
            )

    def add(self, task: Mapping[str, Any], names: Mapping[int, str]) -> bool:
        """Take in a task as the server gives it, its workers by name; whether it is new, or its
        annotations are."""
        annotations = []
        for given in task.get("annotations") or ():
            who = given.get("completed_by")
            who = who.get("id") if isinstance(who, dict) else who
            kept = {key: given[key] for key in _OF_ANNOTATION if key in given}
            kept["completed_by"] = DELETED if who is None else names.get(int(who), str(who))
            kept["result"] = [
                item
                for item in given.get("result") or ()
                if isinstance(item, dict) and str(item.get("type")).lower() in CONTROLS
            ]
            annotations.append(kept)
        annotations.sort(key=lambda kept: int(kept.get("id") or 0))
        number = int(task["id"])
        before = self.tasks.get(number)
        self.tasks[number] = {key: task[key] for key in _OF_TASK if key in task}
        self.tasks[number]["annotations"] = annotations
        self.since = max(filter(None, (self.since, task.get("updated_at"))), default=None)
        return before is None or before["annotations"] != annotations

    def annotations(self) -> int:
        """Annotations that are not cancelled."""
        return sum(
            not given.get("was_cancelled")
            for task in self.tasks.values()
            for given in task["annotations"]
        )

    def save(self) -> None:
        """Write both files, the tasks first."""
        home = self.folder / HOME
        home.mkdir(parents=True, exist_ok=True)
        write_json(self.tasks_file, [self.tasks[n] for n in sorted(self.tasks)], indent=None)
        known = {name: getattr(self, name) for name in _KNOWN}
        write_json(home / "project.json", {"schema": _SCHEMA, **known})
