"""A trained network in one file: its weights, and all that it takes to use them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from peerannot._files import atomic_write
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.learning.data.eyes import IMAGENET, Eyes
from peerannot.learning.options import TrainOptions
from peerannot.learning.training.checkpoint import digest

__all__ = ["ModelCard", "find_model", "read_model", "write_model"]

# Length of a SHA-256 in hexadecimal.
_HEX = 64
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelCard:
    """What a file of weights says of itself.

    Attributes
    ----------
    model : str
        Name of the network, as in `peerannot modelinfo`.
    img_size : int
        Images are resized to this square.
    stem : str
        See `TrainOptions`.
    n_params : int or None
        See `TrainOptions`.
    classes : list of str
        Names of the outputs, in order.
    temperature : float
        Fitted on the validation set; divide the logits by it for calibrated probabilities.
    mean, std : list of float
        Inputs are (pixels / 255 - mean) / std, by channel.
    interpolation, crop, fit
        See `peerannot.learning.data.eyes.Eyes`; files of before they were written have the
        values that their images were read with.
    best_epoch : int
        The epoch of these weights, from 1.
    strategy : str or None
        End-to-end strategy that it was trained with.
    """

    model: str
    img_size: int
    stem: str
    n_params: int | None
    classes: list[str]
    temperature: float
    best_epoch: int
    strategy: str | None = None
    mean: list[float] = dataclasses.field(default_factory=lambda: list(IMAGENET[0]))
    std: list[float] = dataclasses.field(default_factory=lambda: list(IMAGENET[1]))
    interpolation: str = "bilinear"
    crop: float = 1.0
    fit: str = "squash"

    @property
    def eyes(self) -> Eyes:
        """How the network sees images."""
        mean: Any = tuple(self.mean)
        std: Any = tuple(self.std)
        how: Any = self.interpolation
        fit: Any = self.fit
        return Eyes(self.img_size, mean, std, how, self.crop, fit)

    @classmethod
    def of(
        cls,
        options: TrainOptions,
        eyes: Eyes,
        classes: list[str],
        temperature: float,
        best_epoch: int,
        strategy: object | None,
    ) -> ModelCard:
        """The card of a run; ``best_epoch`` from 0."""
        return cls(
            options.model,
            eyes.size,
            options.stem,
            options.n_params,
            classes,
            temperature,
            best_epoch + 1,
            repr(strategy) if strategy is not None else None,
            list(eyes.mean),
            list(eyes.std),
            eyes.interpolation,
            eyes.crop,
            eyes.fit,
        )


def write_model(file: Path, weights: dict[str, Tensor], card: ModelCard) -> None:
    """Write weights by their library's names, with the card and a SHA-256 as metadata.

    Raises
    ------
    StorageError
        The file cannot be written; what was there before is still there.
    """
    from safetensors.torch import save

    own = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    text = json.dumps(dataclasses.asdict(card))
    # One entry: the library writes several in an order that changes from run to run.
    content = save(own, {"peerannot": digest(text, own) + text})
    with atomic_write(file) as handle:
        handle.write(content)


def read_model(file: Path) -> tuple[dict[str, Tensor], ModelCard]:
    """Weights and card of a file; nothing in it is unpickled.

    Raises
    ------
    DataError
        The file is missing, damaged, or has no card.
    """
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise DataError(f"{file}: no such file")
    try:
        with safe_open(file, framework="pt") as opened:
            entry = (opened.metadata() or {}).get("peerannot", "")
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{file}: damaged, or not a safetensors file ({error}); train again"
        ) from None
    expected, text = entry[:_HEX], entry[_HEX:]
    try:
        card = ModelCard(**json.loads(text))
    except (TypeError, ValueError):
        raise DataError(
            f"{file}: no model of `peerannot train` or `aggregate-deep`; give"
            " best_models/.../NAME.safetensors"
        ) from None
    if digest(text, weights) != expected:
        raise DataError(f"{file}: damaged, its checksum is wrong; copy it again, or train again")
    return weights, card


def find_model(path: Path) -> Path:
    """The model file that is meant by a file, its ``.pth`` twin, or a folder that holds one.

    Raises
    ------
    DataError
        There is none, or the folder holds several.
    """
    if path.is_dir():
        models = path / "best_models"
        # A dataset folder has far more images than models.
        root = models if models.is_dir() else path
        files = [file for file in sorted(root.rglob(f"*{_SUFFIX}")) if _is_model(file)]
        if len(files) == 1:
            return files[0]
        if not files:
            raise DataError(
                f"{path}: no model in this folder; `peerannot train` and `aggregate-deep` write"
                f" best_models/.../NAME{_SUFFIX}"
            )
        names = few((str(file.relative_to(path)) for file in files), 5)
        raise DataError(f"{path}: {len(files)} models in this folder, name one of them: {names}")
    if path.suffix == _SUFFIX and path.stem.endswith((".last", ".last.previous")):
        best = path.with_name(path.name.partition(".last")[0] + _SUFFIX)
        raise DataError(f"{path}: the state to resume from; the best weights are in {best.name}")
    if path.suffix == ".pth" and path.exists():
        twin = path.with_suffix(_SUFFIX)
        if not twin.exists():
            raise DataError(
                f"{path}: bare weights; {twin.name}, which names network and classes, is not"
                " beside them"
            )
        return twin
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    return path


def _is_model(file: Path) -> bool:
    hidden = file.name.startswith(".")
    return not hidden and not file.stem.endswith((".last", ".last.previous"))
