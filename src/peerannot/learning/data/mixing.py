"""Mixup and CutMix: train on mixtures of two images and of their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Mixture", "draw_mixture"]


@dataclass(frozen=True)
class Mixture:
    """How the images of a batch are mixed.

    Attributes
    ----------
    partner : Tensor, int64 (n,)
        Position in the batch of the other image of each.
    share : float
        Weight of the image itself and of its label; the partner has the rest.
    box : (top, bottom, left, right) or None
        Pixels that come from the partner (CutMix); None mixes all pixels (mixup).
    """

    partner: Tensor
    share: float
    box: tuple[int, int, int, int] | None = None

    def apply(self, images: Tensor) -> Tensor:
        """The mixed images (n, channels, height, width)."""
        other = images[self.partner.to(images.device)]
        if self.box is None:
            return images * self.share + other * (1 - self.share)
        top, bottom, left, right = self.box
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = other[:, :, top:bottom, left:right]
        return mixed


def draw_mixture(
    n: int, size: int, mixup: float, cutmix: float, generator: torch.Generator
) -> Mixture:
    """Draw a mixture for ``n`` images of ``size`` pixels; of both kinds each half the time.

    The share is of Beta(alpha, alpha), one a batch; the box of CutMix has the partner's share of
    the area, a uniform centre, and is cut at the border, after which the share is that of the
    pixels.

    References
    ----------
    H. Zhang, M. Cisse, Y. Dauphin and D. Lopez-Paz, "mixup: beyond empirical risk minimization",
    ICLR 2018. S. Yun et al., "CutMix: regularization strategy to train strong classifiers with
    localizable features", ICCV 2019, equations 1 and 2.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    partner = torch.from_numpy(rng.permutation(n))
    cut = cutmix > 0 and (mixup == 0 or rng.random() < 0.5)
    alpha = cutmix if cut else mixup
    share = float(rng.beta(alpha, alpha))
    if not cut:
        return Mixture(partner, share)
    half, centre = size * math.sqrt(1 - share) / 2, rng.uniform(0, size, 2)
    top, left = (centre - half).clip(0).round().astype(int).tolist()
    bottom, right = (centre + half).clip(max=size).round().astype(int).tolist()
    box = (top, bottom, left, right)
    covered = (box[1] - box[0]) * (box[3] - box[2])
    return Mixture(partner, 1 - covered / size**2, box)
