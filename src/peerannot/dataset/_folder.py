"""The dataset folder: ``metadata.json``, ``answers.json``, ``train/ val/ test/``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np

from peerannot._file_set import MANIFEST, changed_files, settle
from peerannot._files import read_json
from peerannot._memory import too_many_classes
from peerannot._names import NAME_BYTES, classes_of_folders, plain_name
from peerannot._no_answer import is_no_answer
from peerannot._text import did_you_mean, few
from peerannot.answers import Answers, Ids, Meaning
from peerannot.answers.labels import BadLabel
from peerannot.dataset._stage import settle_install
from peerannot.dataset.details import Details, read_details
from peerannot.dataset.images import SPLITS, Image, list_images
from peerannot.dataset.workers import WORKERS, Roster, read_roster
from peerannot.errors import DataError, ParameterError

__all__ = ["Dataset", "read_removed"]

logger = logging.getLogger("peerannot.files")


@dataclass(frozen=True)
class Dataset:
    """A dataset folder, opened and checked.

    Attributes
    ----------
    path : Path
        The folder.
    name : str
        ``name`` in the metadata, else the folder's own name.
    n_classes : int
        Number of classes K.
    metadata : mapping
        All of ``metadata.json``.
    """

    path: Path
    name: str
    n_classes: int
    metadata: Mapping[str, Any]
    metadata_path: Path

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        metadata_path: str | Path | None = None,
        n_classes: int | None = None,
    ) -> Dataset:
        """Open a dataset folder.

        Parameters
        ----------
        path
            The folder.
        metadata_path
            Its metadata, where they are not ``path/metadata.json``.
        n_classes
            What the user says K is; it must agree with the metadata.

        Raises
        ------
        DataError
            The folder or the metadata are missing or wrong.
        ParameterError
            ``n_classes`` contradicts the metadata.
        """
        root = Path(path)
        if not root.is_dir():
            raise DataError(f"{root}: no such folder")
        settle(root)
        settle_install(root)
        where = Path(metadata_path) if metadata_path is not None else root / "metadata.json"
        if not where.exists():
            raise DataError(
                f"{where}: no such file; a dataset needs metadata.json with at least"
                ' {"name": ..., "n_classes": ...}'
            )
        metadata = read_json(where)
        if not isinstance(metadata, dict):
            raise DataError(f"{where}: expected a JSON object with name and n_classes")
        k = metadata.get("n_classes", n_classes)
        if k is None and isinstance(metadata.get("class_names"), list):
            k = len(metadata["class_names"])
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            problem = "is missing" if k is None else f"must be a whole number >= 1, not {k!r}"
            raise DataError(f"{where}: n_classes {problem}; add it or give -K")
        if too_many := too_many_classes(k):
            raise DataError(f"{where}: n_classes = {k}: {too_many}")
        if n_classes is not None and n_classes != k:
            raise ParameterError(f"-K {n_classes} contradicts {where}, which says n_classes = {k}")
        name = metadata.get("name", plain_name(root.resolve().name))
        if fault := _name_fault(name):
            raise DataError(f"{where}: name must be {fault}, not {str(name)[:60]!r}")
        dataset = cls(root, name, k, metadata, where)
        if len(dataset.classes) != k:
            raise DataError(
                f"{where}: class_names has {len(dataset.classes)} names for n_classes = {k}"
            )
        return dataset

    @property
    def labels(self) -> Meaning:
        """What whole numbers of ``answers.json`` are: positions (``"codes"``) unless ``labels`` in
        the metadata says ``"names"``."""
        said: Any = self.metadata.get("labels", "codes")
        if said not in get_args(Meaning):
            raise DataError(
                f'{self.metadata_path}: labels must be "codes" or "names", not {said!r}'
            )
        meaning: Meaning = said
        return meaning

    @cached_property
    def classes(self) -> Ids:
        """Class names in order of label: ``class_names``, else the class folders, else numbers.

        Folders count where there are exactly K of them, in the order of their names, as
        torchvision's ImageFolder numbers them.
        """
        names = self.metadata.get("class_names")
        if names is not None:
            if not isinstance(names, list) or len({str(n) for n in names}) != len(names):
                raise DataError(
                    f"{self.metadata_path}: class_names must be a list of distinct names"
                )
            return Ids(map(str, names))
        for split in SPLITS:
            base = self.path / split
            if base.is_dir():
                folders = sorted(p.name for p in base.iterdir() if p.is_dir() and p.name[0] != ".")
                if len(folders) == self.n_classes:
                    return Ids(folders)
        return Ids(self.n_classes)

    def answers(
        self, file: str | Path = "answers.json", *, path_remove: str | Path | None = None
    ) -> Answers:
        """Read the votes.

        Parameters
        ----------
        file
            Name inside the folder, or a path; ``{task: {worker: label}}``. Whole numbers are
            positions 0..K-1 of classes unless the metadata say ``"labels": "names"``; texts are
            names.
        path_remove
            Pruning file of tasks to leave out, see `read_removed`.

        Raises
        ------
        DataError
            The file is missing, damaged, has a label out of range or none at all, or was changed
            since its weights, repeated answers and abstentions were written beside it.
        """
        path = self.path / file
        if not path.exists() and Path(file).exists():
            path = Path(file)
        details = read_details(self.path, self.metadata, path)
        self._tell_changes(path)
        try:
            document = read_json(path)
            if _all_missing(document, self.classes):
                raise DataError(f"{path}: no answers in it, every label is missing")
            answers = Answers.from_mapping(
                document, classes=self.classes, labels=self.labels, where=str(path)
            )
        except BadLabel as bad:
            # Published files of labels 1..K do not say what their numbers are.
            if not bad.number:
                raise
            raise DataError(
                f'{bad}; if the numbers are names of classes, write "labels": "names" and'
                f" class_names into {self.metadata_path}, or make a data set of it:"
                f" peerannot import {path} --to FOLDER --labels names"
            ) from None
        if details is not None:
            answers = details.answers(answers)
        if path_remove is not None:
            answers = answers.without_tasks(self.removed_tasks(path_remove, answers.tasks))
        return answers

    def details(self) -> Details | None:
        """What came with the votes that ``answers.json`` cannot hold; None where there is nothing.

        Raises
        ------
        DataError
            ``answers.json`` was changed since, or the sidecar is absent or damaged.
        """
        return read_details(self.path, self.metadata, self.path / "answers.json")

    def roster(self) -> Roster:
        """Kinds and groups of the workers, of ``workers.csv``; empty without one.

        Raises
        ------
        DataError
            The file is damaged.
        """
        return read_roster(self.path / WORKERS)

    def _tell_changes(self, answers: Path) -> None:
        """Say which of the files that belong together were changed since they were written."""
        names = ["metadata.json", *([answers.name] if answers.parent == self.path else [])]
        for name in changed_files(self.path, self.path / MANIFEST, names):
            logger.warning(
                "%s: not as peerannot wrote it; it is used as it is (to stop this line:"
                " peerannot doctor %s --accept)",
                self.path / name,
                self.path,
            )

    def removed_tasks(self, path: str | Path, tasks: Ids) -> list[str]:
        """Ids of the tasks that a pruning file names."""
        by_position, keys = read_removed(path)
        if keys is not None:
            return keys
        images = self.images("train")
        order = [image.key for image in images]
        if by_position and max(by_position) >= len(order):
            raise DataError(f"{path}: image {max(by_position)} of only {len(order)}")
        unknown = [order[i] for i in by_position if order[i] not in tasks]
        if unknown:
            raise DataError(f"{path}: images without votes: {few(unknown)}")
        return [order[i] for i in by_position]

    def images(self, split: str) -> list[Image]:
        """Images of a split, see `list_images`."""
        return list_images(self.path, split)

    def folder_labels(self, images: list[Image]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Class of each image by its folder, int64 (n_images,).

        Raises
        ------
        DataError
            A folder is not one of the classes.
        """
        position = self.classes.index_of
        index = {f: position[name] for f, name in classes_of_folders(self.classes).items()}
        folders = {image.folder for image in images}
        unknown = sorted(folders - index.keys())
        if unknown:
            raise DataError(
                f"{images[0].path.parent.parent}: folder {unknown[0]!r} is not one of the classes"
                f" {few(self.classes, 12)}" + did_you_mean(unknown[0], self.classes)
            )
        return np.array([index[image.folder] for image in images], dtype=np.int64)


def _name_fault(name: Any) -> str | None:
    """What the name of a data set must be, when it is not: names of files begin with it."""
    if not isinstance(name, str) or not name or "/" in name or "\\" in name:
        return "a text without slashes"
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in name):
        return "without control characters"
    if len(name.encode()) > NAME_BYTES:
        return f"of at most {NAME_BYTES} bytes"
    return None


def _all_missing(document: Any, classes: Ids) -> bool:
    """Whether there are labels, and none of them is an answer."""
    rows = document.values() if isinstance(document, dict) else ()
    labels = chain.from_iterable(row.values() for row in rows if isinstance(row, dict))
    kept = (not is_no_answer(label) or label in classes for label in labels)
    first = next(kept, True)
    return not first and not any(kept)


def read_removed(path: str | Path) -> tuple[list[int], list[str] | None]:
    """Read a pruning file of the published format, or a plain list of task ids.

    Two columns: the position of the image in the train folder, and the task's key. The key
    counts; only where all keys are -1 do the positions. One column: keys.

    Returns
    -------
    tuple
        Positions, and keys (None where only positions are known).

    Raises
    ------
    DataError
        The file is missing or a line has more than two columns.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        parts = line.replace(",", " ").split()
        if len(parts) > 2:
            raise DataError(f"{path} line {number}: expected 'position key', not {line.strip()!r}")
        if parts:
            rows.append([_whole(p) for p in parts])
    keys = [row[-1] for row in rows]
    if any(len(row) == 2 for row in rows) and all(key == "-1" for key in keys):
        return [int(row[0]) for row in rows], None
    return [int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit()], keys


def _whole(text: str) -> str:
    """numpy.savetxt writes ``3`` as ``3.000000000000000000e+00``; read it back as ``3``."""
    if text.lstrip("-").isdecimal():
        return text  # as it stands, with every digit
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text
