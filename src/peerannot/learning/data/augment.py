"""Random changes of training images, a whole batch at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["apply_changes", "draw_changes"]

_SHEAR = 15.0
_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)


def draw_changes(n: int, generator: torch.Generator) -> Tensor:
    """Draw a change for each of ``n`` images, one of three: shear, mirror, or crop.

    Returns
    -------
    Tensor, float32 (n, 2, 3)
        From places in the new image to places in the old one, as `apply_changes` takes them.
        Shear is horizontal by up to 15 degrees, with black corners; half of the images that draw
        the mirror are mirrored; a crop has 8 to 100 % of the area and an aspect of 3/4 to 4/3,
        and is resized back.

    Notes
    -----
    The choice is the published package's. It cropped before resizing to the network's size; we
    crop the resized image, which costs detail where the originals are larger.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    choice = torch.randint(3, (n,), generator=generator)
    theta = torch.eye(2, 3).repeat(n, 1, 1)
    sheared, mirrored, cropped = (choice == c for c in range(3))

    theta[sheared, 0, 1] = torch.tan(torch.deg2rad(uniform(-_SHEAR, _SHEAR)))[sheared]

    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta[mirrored, 0, 0] = flip[mirrored]

    area = uniform(*_AREA)
    ratio = torch.exp(uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
    for axis, side in enumerate(((area * ratio).sqrt(), (area / ratio).sqrt())):
        side = side.clamp(max=1.0)
        centre = uniform(-1, 1) * (1 - side)
        theta[cropped, axis, axis] = side[cropped]
        theta[cropped, axis, 2] = centre[cropped]
    return theta


def apply_changes(images: Tensor, changes: Tensor) -> Tensor:
    """Images (n, channels, height, width), 0 being black, each changed as `draw_changes` says.

    One bilinear sampling of the batch does all three kinds.
    """
    grid = F.affine_grid(changes, list(images.shape), align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)
