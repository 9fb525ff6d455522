"""Labels to train on, and whose they are."""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._file_set import changed_files
from peerannot._files import load_npy, read_json
from peerannot._text import did_you_mean, few, plain
from peerannot.answers import Ids
from peerannot.dataset import Dataset, Image
from peerannot.errors import DataError, DataWarning

__all__ = ["Labels", "find_file", "load_labels"]

# Rows of float32 files written by others do not sum to 1 exactly.
_SUM_TOLERANCE = 1e-3
_ADVICE = "; `peerannot aggregate DATASET -s STRATEGY` makes labels"


@dataclass(frozen=True)
class Labels:
    """Labels of tasks.

    Attributes
    ----------
    tasks : Ids
        The tasks that have a label.
    soft : float32 array (n_tasks, n_classes)
        A distribution over classes for each; hard labels are its corners.
    undecided : Ids
        Tasks of the file that have none (-1, or a row of zeros).
    """

    tasks: Ids
    soft: NDArray[np.float32]
    undecided: Ids


def find_file(path: str | Path, root: str | Path = ".") -> Path:
    """The file at ``path``, or the one beside it whose name differs only in case or hyphens.

    A relative path that leads nowhere from here is also tried from ``root``.
    ``labels_cifar-10h_ds.npy`` finds ``labels_cifar10H_DS.npy``, with a `DataWarning`, because
    names of published scripts differ in this way from the names that are written.

    Raises
    ------
    DataError
        There is no such file, or several fit.
    """
    path = Path(path)
    if not path.parent.is_dir() and (root / path).parent.is_dir():
        path = root / path
    if path.is_file():
        return path
    folder = path.parent
    names = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    fits = [name for name in names if plain(name) == plain(path.name)]
    if len(fits) > 1:
        raise DataError(f"{path}: no such file, and several fit: {few(fits)}; name one exactly")
    if not fits:
        near = did_you_mean(path.name, [name for name in names if name.endswith(path.suffix)])
        raise DataError(f"{path}: no such file{near}{_ADVICE}")
    warnings.warn(f"{path}: no such file; using {folder / fits[0]}", DataWarning, stacklevel=2)
    return folder / fits[0]


def load_labels(path: str | Path, dataset: Dataset, images: list[Image]) -> Labels:
    """Read a labels file and find the task of each row.

    Parameters
    ----------
    path
        ``.npy``: a distribution over classes per task, float (n, K), or a class per task, int
        (n,), where -1 means undecided. Found by `find_file`.
    dataset
        The folder that the labels belong to.
    images
        Its training images; they name the tasks where nothing else does.

    Notes
    -----
    Row ``r`` belongs to the ``r``-th task of the table beside the file (``<stem>.csv``, column
    ``task``; ``peerannot aggregate`` writes it) where that has as many rows; else of
    ``answers.json`` in ascending order of keys; else, where the folder has no ``answers.json``,
    of the images in ascending order of keys.

    Raises
    ------
    DataError
        The file is damaged, a row is not a distribution over the K classes, or no source of
        tasks has as many tasks as the file has rows.
    """
    file = find_file(path, dataset.path)
    # Beside its manifest, two folders deep in the data set that it was aggregated of.
    if changed_files(file.parent.parent, file.with_suffix(".json"), [f"labels/{file.name}"]):
        warnings.warn(
            f"{file}: not the file that {file.with_suffix('.json').name} names: it was changed, or"
            " damaged; it is used as it is. To be sure, run 'peerannot aggregate' again",
            DataWarning,
            stacklevel=2,
        )
    soft = _distributions(load_npy(file), dataset.n_classes, file)
    tasks = _tasks(file, len(soft), dataset, images)
    decided = soft.sum(axis=1) > 0
    labels = Labels(
        tasks.take(np.flatnonzero(decided)),
        np.ascontiguousarray(soft[decided]),
        tasks.take(np.flatnonzero(~decided)),
    )
    if not len(labels.tasks):
        raise DataError(f"{file}: no task has a label in it")
    return labels


def _distributions(array: NDArray[Any], n_classes: int, file: Path) -> NDArray[np.float32]:
    """Any accepted array of labels as distributions; rows of zeros are undecided."""
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iu":
        array = array[:, 0]
    if array.ndim == 1 and array.dtype.kind in "iu":
        wrong = np.flatnonzero((array < -1) | (array >= n_classes))
        if wrong.size:
            raise DataError(
                f"{file} row {wrong[0]}: label {array[wrong[0]]} is not in 0..{n_classes - 1}"
                f" (or -1 for undecided); does the file belong to this dataset?"
            )
        soft = np.zeros((array.size, n_classes), np.float32)
        known = np.flatnonzero(array >= 0)
        soft[known, array[known]] = 1
        return soft
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(
            f"{file}: expected soft labels, floats (n_tasks, {n_classes}), or hard labels, whole"
            f" numbers (n_tasks,), not {array.dtype} {array.shape}"
        )
    if array.shape[1] != n_classes:
        raise DataError(
            f"{file}: {array.shape[1]} classes in it, {n_classes} in the dataset;"
            " does the file belong to this dataset?"
        )
    values = array.astype(np.float64)
    sums = values.sum(axis=1)
    for fault, rows in (
        ("has a value that is not a number", ~np.isfinite(values).all(axis=1)),
        ("has a negative value", (values < 0).any(axis=1)),
        ("does not sum to 1", (np.abs(sums - 1) > _SUM_TOLERANCE) & (sums != 0)),
    ):
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            raise DataError(f"{file} row {row}: {fault}: {few(values[row], 6)}")
    return (values / np.where(sums > 0, sums, 1)[:, None]).astype(np.float32)


def _tasks(file: Path, n_rows: int, dataset: Dataset, images: list[Image]) -> Ids:
    table = file.with_suffix(".csv")
    listed = _table_tasks(table) if table.exists() else None
    if listed is not None and len(listed) == n_rows:
        return listed
    votes = dataset.path / "answers.json"
    if votes.exists():
        keys = read_json(votes)
        if not isinstance(keys, dict):
            raise DataError(f"{votes}: expected {{task: {{worker: label}}}}")
        known, source = Ids.sorted(keys), f"{votes} has {len(keys)} tasks"
    else:
        known = Ids.sorted(image.key for image in images)
        source = f"there are {len(known)} training images"
    if len(known) == n_rows:
        return known
    also = f" and {table.name} has {len(listed)}" if listed is not None else ""
    raise DataError(
        f"{file} has {n_rows} rows, but {source}{also}; make the labels again with"
        f" `peerannot aggregate`, which writes {table.name} to say whose they are"
    )


def _table_tasks(table: Path) -> Ids | None:
    try:
        with table.open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle)
            if "task" not in (rows.fieldnames or ()):
                return None
            return Ids([row["task"] for row in rows])
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{table}: cannot be read as a table of tasks: {error}") from None
