"""How a network sees a picture: its size, how it is cut to that, and the scale of its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot.dataset import read_picture
from peerannot.errors import ParameterError

__all__ = ["IMAGENET", "Eyes", "parse_normalize"]

Colours = tuple[float, float, float]

# Mean and standard deviation of ImageNet, with which most published weights were trained.
IMAGENET: tuple[Colours, Colours] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Eyes:
    """From a picture to the numbers that a network reads.

    Attributes
    ----------
    size : int
        Side of the square that it reads, in pixels.
    mean, std : tuple of 3 float
        Numbers are (pixels / 255 - mean) / std, by channel.
    interpolation : {"bilinear", "bicubic", "nearest", "lanczos"}
        How the picture is resized.
    crop : float
        Share of the resized picture, along each side, that is read: its centre.
    fit : {"squash", "centre"}
        To squash makes any picture square; else its shorter side is resized, and the ends of
        the longer one are cut off.
    """

    size: int
    mean: Colours = IMAGENET[0]
    std: Colours = IMAGENET[1]
    interpolation: Literal["bilinear", "bicubic", "nearest", "lanczos"] = "bilinear"
    crop: float = 1.0
    fit: Literal["squash", "centre"] = "squash"

    def read(self, path: Path) -> NDArray[np.uint8]:
        """RGB bytes (size, size, 3) of a picture, as `read_picture` sees it.

        The result is that of timm's and torchvision's transforms for evaluation, but for a picture
        that is smaller than ``size``: it is enlarged bilinearly, and what fits is read whole. The
        numbers of the weights are for pictures that are made smaller; to enlarge one sharply and
        cut its border off costs some points of accuracy.

        Raises
        ------
        UnreadableImageError
            The file is no picture, or damaged.
        """
        from PIL import Image

        # Rounding must not take a pixel: 224 / (224 / 232) is 232.
        scale = math.floor(self.size / self.crop + 1e-6)
        picture = read_picture(path, scale)
        how = Image.Resampling[self.interpolation.upper()]
        if min(picture.size) < self.size:
            scale, how = self.size, Image.Resampling.BILINEAR
        width, height = scale, scale
        if self.fit == "centre":
            short = min(picture.size)
            width, height = (int(scale * side / short) for side in picture.size)
        if (width, height) != picture.size:
            picture = picture.resize((width, height), how)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        if (width, height) != (self.size, self.size):
            picture = picture.crop((left, top, left + self.size, top + self.size))
        return np.asarray(picture, np.uint8)

    def facts(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return {
            "img_size": self.size,
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "crop": self.crop,
            "fit": self.fit,
        }


def parse_normalize(text: str) -> tuple[Colours, Colours] | None:
    """Mean and deviation of ``--normalize``; None for ``auto``.

    Raises
    ------
    ParameterError
        It is neither ``auto`` nor ``imagenet``, nor a mean and a deviation, each a number or
        three: ``.5/.5``, ``.48,.46,.41/.27,.26,.28``.
    """
    word = text.strip().casefold()
    if word == "auto":
        return None
    if word == "imagenet":
        return IMAGENET
    try:
        parts = [[float(number) for number in part.split(",")] for part in word.split("/")]
        (mean, std) = (part * 3 if len(part) == 1 else part for part in parts)
        good = len(mean) == len(std) == 3 and all(map(math.isfinite, [*mean, *std]))
        if not good or min(std) <= 0:
            raise ValueError
    except ValueError:
        raise ParameterError(
            f"--normalize {text}: give auto, imagenet, or MEAN/STD, each one number or three with"
            " commas between, the deviation above 0: .5/.5"
        ) from None
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
