"""What was imported, as a dataset folder."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from peerannot._file_set import MANIFEST, FileSet, file_set, hashes, settle
from peerannot._files import read_json, sha256, write_csv, write_json
from peerannot._lock import locked
from peerannot._names import UNLABELLED, folder_names, leads_out, plain_name
from peerannot._text import few
from peerannot.answers import Answers
from peerannot.dataset.details import DETAILS, write_details
from peerannot.errors import DataError, ParameterError
from peerannot.io._read import Imported
from peerannot.io._source import Source
from peerannot.io.formats.table import read_rows

__all__ = ["UNLABELLED", "Folder", "answers_document", "write_dataset"]

# Label Studio puts eight hexadecimal digits before the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


@dataclass(frozen=True)
class Folder:
    """What was written.

    Attributes
    ----------
    path : Path
    images : int
        Images copied or linked.
    without_image : tuple of str
        Tasks whose image was not found.
    numbered : bool
        Whether tasks got numbers as keys, because their ids cannot be part of a file's name;
        ``tasks.csv`` has both.
    """

    path: Path
    images: int
    without_image: tuple[str, ...]
    numbered: bool


def write_dataset(
    imported: Imported,
    target: str | Path,
    *,
    name: str | None = None,
    images: str | Path | Mapping[str, Path] | None = None,
    link: bool = False,
    force: bool = False,
    append: bool = False,
) -> Folder:
    """Write a dataset folder: ``answers.json``, ``metadata.json``, gold labels, and images.

    Weights, several answers of a worker to a task and abstentions go to ``details.parquet``.

    All of it or nothing. What an earlier import wrote there and this one does not is removed.
    Gold labels that a person made are kept as ``gold.json.bak``.

    Gold labels go to ``gold.json``. Images of tasks with a gold label go to
    ``train/<class>/<name>-<key>``, the others to ``train/unlabelled/``. ``tasks.csv`` has the
    key, the id and the image of each task where they are not all one.

    Parameters
    ----------
    imported
        What `read` gave.
    target
        The folder; it is made if need be.
    name
        Name of the data set; by default that of the folder.
    images
        Folder with the images, in any sub-folders; they are found by the path or the name that
        the source has for them, else by the task's id. Or the file of each task that has one.
    link
        Link images instead of copying them.
    force
        Overwrite a dataset that is there already.
    append
        The dataset that is there was one of the sources: its name, the keys of its tasks, and
        its images stay.

    Raises
    ------
    ParameterError
        The target holds a dataset and ``force`` is not set.
    DataError
        No image is found, or a name fits several images.
    StorageError
        A file cannot be written.
    """
    target = Path(target)
    with locked(target):
        settle(target)
        for file in ("answers.json", "metadata.json"):
            if (target / file).exists() and not force and not append:
                raise ParameterError(
                    f"{target / file}: exists already; give --force to overwrite it"
                )
        with file_set(target) as files:
            before = _Before.of(target) if append else _Before()
            title = name or before.metadata.get("name") or target.resolve().name
            return _write(files, imported, title, images, link, before)


@dataclass(frozen=True)
class _Before:
    """What stays of the dataset that is added to: keys of tasks, metadata, images by SHA-256."""

    keys: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> _Before:
        keys = {str(key): str(key) for key in read_json(folder / "answers.json")}
        if (folder / "tasks.csv").exists():
            rows = read_rows(Source.open(folder / "tasks.csv"), ("key", "task"))
            named = {row["key"]: row["task"] for row in rows}
            keys = {named.get(key, key): key for key in keys}
        listed = hashes(folder / MANIFEST)
        images = {name: sha for name, sha in listed.items() if name.startswith("train/")}
        metadata = {k: v for k, v in read_json(folder / "metadata.json").items() if k != "details"}
        return cls(keys, metadata, images)

    @property
    def pictured(self) -> set[str]:
        """Keys of tasks that have an image."""
        return {PurePosixPath(name).stem.rpartition("-")[2] for name in self.images}

    def key_of(self, tasks: Iterable[str], *, in_names: bool) -> dict[str, str]:
        """Key of each task; a number where the id cannot be in a file's name and has to be."""
        tasks = list(tasks)
        if not self.keys:
            numbered = in_names and not all(map(_is_key, tasks))
            return {task: str(i) if numbered else task for i, task in enumerate(tasks)}
        new = [task for task in tasks if task not in self.keys]
        taken = {*self.keys.values(), *new}
        free = (key for i in count() if (key := str(i)) not in taken)
        others = {task: next(free) if in_names and not _is_key(task) else task for task in new}
        return {task: self.keys.get(task) or others[task] for task in tasks}


def _write(
    files: FileSet,
    imported: Imported,
    name: str,
    images: str | Path | Mapping[str, Path] | None,
    link: bool,
    before: _Before,
) -> Folder:
    answers = imported.answers
    written = ["answers.json", "metadata.json"]
    found: dict[str, Path] = {}
    if isinstance(images, Mapping):
        found = dict(images)
    elif images is not None:
        found = _find_images(Path(images), imported)
    key_of = before.key_of(answers.tasks, in_names=images is not None)
    keys = [key_of[task] for task in answers.tasks]
    numbered = keys != list(answers.tasks)
    folder_of = folder_names(answers.classes)
    for task, picture in found.items():
        known = imported.gold.get(task)
        folder = UNLABELLED if known is None else folder_of[known]
        file = f"{plain_name(picture.stem)}-{key_of[task]}{picture.suffix.lower()}"
        written.append(f"train/{folder}/{file}")
        files.place(picture, written[-1], link=link)
    if imported.gold:
        gold = {key_of.get(task, task): label for task, label in imported.gold.items()}
        write_json(files.at("gold.json"), gold)
        written.append("gold.json")
    if numbered or imported.images:
        written.append("tasks.csv")
        write_csv(
            files.at("tasks.csv"),
            {
                "key": keys,
                "task": list(answers.tasks),
                "image": [imported.images.get(task, "") for task in answers.tasks],
            },
        )
    write_json(files.at("answers.json"), answers_document(answers, keys), indent=None)
    details: dict[str, Any] = {}
    silent = [(key_of.get(task, task), worker) for task, worker in imported.abstained.rows()]
    if write_details(files.at(DETAILS), answers, keys, silent):
        written.append(DETAILS)
        details = {
            "file": DETAILS,
            "answers_sha256": sha256(files.at("answers.json")),
            "duplicates": imported.duplicates,
        }
    write_json(
        files.at("metadata.json"),
        {
            **before.metadata,
            "name": plain_name(name),
            "n_classes": answers.n_classes,
            "n_workers": answers.workers.span() or answers.n_workers,
            "n_task": answers.n_tasks,
            "class_names": list(answers.classes),
            "labels": "codes",
            "source_format": imported.report.format,
            **({"question": dict(imported.question)} if imported.question else {}),
            **({"details": details} if details else {}),
        },
    )
    for file in ("gold.json", "tasks.csv"):
        files.drop(file, hashes(files.root / MANIFEST).get(file, ""))
    facts = {"schema": "peerannot/dataset/1"}
    files.manifest(MANIFEST, facts, written, kept=before.images)
    pictured = before.pictured
    seen = {*found, *(task for task, key in key_of.items() if key in pictured)}
    lost = tuple(t for t in answers.tasks if t not in seen) if images is not None else ()
    return Folder(files.root, len(found), lost, numbered)


def answers_document(answers: Answers, keys: list[str]) -> dict[str, dict[str, int]]:
    """``{task: {worker: label}}`` with labels 0..K-1; of repeated answers the last stays."""
    workers, ptr = list(answers.workers), answers.task_ptr.tolist()
    who, what = answers.worker.tolist(), answers.label.tolist()
    return {
        key: {workers[who[a]]: what[a] for a in range(ptr[i], ptr[i + 1])}
        for i, key in enumerate(keys)
    }


def _is_key(task: str) -> bool:
    """Whether an id can stand behind the last hyphen of a file's name and be read back."""
    return "-" not in task and "." not in task and plain_name(task) == task


def _find_images(folder: Path, imported: Imported) -> dict[str, Path]:
    """File of each task's image. Only files inside the folder are ever taken."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    index = _index(folder)
    found: dict[str, Path] = {}
    for task in imported.answers.tasks:
        for name in _names(task, imported.images):
            files = index.get(name, [])
            if len(files) > 1:
                raise DataError(
                    f"{folder}: the image of task {task!r} may be {few(files, 3)}; rename one"
                )
            if files and leads_out(files[0], folder):
                raise DataError(
                    f"{files[0]}: a link that leads out of {folder}, to {files[0].resolve()}; copy"
                    " the image there if you want it"
                )
            if files:
                found[task] = files[0]
                break
    if not found:
        some = few(next(_names(t, imported.images), t) for t in imported.answers.tasks)
        raise DataError(f"{folder}: no image of any task in it (looked for {some})")
    return found


def _index(folder: Path) -> Mapping[str, list[Path]]:
    """Files by their path inside the folder, by every tail of it, and by name without ending."""
    index: dict[str, list[Path]] = defaultdict(list)
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(f for f in files if not f.startswith(".")):
            path = Path(base) / file
            parts = path.relative_to(folder).parts
            for n in range(len(parts)):
                index["/".join(parts[n:])].append(path)
            if path.stem not in (file, ""):
                index[path.stem].append(path)
    return index


def _names(task: str, images: Mapping[str, str]) -> Iterator[str]:
    """Names to look for, the surest first: the path of the image (or the task's id), its tails."""
    named = images.get(task, task)
    path = unquote(urlsplit(named).path if "://" in named else named).replace("\\", "/")
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
    for n in range(len(parts)):
        yield "/".join(parts[n:])
    if parts and _UPLOADED.match(parts[-1]):
        yield _UPLOADED.sub("", parts[-1])
