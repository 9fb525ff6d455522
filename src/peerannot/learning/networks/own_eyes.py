"""How networks were made to see: what timm and torchvision keep beside their weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from peerannot._optional import require
from peerannot.errors import DataError, ParameterError
from peerannot.learning.data.eyes import Eyes, parse_normalize
from peerannot.learning.networks.model_file import read_model
from peerannot.learning.networks.names import known_name
from peerannot.learning.options import TrainOptions

__all__ = ["eyes_of", "network_eyes", "resolved"]

_CENTRE = "center"
_INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "lanczos")


def network_eyes(name: str) -> Eyes | None:
    """How the published weights of a network see; None for ours, which have none.

    ``name`` is one of `list_models`, with timm's tag of the weights where it has one.
    """
    timm = require("timm", extra="deep", feature=name)
    if name.partition(".")[0] in set(timm.list_models()):
        try:
            known = timm.models.get_pretrained_cfg(name)
        except RuntimeError as error:  # a tag that it does not have
            raise ParameterError(f"{name}: {' '.join(str(error).split())[:160]}") from None
        config = timm.data.resolve_data_config(pretrained_cfg=known.to_dict() if known else {})
        return _eyes(
            config["input_size"][-1],
            config["mean"],
            config["std"],
            config["interpolation"],
            config["crop_pct"],
            "centre" if config["crop_mode"] == _CENTRE else "squash",
        )
    from torchvision import models

    if name not in models.list_models(module=models):
        return None
    seen = models.get_model_weights(name).DEFAULT.transforms()
    size, resized = seen.crop_size[0], seen.resize_size[0]
    return _eyes(size, seen.mean, seen.std, seen.interpolation.value, size / resized, "centre")


def _eyes(size: Any, mean: Any, std: Any, how: str, crop: float, fit: Any) -> Eyes:
    # A network of one channel, or of five, is none of ours to feed.
    three = [tuple(float(v) for v in part) for part in (mean, std)]
    kind: Any = how if how in _INTERPOLATIONS else "bicubic"
    return Eyes(int(size), three[0], three[1], kind, float(crop), fit)  # type: ignore[arg-type]


def eyes_of(options: TrainOptions) -> Eyes:
    """How a run sees images.

    With published weights, or those of a file, as the network's own configuration says; with a
    model of ours as it was trained; else squashed to a square, on ImageNet's scale.
    ``img_size`` and ``normalize`` override.

    Raises
    ------
    ParameterError
        ``normalize`` cannot be read.
    """
    own: Eyes | None = None
    if options.weights is not None:
        own = _eyes_of_file(Path(options.weights))
    if own is None and (options.pretrained or options.weights is not None):
        own = network_eyes(known_name(options.model))
    eyes = own or Eyes(options.size)
    if options.img_size is not None:
        eyes = dataclasses.replace(eyes, size=options.img_size)
    scale = parse_normalize(options.normalize)
    if scale is not None:
        eyes = dataclasses.replace(eyes, mean=scale[0], std=scale[1])
    return eyes


def _eyes_of_file(file: Path) -> Eyes | None:
    """The eyes of a model of ours, also by its ``.pth``; None for weights of others."""
    twin = file.with_suffix(".safetensors")
    if not twin.is_file():
        return None
    try:
        return read_model(twin)[1].eyes
    except DataError:
        return None


def resolved(options: TrainOptions) -> tuple[TrainOptions, Eyes]:
    """The options with the size of images that the network has, and its eyes."""
    eyes = eyes_of(options)
    return dataclasses.replace(options, img_size=eyes.size), eyes
