"""Classes of any images, by a network that was trained before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot._progress import Progress, silent
from peerannot.dataset.images import SPLITS, SUFFIXES
from peerannot.errors import DataError, ParameterError
from peerannot.learning.data.images import ImageStore
from peerannot.learning.networks.classifier import Classifier
from peerannot.learning.networks.model_file import ModelCard, find_model, read_model
from peerannot.learning.networks.models import build_model
from peerannot.learning.options import TrainOptions
from peerannot.learning.results.calibration import probabilities

__all__ = ["Predictions", "TrainedModel", "find_images", "load_model", "predict"]

_BATCH = 256


@dataclass(frozen=True)
class TrainedModel:
    """A trained network, ready to predict.

    Attributes
    ----------
    file : Path
    card : ModelCard
        Classes, size of images, temperature and the like.
    network : Classifier
    """

    file: Path
    card: ModelCard
    network: Classifier


@dataclass(frozen=True)
class Predictions:
    """What a network says of images.

    Attributes
    ----------
    images : list of str
        Their paths, relative to the folder that was given.
    classes : list of str
    probability : float64 array (n_images, n_classes)
    temperature : float
        By which the logits were divided.
    bad : list of (Path, str)
        Images left out because they cannot be read, and why.
    """

    images: list[str]
    classes: list[str]
    probability: NDArray[np.float64]
    temperature: float
    bad: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The likeliest class of each."""
        return [self.classes[k] for k in self.probability.argmax(axis=1)]

    def columns(self) -> dict[str, Any]:
        """``image``, ``label``, ``confidence``, and ``p_<class>`` for each class."""
        by_class = {f"p_{name}": self.probability[:, k] for k, name in enumerate(self.classes)}
        confidence = self.probability.max(axis=1)
        return {"image": self.images, "label": self.labels, "confidence": confidence, **by_class}


def load_model(path: str | Path) -> TrainedModel:
    """Load a network that `train` or `train_on_votes` wrote.

    Parameters
    ----------
    path
        ``best_models/.../<name>.safetensors``, the ``.pth`` beside it, or a folder that holds
        one such model.

    Raises
    ------
    DataError
        There is no model, there are several, or the file is damaged.
    """
    file = find_model(Path(path))
    weights, card = read_model(file)
    return TrainedModel(file, card, _network(weights, card, file))


def _network(weights: dict[str, Tensor], card: ModelCard, file: Path) -> Classifier:
    """The network of a card with its weights, ready to predict.

    Raises
    ------
    DataError
        Weights and card do not fit each other.
    """
    settings: dict[str, Any] = {
        "model": card.model,
        "img_size": card.img_size,
        "stem": card.stem,
        "n_params": card.n_params,
    }
    with torch.random.fork_rng():
        model = build_model(TrainOptions(**settings), len(card.classes), bare=True)
    try:
        model.net.load_state_dict(weights)
    except RuntimeError as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{file}: its weights are not of {card.model} ({why})") from None
    return model.eval()


def find_images(path: str | Path) -> tuple[Path, list[Path]]:
    """The images that a file or folder means, in order of name, and what their names start from.

    Of a folder every image counts, however deep; of a dataset folder those of ``train/``,
    ``val/`` and ``test/``. Hidden files and folders are passed over.

    Raises
    ------
    DataError
        There is none.
    """
    path = Path(path)
    if path.is_file():
        return path.parent, [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    roots = [path]
    if (path / "metadata.json").is_file():
        roots = [path / split for split in SPLITS if (path / split).is_dir()] or roots
    found = [
        file
        for root in roots
        for file in sorted(root.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    ]
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{path}: no image in it (files that end in {kinds})")
    return path, found


def predict(
    model: TrainedModel | str | Path,
    images: str | Path | Sequence[Path],
    *,
    temperature: float | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    num_workers: int = 1,
    memory_gb: float = 4.0,
    skip_unreadable: bool = False,
    progress: Progress = silent,
) -> Predictions:
    """Predict the classes of images.

    Parameters
    ----------
    model
        A model, or where it is; see `load_model`.
    images
        A file, a folder (see `find_images`), or paths.
    temperature
        Divides the logits; by default that fitted on the validation set. 1 leaves them as they
        were trained.
    device
        Where to compute.
    num_workers
        Threads that decode images.
    memory_gb
        Keep decoded images in memory up to this size; beyond it they are read twice, first to
        find those that cannot be.
    skip_unreadable
        Leave out images that cannot be read, with a `DataWarning`, instead of an error that
        names them.
    progress
        Told about images read.

    Raises
    ------
    DataError
        The model or images are missing or damaged; all unreadable images are told together.
    ParameterError
        The temperature is not above 0, or the device is not there.
    """
    if not isinstance(model, TrainedModel):
        model = load_model(model)
    card = model.card
    if card.model == "features":
        raise DataError(
            f"{model.file}: trained on features of another program, so it cannot read images;"
            " train with --model, or on features that peerannot computed"
        )
    temperature = card.temperature if temperature is None else temperature
    if not temperature > 0:
        raise ParameterError(f"temperature must be above 0, not {temperature:g}")
    if isinstance(images, str | Path):
        root, paths = find_images(images)
    else:
        root, paths = Path(), [Path(image) for image in images]
    if not paths:
        raise DataError("no image to predict")
    where = _device(device)
    n_bytes = 3 * card.img_size**2 * len(paths)
    store = ImageStore(
        paths,
        card.eyes,
        threads=num_workers,
        keep=n_bytes <= memory_gb * 1e9,
        skip=skip_unreadable,
        progress=progress,
    )
    network = model.network.to(where, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    rows = list(torch.split(torch.arange(len(store)), _BATCH))
    with torch.no_grad():
        logits = [network(batch.to(where)).logits.float().cpu() for batch in store.batches(rows)]
    names = [p.relative_to(root).as_posix() for p in store.paths]
    probability = probabilities(torch.cat(logits), temperature).numpy()
    return Predictions(names, list(card.classes), probability, temperature, store.bad)


def _device(name: str) -> torch.device:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((kind for kind, is_there in there.items() if is_there), "cpu")
    if not there.get(name, True):
        raise ParameterError(f"--device {name}: there is none here; `peerannot doctor` lists them")
    return torch.device(name)
