"""Digits as images: the demo data set, and ``--images``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerannot.dataset import Dataset, match_tasks
from peerannot.errors import MissingDependencyError, StorageError
from peerannot.simulation import digits, save_with_images, simulate

pytest.importorskip("sklearn", reason="images need the extra demo")


def pixels(path: Path) -> np.ndarray[Any, Any]:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("demo") / "digits"
    return folder, digits(folder)


def test_demo_is_a_whole_dataset(demo: tuple[Path, Any]) -> None:
    folder, _ = demo
    dataset = Dataset.open(folder)
    answers = dataset.answers()
    assert dataset.name == "digits" and list(dataset.classes) == list("0123456789")
    splits = {split: dataset.images(split) for split in ("train", "val", "test")}
    assert {k: len(v) for k, v in splits.items()} == {"train": 1000, "val": 300, "test": 497}
    keys = [image.key for images in splits.values() for image in images]
    assert len(set(keys)) == 1797
    positions = match_tasks(splits["train"], answers.tasks)
    truth = np.load(folder / "ground_truth.npy")
    assert (dataset.folder_labels(splits["train"]) == truth[positions]).all()
    assert all(pixels(images[0].path).shape == (32, 32) for images in splits.values())
    assert (answers.answers_per_task == 5).all() and answers.n_workers == 40
    assert np.load(folder / "matrices.npy").shape == (40, 10, 10)
    assert [path.name for path in folder.glob(".*")] == [".peerannot.json"]


def test_demo_crowd_is_imperfect_in_known_ways(demo: tuple[Path, Any]) -> None:
    from peerannot import aggregate

    _, simulation = demo
    answers, truth = simulation.answers, simulation.truth
    kinds = simulation.extra["kinds"]
    assert np.unique(kinds, return_counts=True)[1].tolist() == [1, 35, 4]
    constant = answers.label[answers.worker == np.flatnonzero(kinds == "constant")[0]]
    assert np.unique(constant).size == 1
    vote = (aggregate(answers, "MV").labels == truth).mean()
    model = (aggregate(answers, "WDS").labels == truth).mean()
    assert 0.75 < vote < model < 0.95


def test_same_seed_same_bytes_and_a_rerun_replaces(demo: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = demo

    def digest(root: Path) -> dict[str, str]:
        return {
            str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in root.rglob("*")
            if p.is_file()
        }

    other = tmp_path / "twice"
    small = simulate("mixed-crowd", n_task=30, n_classes=3, n_worker=5, seed=4)
    save_with_images(small, other)
    assert digest(other) != digest(folder)
    digits(other)
    assert digest(other) == digest(folder)


def test_hard_tasks_look_harder(demo: tuple[Path, Any]) -> None:
    """Nearest clean mean of a class: right far more often on the clear images."""
    folder, simulation = demo
    dataset = Dataset.open(folder)
    held_out = dataset.images("test")
    label = dataset.folder_labels(held_out)
    clean = np.array([pixels(image.path).ravel() for image in held_out], float)
    means = np.array([clean[label == k].mean(axis=0) for k in range(10)])
    train = dataset.images("train")
    seen = np.array([pixels(image.path).ravel() for image in train], float)
    hard = simulation.plan.hardness[[int(image.key) for image in train]]
    nearest = ((seen[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    right = nearest == dataset.folder_labels(train)
    assert right[hard == 0].mean() > right[hard > 0.6].mean() + 0.1


def test_images_do_not_change_the_answers_and_follow_the_truth(tmp_path: Path) -> None:
    simulation = simulate("glad", n_task=150, n_classes=4, n_worker=6, seed=2)
    save_with_images(simulation, tmp_path)
    dataset = Dataset.open(tmp_path)
    train = dataset.images("train")
    positions = match_tasks(train, dataset.answers().tasks)
    assert (dataset.folder_labels(train) == simulation.truth[positions]).all()
    assert {image.folder for image in dataset.images("test")} == set("0123")
    assert (dataset.answers().label == simulation.answers.label).all()


def test_more_tasks_than_digits_reuse_them_shifted(tmp_path: Path) -> None:
    simulation = simulate("hammer-spammer", n_task=450, n_classes=2)
    save_with_images(simulation, tmp_path)
    images = Dataset.open(tmp_path).images("train")
    assert len(images) == 450
    distinct = {pixels(image.path).tobytes() for image in images}
    assert len(distinct) > 400


def test_images_of_others_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "train" / "cat").mkdir(parents=True)
    (tmp_path / "metadata.json").write_text(json.dumps({"name": "mine", "n_classes": 2}))
    with pytest.raises(StorageError, match="not of a simulation"):
        save_with_images(simulate("hammer-spammer"), tmp_path)
    assert json.loads((tmp_path / "metadata.json").read_text())["name"] == "mine"


def test_missing_scikit_learn_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"peerannot\[demo\]"):
        digits(tmp_path)
    assert not list(tmp_path.iterdir())


def test_images_by_command(run: Any, tmp_path: Path) -> None:
    line = "simulate --images -K 3 --n-task 12 --n-worker 4 --folder d"
    run(*line.split(), cwd=tmp_path)
    dataset = Dataset.open(tmp_path / "d")
    assert len(dataset.images("train")) == 12 and dataset.n_classes == 3
    assert len(dataset.answers()) == 48
