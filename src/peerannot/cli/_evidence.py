"""What ``identify`` gives a method to look at: votes, images, labels, a network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._votes import is_dataset, load_votes, only_for_files, reading_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peerannot._progress import Progress
    from peerannot.answers import Answers
    from peerannot.dataset import Dataset, Image
    from peerannot.dataset.workers import Roster
    from peerannot.identification import Evidence
    from peerannot.learning import TrainOptions

__all__ = [
    "images_of",
    "n_workers",
    "positions",
    "read_hard_labels",
    "roster_of",
    "votes_of",
    "with_network",
]


def votes_of(
    path: str,
    n_classes: int | None,
    metadata: Path | None,
    labels: str | None,
    values: dict[str, Any],
) -> tuple[Dataset | None, Answers, Mapping[str, Any]]:
    """The data set, where it is one, its votes, and facts of how a file was read."""
    from peerannot.dataset import Dataset

    names = [name for name in reading_names() if name in values]
    reading = {name: values.pop(name) for name in names}
    if is_dataset(path, metadata=metadata):
        only_for_files(reading, path)
        dataset = Dataset.open(path, metadata_path=metadata, n_classes=n_classes)
        file = Path(labels).resolve() if labels is not None else "answers.json"
        return dataset, dataset.answers(file), {}
    if labels not in (None, "codes", "names"):
        raise click.UsageError(f"--labels: {path} is a file of votes; give codes or names")
    if n_classes is not None:
        raise click.UsageError("--n-classes is for a data set; give --classes for a file of votes")
    votes = load_votes(path, metadata=metadata, labels=labels, **reading)
    return None, votes.answers, votes.facts


def roster_of(dataset: Dataset | None, answers: Answers, models: str | None) -> Roster:
    """Kinds and groups of workers, as the data set and the user say."""
    from peerannot.dataset.workers import Roster, named_models

    known = Roster() if dataset is None else dataset.roster()
    return known if models is None else named_models(models.split(","), answers.workers, known)


def n_workers(dataset: Dataset) -> int | None:
    n = dataset.metadata.get("n_workers")
    return n if isinstance(n, int) and not isinstance(n, bool) and n > 0 else None


def images_of(
    dataset: Dataset, answers: Answers, *, needed: bool
) -> list[tuple[Image | None, int]]:
    """Image and position in the train folder of each task; empty without any image."""
    from peerannot.errors import DataError

    if not needed and not any((dataset.path / "train").glob("*/*")):
        return []
    images = dataset.images("train")
    found: list[tuple[Image | None, int]] = [(None, -1)] * answers.n_tasks
    for position, image in enumerate(images):
        task = image.task(answers.tasks)
        if task < 0:
            continue
        other = found[task][0]
        if other is not None:
            raise DataError(
                f"{dataset.path / 'train'}: {other.path.name} and {image.path.name} have the same"
                f" key {answers.tasks[task]!r}"
            )
        found[task] = (image, position)
    return found


def positions(images: list[tuple[Image | None, int]]) -> Any:
    import numpy as np

    return np.array([at for _, at in images], dtype=np.int64) if images else None


def read_hard_labels(path: Path) -> Any:
    """Labels of a file of hard labels, or the likeliest class of soft ones."""
    import numpy as np

    from peerannot._files import load_npy
    from peerannot.errors import DataError

    array = load_npy(path)
    if array.ndim == 2 and array.dtype.kind == "f":
        return np.where(array.sum(1) > 0, array.argmax(1), -1)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"{path}: expected whole numbers (n_tasks,), or probabilities (n_tasks, K), not"
            f" {array.dtype} {array.shape}"
        )
    return array


def with_network(
    evidence: Evidence,
    logits: Path | None,
    images: list[tuple[Image | None, int]],
    folder: str,
    training: TrainOptions,
    progress: Progress,
) -> Evidence:
    """The evidence with a network to train, or with the logits of one that has been."""
    if logits is not None:
        from peerannot._files import load_npy
        from peerannot.identification.replay import Replay

        replay = Replay(load_npy(logits), evidence.answers, str(logits))
        return dataclasses.replace(evidence, train=replay, one_network=True, model=logits.stem)
    from peerannot._optional import require
    from peerannot._text import few
    from peerannot.errors import DataError

    for module in ("torch", "torchvision", "timm", "lightning_fabric"):
        require(module, extra="deep", feature="training a network")
    from peerannot.learning.training.dynamics import WatchedTraining

    answers = evidence.answers
    lost = [
        answers.tasks[i]
        for i, (image, _) in enumerate(images)
        if image is None and answers.answers_per_task[i]
    ]
    if lost:
        raise DataError(
            f"{Path(folder) / 'train'}: {len(lost)} tasks with votes have no image: {few(lost)};"
            " add <name>-<key>.png files, or give --logits"
        )
    train = WatchedTraining(
        [image.path if image else None for image, _ in images],
        answers.n_classes,
        training,
        progress,
    )
    return dataclasses.replace(evidence, train=train, model=training.model.replace("/", "_"))
