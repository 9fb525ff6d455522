"""Handwritten digits as images for a simulated crowd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._file_set import MANIFEST, file_set
from peerannot._files import atomic_path, read_json
from peerannot._optional import require
from peerannot._progress import Progress, silent
from peerannot.dataset import SPLITS
from peerannot.errors import DataError, ParameterError, StorageError
from peerannot.simulation.base import Simulation
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.models.mixed_crowd import MixedCrowd
from peerannot.simulation.write import FACTS, stage, written

__all__ = ["digits", "save_with_images"]

_SIDE = 32
_MARGIN = 2
_IN_TRAIN, _IN_VAL = 1000, 300
_MARK = "digits"


def digits(
    folder: str | Path,
    *,
    n_worker: int = 40,
    feedback: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> Simulation:
    """Write the demo data set: 1,797 digits as PNG files, 1,000 of them labelled by a crowd.

    1,000 train, 300 validation and 497 test images of 32 x 32 grey pixels, the digits that ship
    with scikit-learn; the train images are answered by the crowd of `MixedCrowd` (mean accuracy
    0.75, a tenth spammers, one worker who always gives one class, 0-6, 3-8, 4-9, 1-7 and
    2-5 confused, a quarter of the tasks hard; the image of a hard task is blended with a digit of
    the class that it is mistaken for). The same bytes for the same arguments and versions of
    scikit-learn and Pillow.

    Parameters
    ----------
    folder
        Gets ``train/ val/ test/``, ``answers.json``, ``metadata.json`` with ``class_names``,
        ``ground_truth.npy``, ``matrices.npy``, ``difficulties.npy`` and more.
    n_worker, feedback
        Workers, and answers of a task.
    seed
        Seed of the crowd and of the images.

    Raises
    ------
    MissingDependencyError
        scikit-learn is not installed (extra ``demo``).
    StorageError
        The folder holds images that are not of a simulation.
    """
    source = _Digits.load(10, seed)
    crowd = Crowd(
        n_worker=n_worker, n_task=_IN_TRAIN, n_classes=10, feedback=feedback, zipf=0.4, seed=seed
    )
    model = MixedCrowd(accuracy=0.75, pairs="0-6,3-8,4-9,1-7,2-5", hard=0.25)
    simulation = model.draw(crowd, truth=source.label[source.train])
    save_with_images(simulation, folder, source=source, progress=progress, name="digits")
    return simulation


def save_with_images(
    simulation: Simulation,
    folder: str | Path,
    *,
    parquet: str | Path | None = None,
    source: _Digits | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write a simulation with an image for each task, and images to validate and test on.

    Task i gets a train digit of its true class, shifted and, by its hardness h, blended with a
    digit of another class (weight 0.45 h) and noised. Digits are used again, with another
    shift, where tasks outnumber them. Validation and test images are clean digits of the
    classes simulated and are never used in training; their keys go on after the tasks.

    Raises
    ------
    ParameterError
        There are more than ten classes.
    StorageError
        The folder holds images that are not of a simulation.
    """
    folder = Path(folder)
    k = simulation.crowd.n_classes
    _check_free(folder)
    source = source or _Digits.load(k, simulation.crowd.seed)
    # A generator of its own: the answers are the same with and without images.
    rng = np.random.default_rng([simulation.crowd.seed, _SIDE])
    more: Mapping[str, Any] = {
        "class_names": [str(c) for c in range(k)],
        "images": _MARK,
        **({} if name is None else {"name": name}),
    }
    hardness, lookalike = simulation.plan.hardness, simulation.plan.lookalike

    def train_image(i: int, position: int) -> NDArray[np.float64]:
        hard = 0.0 if hardness is None else float(hardness[i])
        other = None if lookalike is None else int(lookalike[i])
        return _shifted(source.harden(position, hard, other, rng), rng)

    n_task = simulation.truth.size
    total = n_task + source.val.size + source.test.size
    splits = {
        "train": source.choose(simulation.truth),
        "val": source.val,
        "test": source.test,
    }
    with file_set(folder) as files:
        names = stage(files, simulation, parquet=parquet, more=more)
        pictures: list[str] = []
        for split, positions in splits.items():
            for i, position in enumerate(positions.tolist()):
                label = int(source.label[position])
                image = train_image(i, position) if split == "train" else source.pixels[position]
                pictures.append(f"{split}/{label}/{label}-{len(pictures)}.png")
                _write_png(files.at(pictures[-1]), image)
                progress(len(pictures), total, split)
            files.drop_folder(split)
        files.manifest(MANIFEST, FACTS, [*names, *pictures])
    return [*written(folder, names, parquet), *(folder / split for split in splits)]


@dataclass(frozen=True)
class _Digits:
    """The digits of scikit-learn, some classes of them, cut in three."""

    pixels: NDArray[np.float64]
    label: NDArray[np.int64]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]

    @classmethod
    def load(cls, k: int, seed: int) -> _Digits:
        """Read the images, float64 (n, 32, 32) in 0..1, and split them at random by the seed."""
        if k > 10:
            raise ParameterError(f"images are digits, of ten classes at most, not {k}")
        datasets = require("sklearn.datasets", extra="demo", feature="simulating images")
        raw = datasets.load_digits()
        order = np.random.default_rng(seed).permutation(raw.target.size)
        label = raw.target.astype(np.int64)
        cuts = np.split(order, (_IN_TRAIN, _IN_TRAIN + _IN_VAL))
        train, val, test = (part[label[part] < k] for part in cuts)
        return cls(_enlarged(raw.images / 16), label, train, val, test)

    def choose(self, truth: NDArray[np.int64]) -> NDArray[np.int64]:
        """A train image of the right class for each task, in turn."""
        chosen = np.empty(truth.size, np.int64)
        for c in np.unique(truth):
            tasks, pool = np.flatnonzero(truth == c), self.train[self.label[self.train] == c]
            chosen[tasks] = np.resize(pool, tasks.size)
        return chosen

    def harden(
        self,
        position: int,
        hardness: float,
        lookalike: int | None,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """An image blended with a digit of another class, and noised, by the hardness."""
        pixels: NDArray[np.float64] = self.pixels[position]
        if hardness == 0:
            return pixels
        label = self.label[self.train]
        wanted = label != self.label[position] if lookalike is None else label == lookalike
        others = self.train[wanted]
        weight = 0.45 * hardness
        blend: NDArray[np.float64] = (1 - weight) * pixels + weight * self.pixels[
            rng.choice(others)
        ]
        blend += rng.normal(0.0, 0.15 * hardness, size=pixels.shape)
        return blend


def _enlarged(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """8 x 8 to 28 x 28 by linear interpolation, on a dark margin: 32 x 32."""
    inner = _SIDE - 2 * _MARGIN
    at: NDArray[np.float64] = np.clip((np.arange(inner) + 0.5) * 8 / inner - 0.5, 0, 7)
    low = np.minimum(at.astype(np.int64), 6)
    part = at - low
    mix = np.zeros((inner, 8))
    mix[np.arange(inner), low] = 1 - part
    mix[np.arange(inner), low + 1] += part
    large = np.zeros((len(images), _SIDE, _SIDE))
    large[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = mix @ images @ mix.T
    return large


def _shifted(pixels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Moved by up to two pixels each way, within the dark margin."""
    down, right = rng.integers(-_MARGIN, _MARGIN + 1, size=2).tolist()
    moved: NDArray[np.float64] = np.roll(pixels, (down, right), axis=(0, 1))
    return moved


def _write_png(path: Path, pixels: NDArray[np.float64]) -> None:
    from PIL import Image

    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    with atomic_path(path) as temporary:
        Image.fromarray(grey).save(temporary, format="PNG")


def _check_free(folder: Path) -> None:
    """Refuse to replace images that no simulation wrote."""
    held = [split for split in SPLITS if (folder / split).exists()]
    if not held:
        return
    try:
        document = read_json(folder / "metadata.json")
        ours = isinstance(document, dict) and document.get("images") == _MARK
    except DataError:
        ours = False
    if not ours:
        raise StorageError(
            f"{folder / held[0]}: holds images that are not of a simulation; choose another folder"
        )
