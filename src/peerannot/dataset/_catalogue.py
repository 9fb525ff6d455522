"""Public crowd sets: what is known of each, and how to install it.

The facts are in ``catalogue.json``. A fact that is not certain is null there. A set is installed
in one of three ways: from tables of answers and known labels (``tables``), by a recipe that this
package ships (``recipe``), or by a person, who is told what to do (``by_hand``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._files import storage_errors, write_npy
from peerannot._progress import Progress, silent
from peerannot._text import did_you_mean, natural_key, plain
from peerannot.dataset._download import Remote, fetch
from peerannot.dataset._recipe import Recipe, write_votes
from peerannot.dataset._run import Installed, run_recipe
from peerannot.errors import DataError, DownloadError, ParameterError

__all__ = ["PublicSet", "catalogue", "install_public", "public_set"]

_HERE = Path(__file__).parent
# In a wheel the recipes are beside this file; in a checkout they are in datasets/.
_RECIPES = (_HERE / "recipes", _HERE.parents[2] / "datasets")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A public crowd set; None where a fact is not certain.

    Attributes
    ----------
    name : str
        Its name here, in the cache and on a mirror.
    aliases : tuple of str
        Other names that are understood.
    title : str
        What is asked of the workers.
    tasks, workers, classes, answers, truth : int or None
        Counts at the source, repeated answers included; ``truth`` counts tasks with a known label.
    images : bool
        Whether there are images (or spectrograms) to train on.
    size : int or None
        Bytes to download.
    licence, source, paper : str or None
        Licence of the data, where they come from, and who made them.
    tables : tuple of Remote
        Answers (``item,worker,label``) and known labels (``item,truth``) as CSV, or empty.
    recipe : str or None
        The recipe's file, below ``datasets/``.
    by_hand : str or None
        What a person has to do; ``FOLDER`` stands for the folder to install into.
    """

    name: str
    aliases: tuple[str, ...]
    title: str
    tasks: int | None
    workers: int | None
    classes: int | None
    answers: int | None
    truth: int | None
    images: bool
    size: int | None
    licence: str | None
    source: str
    paper: str | None
    tables: tuple[Remote, ...] = ()
    recipe: str | None = None
    by_hand: str | None = None

    @property
    def way(self) -> str:
        """``"install"``, ``"by hand"``, or ``"install, part by hand"``."""
        if not self.tables and self.recipe is None:
            return "by hand"
        return "install" if self.by_hand is None else "install, part by hand"


@cache
def catalogue() -> Mapping[str, PublicSet]:
    """Every public set by its name, in alphabetical order."""
    document = json.loads((_HERE / "catalogue.json").read_text(encoding="utf-8"))
    return {name: _read(name, facts) for name, facts in document.items()}


def _read(name: str, facts: dict[str, Any]) -> PublicSet:
    tables = tuple(Remote(**table) for table in facts.pop("tables", ()))
    return PublicSet(name=name, aliases=tuple(facts.pop("aliases")), tables=tables, **facts)


def public_set(name: str) -> PublicSet:
    """A public set by its name or an alias, blind to case, hyphens and underscores.

    Raises
    ------
    ParameterError
        There is none of this name.
    """
    sets = catalogue()
    by_name = {plain(n): entry for entry in sets.values() for n in (entry.name, *entry.aliases)}
    try:
        return by_name[plain(name)]
    except KeyError:
        near = did_you_mean(name, [n for e in sets.values() for n in (e.name, *e.aliases)])
        raise ParameterError(
            f"no public set {name!r}" + (near or "; list them: peerannot datasets list")
        ) from None


def install_public(
    name: str, folder: str | Path | None = None, *, progress: Progress = silent
) -> Installed:
    """Install a public set as a dataset folder.

    Parameters
    ----------
    name
        Its name or an alias.
    folder
        Where to; by default a folder of the set's name, here.
    progress
        Told what is downloaded and written.

    Raises
    ------
    ParameterError
        There is no such set.
    DownloadError
        A download failed, or there is a step that only a person can do.
    DataError
        What came has another form than is known.
    StorageError
        The folder cannot be written.
    """
    entry = public_set(name)
    target = Path(folder if folder is not None else entry.name).resolve()
    if entry.tables:
        _Tables(entry, target, progress).setfolders()
        return Installed(entry.name, target)
    hand = (entry.by_hand or "").replace("FOLDER", str(target))
    if entry.recipe is None:
        raise DownloadError(f"{entry.name} ({entry.source}) is not installed by itself: {hand}")
    # A recipe builds beside its file.
    file = target / Path(entry.recipe).name
    with storage_errors(file):
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_shipped(entry.recipe), file)
    return run_recipe(file, progress=progress)


def _shipped(recipe: str) -> Path:
    for home in _RECIPES:
        if (home / recipe).is_file():
            return home / recipe
    raise DataError(f"{recipe}: the recipe is not among the files of this peerannot; reinstall it")


class _Tables(Recipe):
    """A set of two tables: who answered what, and the known labels."""

    def __init__(self, entry: PublicSet, folder: Path, progress: Progress) -> None:
        super().__init__()
        self.entry, self.DIR, self.progress = entry, folder, progress

    def fetch(self, remote: Remote, *, of: str | None = None) -> Path:
        by_hand = (self.DIR / "downloads" / remote.name,)
        return fetch(remote, of or self.entry.name, by_hand=by_hand, progress=self.progress)

    def setfolders(self) -> None:
        """Of repeated answers of a worker to a task the last counts."""
        label, truth = (self.fetch(remote) for remote in self.entry.tables)
        votes: dict[str, dict[str, int]] = {}
        workers: set[str] = set()
        repeated = 0
        for task, worker, answer in self.rows(label, "item", "worker", "label"):
            given = votes.setdefault(task, {})
            repeated += worker in given
            given[worker] = answer
            workers.add(worker)
        if not votes:
            raise DataError(f"{label.name}: there are column names but no answers")
        tasks = sorted(votes, key=natural_key)
        known: dict[str, int] = dict(self.rows(truth, "item", "truth"))
        codes = np.array([known.get(task, -1) for task in tasks], dtype=np.int64)
        if repeated:
            self.say(f"{repeated} answers repeat a worker and a task: the last counts")
        lost = len(known.keys() - votes.keys())
        if lost:
            self.say(f"{lost} known labels are of tasks without answers: left out")
        with self.building(whole=True) as stage:
            write_votes(stage.path / "answers.json", votes)
            write_npy(stage.path / "ground_truth.npy", codes)
            self.write_metadata(
                stage,
                name=self.entry.name,
                n_classes=self.entry.classes,
                n_workers=len(workers),
                n_task=len(votes),
                source=self.entry.source,
                licence=self.entry.licence,
                paper=self.entry.paper,
            )

    def rows(self, path: Path, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a table whose last column is a class."""
        kinds: dict[str, type] = dict.fromkeys(columns, str)
        kinds[columns[-1]] = int
        n_classes = self.entry.classes or 0
        for line, row in enumerate(self.read_table(path, kinds).iter_rows(), 2):
            if not 0 <= row[-1] < n_classes:
                raise DataError(
                    f"{path.name} line {line}: {columns[-1]} {row[-1]} is not one of the"
                    f" {n_classes} classes 0..{n_classes - 1}"
                )
            yield row
