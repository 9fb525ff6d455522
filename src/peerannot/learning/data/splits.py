"""Which images train, validate and test, and what is known of each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import few
from peerannot.answers import Answers, Ids
from peerannot.dataset import Dataset, Image, match_tasks
from peerannot.errors import DataError, DataWarning
from peerannot.learning.data.labels import load_labels

__all__ = ["Split", "Splits", "labelled_splits", "vote_shares", "voted_splits"]

# Share of the training images that validate where there is no val/ folder.
_VALIDATION = 0.2


@dataclass(frozen=True)
class Split:
    """Some images and a distribution over classes for each.

    Attributes
    ----------
    images : list of Image
    target : float32 array (n_images, n_classes)
    """

    images: list[Image]
    target: NDArray[np.float32]

    @property
    def paths(self) -> list[Path]:
        return [image.path for image in self.images]

    def take(self, rows: NDArray[np.int64]) -> Split:
        return Split([self.images[int(row)] for row in rows], self.target[rows])


@dataclass(frozen=True)
class Splits:
    """The three sets of a training run.

    Attributes
    ----------
    train, val : Part
    test : Split or None
    answers : Answers or None
        The votes, task ``i`` being image ``i`` of ``train``.
    """

    train: Split
    val: Split
    test: Split | None
    answers: Answers | None = None


def labelled_splits(
    dataset: Dataset, labels: str | Path, *, path_remove: str | Path | None, seed: int
) -> Splits:
    """Training images with the labels of a file; see `load_labels`.

    Tasks without a label, and those of ``path_remove``, are left out with a `DataWarning`.

    Raises
    ------
    DataError
        Labels and images do not fit together; the message lists the first few.
    """
    images = dataset.images("train")
    known = load_labels(labels, dataset, images)
    everything = Ids([*known.tasks, *known.undecided])
    removed = _removed(dataset, path_remove, images, everything)
    _say_left_out(known.undecided, "have no label (undecided)")
    kept = np.array([i for i, t in enumerate(known.tasks) if t not in removed], np.int64)
    train = _pair(images, known.tasks.take(kept), {*known.undecided, *removed}, everything)
    part = Split(train, known.soft[kept])
    if any((dataset.path / "val").glob("*/*")):
        val = _folder_part(dataset, "val")
    else:
        rows, held = _hold_out(len(train), seed)
        part, val = part.take(rows), part.take(held)
        _say_held_out(dataset, len(held), "their aggregated labels")
    return Splits(part, val, _test(dataset))


def voted_splits(
    dataset: Dataset,
    answers_file: str | Path | None,
    *,
    path_remove: str | Path | None,
    seed: int,
) -> Splits:
    """Training images with their votes; tasks without votes are left out with a `DataWarning`.

    Raises
    ------
    DataError
        Votes and images do not fit together; the message lists the first few.
    """
    images = dataset.images("train")
    answers = dataset.answers(answers_file if answers_file is not None else "answers.json")
    if answers.weight is not None:
        warnings.warn(
            "training takes every answer of a worker alike: weights count in vote shares only",
            DataWarning,
            stacklevel=2,
        )
    everything = answers.tasks
    removed = _removed(dataset, path_remove, images, everything) & set(everything)
    empty = [
        everything[int(i)]
        for i in np.flatnonzero(answers.answers_per_task == 0)
        if everything[int(i)] not in removed
    ]
    _say_left_out(empty, "have no votes")
    answers = answers.without_tasks([*removed, *empty])
    if not answers.n_answers:
        raise DataError(f"{dataset.path}: no vote to train on")
    train = _pair(images, answers.tasks, {*removed, *empty}, everything)
    part = Split(train, vote_shares(answers).astype(np.float32))
    if any((dataset.path / "val").glob("*/*")):
        return Splits(part, _folder_part(dataset, "val"), _test(dataset), answers)
    rows, held = _hold_out(len(train), seed)
    _say_held_out(dataset, len(held), "the shares of their votes")
    if len(rows) < len(train):
        held_tasks = [answers.tasks[int(i)] for i in held]
        answers = answers.without_tasks(held_tasks)
    return Splits(part.take(rows), part.take(held), _test(dataset), answers)


def _removed(
    dataset: Dataset, path: str | Path | None, images: list[Image], tasks: Ids
) -> set[str]:
    if path is None:
        return set()
    keys = [image.key for image in images]
    return set(dataset.removed_tasks(path, Ids.sorted({*tasks, *keys})))


def _pair(images: list[Image], tasks: Ids, out: set[str], everything: Ids) -> list[Image]:
    """The image of each task, in the order of tasks; images of tasks left out are passed over."""
    if out:
        names = Ids.sorted({*everything, *out})
        places = [image.task(names) for image in images]
        images = [
            image
            for image, place in zip(images, places, strict=True)
            if place < 0 or names[place] not in out
        ]
    if not images or not len(tasks):
        raise DataError("no training image is left after those without a label are left out")
    order = np.argsort(match_tasks(images, tasks))
    return [images[int(i)] for i in order]


def _folder_part(dataset: Dataset, split: str) -> Split:
    images = dataset.images(split)
    target = np.zeros((len(images), dataset.n_classes), np.float32)
    target[np.arange(len(images)), dataset.folder_labels(images)] = 1
    return Split(images, target)


def _test(dataset: Dataset) -> Split | None:
    if any((dataset.path / "test").glob("*/*")):
        return _folder_part(dataset, "test")
    warnings.warn(
        f"{dataset.path / 'test'}: no images; the results have no test metrics",
        DataWarning,
        stacklevel=3,
    )
    return None


def _hold_out(n: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows to train on and rows to validate on; one image does both."""
    if n == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    order = np.random.default_rng(seed).permutation(n)
    n_held = max(1, round(_VALIDATION * n))
    return np.sort(order[n_held:]), np.sort(order[:n_held])


def vote_shares(answers: Answers) -> NDArray[np.float64]:
    """Share of each class among the votes on each task, uniform where there are none."""
    counts = np.zeros((answers.n_tasks, answers.n_classes))
    np.add.at(counts, (answers.task, answers.label), 1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 1 / answers.n_classes)


def _say_left_out(tasks: Iterable[str], why: str) -> None:
    listed = list(tasks)
    if listed:
        warnings.warn(
            f"{len(listed)} tasks {why} and are left out: {few(listed)}", DataWarning, stacklevel=3
        )


def _say_held_out(dataset: Dataset, n: int, labels: str) -> None:
    warnings.warn(
        f"{dataset.path / 'val'}: no images; {n} training images validate instead, by {labels}",
        DataWarning,
        stacklevel=3,
    )
