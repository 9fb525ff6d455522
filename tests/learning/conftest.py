"""Small data sets of coloured squares, which a tiny network learns in a few steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLOURS = ((200, 60, 60), (60, 200, 60), (60, 60, 200), (200, 200, 60))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks this small run many times slower on threads that wait for each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@dataclass
class Tiny:
    """A data set folder and what is true of it."""

    path: Path
    truth: dict[int, int]
    names: Sequence[str]
    votes: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def soft(self) -> np.ndarray:
        keys = sorted(self.truth)
        labels = np.eye(len(self.names))[[self.truth[key] for key in keys]]
        return labels * 0.9 + 0.1 / len(self.names)

    def save(self, labels: np.ndarray, name: str = "labels.npy") -> Path:
        file = self.path / name
        file.parent.mkdir(exist_ok=True, parents=True)
        np.save(file, labels)
        return file


def draw(path: Path, label: int, rng: np.random.Generator, size: int = 16) -> None:
    noise = rng.integers(-40, 40, (size, size, 3))
    pixels = (np.array(COLOURS[label]) + noise).clip(0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


Make = Callable[..., Tiny]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Build a data set: ``make(names, train=.., val=.., test=.., n_workers=.., first_key=..)``."""

    def build(
        names: Sequence[str] = ("cat", "dog"),
        *,
        train: int = 24,
        val: int = 8,
        test: int = 8,
        n_workers: int = 5,
        keys: Sequence[int] | None = None,
        folder: str = "shapes",
        answers: bool = True,
    ) -> Tiny:
        rng = np.random.default_rng(0)
        root = tmp_path / folder
        k = len(names)
        keys = list(keys if keys is not None else range(train))
        truth = {key: i % k for i, key in enumerate(keys)}
        for key, label in truth.items():
            draw(root / "train" / names[label] / f"im-{key}.png", label, rng)
        for split, n in (("val", val), ("test", test)):
            for i in range(n):
                draw(root / split / names[i % k] / f"{split}-{10_000 + i}.png", i % k, rng)
        tiny = Tiny(root, truth, names)
        # The last worker answers at random, the others err one time in ten.
        for key, label in truth.items():
            tiny.votes[str(key)] = {}
            for worker in rng.choice(n_workers, min(3, n_workers), replace=False):
                good = worker < n_workers - 1 and rng.random() > 0.1
                answer = label if good else int(rng.integers(k))
                tiny.votes[str(key)][str(worker)] = answer
        metadata = {"name": "shapes", "n_classes": k, "n_workers": n_workers}
        metadata["class_names"] = list(names)
        (root / "metadata.json").write_text(json.dumps(metadata))
        if answers:
            (root / "answers.json").write_text(json.dumps(tiny.votes))
        return tiny

    return build
