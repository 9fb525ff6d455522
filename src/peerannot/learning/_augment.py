"""Random changes of training images, a whole batch at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["augment"]

_SHEAR = 15.0
_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change each image by one of three, chosen at random: shear, mirror, or crop.

    Parameters
    ----------
    images
        Float (n, channels, height, width), 0 being black.
    generator
        Source of all randomness.

    Returns
    -------
    Tensor
        A new batch of the same shape. Shear is horizontal by up to 15 degrees, with black
        corners; half of the images that draw the mirror are mirrored; a crop has 8 to 100 % of
        the area and an aspect of 3/4 to 4/3, and is resized back. One bilinear sampling of the
        batch does all three.

    Notes
    -----
    The choice is the published package's. It cropped before resizing to the network's size; we
    crop the resized image, which costs detail where the originals are larger.
    """
    n = len(images)

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

    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)
