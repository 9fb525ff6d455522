"""A project of Label Studio as the tool of a campaign."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._files import json_bytes
from peerannot._lock import locked
from peerannot.campaign import Decision, Pulled
from peerannot.errors import ParameterError
from peerannot.io import Imported
from peerannot.label_studio.client import Client
from peerannot.label_studio.mirror import Mirror
from peerannot.label_studio.pages import task_pages
from peerannot.label_studio.project import Project, Users, people, read_project
from peerannot.label_studio.pulling import as_imported, refresh, write_folder
from peerannot.label_studio.pushing import VERSION, push, show_scores, wanted
from peerannot.label_studio.queue import openings, set_openings

__all__ = ["LabelStudio"]

# Scores move a little with every answer; each that is written is a request.
_NEAR = 0.05


class LabelStudio:
    """A project that answers come from, and labels and the next tasks go to.

    The folder is that of `peerannot.label_studio.pull`, and is kept up to date. A decision is told
    to the project as predictions and as the overlap of its tasks, see
    `peerannot.label_studio.queue`. Until the campaign is over, a score is not written again while
    it moved by .05 or less.

    Parameters
    ----------
    client, project
        The server, and the number of the project there.
    folder
        A new folder, or one that was pulled into before.
    control, users, multiple
        As `peerannot.label_studio.pull` takes them.
    batch
        Tasks that are open at a time, of those that somebody answered already.
    version
        Model version that the predictions go by.
    columns
        Whether agreement and number of answers go into the tasks' data.
    """

    def __init__(
        self,
        client: Client,
        project: int,
        folder: str | Path,
        *,
        control: str | None = None,
        users: Users | None = None,
        multiple: str = "error",
        batch: int = 100,
        version: str = VERSION,
        columns: bool = False,
    ) -> None:
        self.client, self.number, self.folder = client, project, Path(folder)
        self.control, self.users, self.multiple = control, users, multiple
        self.batch, self.version, self.columns = batch, version, columns
        self._mirror: Mirror | None = None
        self._project: Project | None = None
        self._since: Any = None
        # Tasks as the server has them; None until all were asked for.
        self._known: dict[int, dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return f"project {self.number} of {self.client.url}"

    def pull(self, since: Any) -> Pulled | None:
        """All answers of the project, where one is new, changed or gone; else None.

        Raises
        ------
        AwayError, ServerError
            The server is away, or refuses.
        DataError, ParameterError
            The project or the folder is of another kind.
        """
        with locked(self.folder):
            mirror = self._mirror or Mirror.load(self.folder)
            if mirror is None and (self.folder / "answers.json").exists():
                raise ParameterError(
                    f"{self.folder}: a dataset that was not pulled from Label Studio; give a new"
                    " folder"
                )
            if mirror is not None:
                mirror.same(self.client.url, self.number)
            control = self.control or (mirror.control if mirror is not None else None)
            users = self.users or (mirror.users if mirror is not None else "email")
            project = read_project(self.client, self.number, control)
            mirror = mirror or Mirror(self.folder, self.client.url, self.number)
            # Until it is saved, what is in memory is ahead of the folder.
            self._mirror = None
            came = refresh(self.client, project, mirror, users)
            if self._known is not None:
                self._known.update(came.tasks)
                for gone in set(self._known) - set(mirror.tasks):
                    del self._known[gone]
            if not (came.changed or came.removed) and since is not None and since == self._since:
                self._mirror, self._project = mirror, project
                return None
            mirror.save()
            imported = as_imported(mirror, project, self.multiple)
            write_folder(imported, project, self.folder)
            self._mirror, self._project = mirror, project
        self._since = _digest(imported)
        if self._since == since:
            return None
        who = imported.answers.workers
        return Pulled(
            since=self._since,
            answers=imported.answers,
            whole=True,
            passed_over=imported.abstained.select("task", "worker").rows(),
            tasks=list(imported.answers.tasks),
            workers=sorted({*who, *people(self.client, self.number, mirror.users).values()}),
            classes=list(imported.answers.classes),
            gold=dict(imported.gold),
        )

    def push(self, decision: Decision) -> int:
        """Write labels, and open and close tasks; the number of things that were changed.

        Raises
        ------
        AwayError, ServerError
            The server is away, or refuses; what was written by then stays.
        """
        project = self._project or read_project(self.client, self.number, self.control)
        known, self._known = self._known, None  # where this fails, all is asked for again
        if known is None:
            pages = task_pages(self.client, self.number)
            known = {int(task["id"]): task for page in pages for task in page}
        changes = list(openings(known, project.settings, *self._turns(decision)))
        set_openings(self.client, project, known, changes)
        goal = wanted(decision.answers, decision.result, columns=self.columns)
        told = push(
            self.client, project, goal, version=self.version, known=known,
            tolerance=0.0 if decision.round.over else _NEAR,
        )  # fmt: skip
        shown = show_scores(self.client, project, self.version)
        self._known = known
        return len(changes) + len(told.changes) + shown

    def _turns(self, decision: Decision) -> tuple[set[int], set[int]]:
        """Tasks to ask about, and those that are done.

        That nobody is left to ask who is known here does not close a task: somebody may come.
        """
        codes, tasks = decision.plan.done, decision.answers.tasks
        stuck = codes == len(decision.plan.why) - 1
        turn = decision.order.tolist()
        if not decision.round.over:
            turn += np.flatnonzero(stuck).tolist()
        done = np.flatnonzero((codes > 0) & ~stuck | bool(decision.round.over)).tolist()
        return {int(tasks[i]) for i in turn[: self.batch]}, {int(tasks[i]) for i in done}


def _digest(imported: Imported) -> str:
    """A short text that is another one once anything that was pulled is."""
    rest = [dict(imported.gold), sorted(imported.abstained.rows())]
    digest = hashlib.sha256(imported.answers.digest().encode())
    digest.update(json_bytes(rest, indent=None))
    return digest.hexdigest()
