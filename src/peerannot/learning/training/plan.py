"""What an epoch does, drawn from its seed before it begins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from peerannot.learning.data.augment import draw_changes
from peerannot.learning.data.mixing import Mixture, draw_mixture
from peerannot.learning.options import TrainOptions

__all__ = ["Step", "balanced_weights", "batches_of", "plan_epoch"]


@dataclass(frozen=True)
class Step:
    """One batch.

    Attributes
    ----------
    rows : Tensor, int64 (n,)
        Training images.
    seed : int
        Of everything drawn at random during the step.
    change : Tensor (n, 2, 3) or None
        See `draw_changes`.
    mixture : Mixture or None
    """

    rows: Tensor
    seed: int
    change: Tensor | None
    mixture: Mixture | None


def plan_epoch(
    n: int, options: TrainOptions, seed: int, weights: Tensor | None = None, least: int = 2
) -> list[Step]:
    """The batches of an epoch over ``n`` images.

    With ``weights`` (n,) images are drawn in proportion to them, with replacement; without, each
    comes once. No batch has fewer than ``least`` images.
    """
    generator = torch.Generator().manual_seed(seed)
    if weights is None:
        order = torch.randperm(n, generator=generator)
    else:
        order = torch.multinomial(weights, n, replacement=True, generator=generator)
    batches = batches_of(order, options.batch_size, least)
    changes: list[Tensor | None] = [None] * len(batches)
    if options.data_augmentation:
        changes = [draw_changes(len(rows), generator) for rows in batches]
    mixtures: list[Mixture | None] = [None] * len(batches)
    if options.mixup or options.cutmix:
        mixtures = [
            draw_mixture(len(rows), options.size, options.mixup, options.cutmix, generator)
            for rows in batches
        ]
    seeds = torch.randint(2**62, (len(batches),), generator=generator).tolist()
    return [Step(*parts) for parts in zip(batches, seeds, changes, mixtures, strict=True)]


def batches_of(order: Tensor, size: int, least: int = 2) -> list[Tensor]:
    """Rows of each batch.

    None has a single image, of which batch norm would learn nothing, nor fewer than ``least``: a
    last batch that small joins the one before.
    """
    batches = list(torch.split(order, size))
    if len(batches) > 1 and len(batches[-1]) < least:
        rest = batches.pop()
        batches[-1] = torch.cat([batches[-1], rest])
    return [rows.repeat(-(-least // len(rows))) if len(rows) < least else rows for rows in batches]


def balanced_weights(shares: Tensor) -> Tensor:
    """Weights of images (n,), so that each class that occurs is drawn as often as any other.

    ``sum_k shares[i, k] / N_k`` with ``N_k`` the sum of ``shares`` (n, K) over images.
    """
    shares = shares.double().cpu()
    total = shares.sum(dim=0)
    return (shares / torch.where(total > 0, total, 1.0)).sum(dim=1)
