"""What a run reads: images, or features of all of them where the network is frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from peerannot._progress import Progress
from peerannot.dataset import Features
from peerannot.errors import ParameterError
from peerannot.learning.data.eyes import Eyes
from peerannot.learning.data.images import ImageStore, Inputs
from peerannot.learning.data.splits import Split, Splits
from peerannot.learning.networks.classifier import Classifier
from peerannot.learning.options import TrainOptions
from peerannot.learning.training.frozen import (
    FrozenFeatures,
    foreign_features,
    stores_of_file,
)
from peerannot.learning.training.parallel import local_processes

__all__ = ["read_inputs", "with_features"]


def with_features(options: TrainOptions, eyes: Eyes) -> tuple[TrainOptions, Eyes, Features | None]:
    """The options, and the features of another program where ``features`` names such a file: the
    network is then a linear layer on them.

    Raises
    ------
    DataError
        The file is damaged.
    """
    if options.features is None:
        return options, eyes, None
    foreign = foreign_features(Path(options.features))
    if foreign is None:
        return dataclasses.replace(options, freeze=True), eyes, None
    width = foreign.values.shape[1]
    chosen: dict[str, Any] = {"model": "features", "n_params": width, "freeze": True}
    return dataclasses.replace(options, pretrained=False, weights=None, **chosen), eyes, foreign


def read_inputs(
    model: Classifier,
    splits: Splits,
    options: TrainOptions,
    eyes: Eyes,
    foreign: Features | None,
    fabric: Fabric,
    root: Path,
    progress: Progress,
) -> tuple[Inputs, Inputs, Inputs | None]:
    """Inputs of training, validation and test.

    Parameters
    ----------
    model
        The network.
    splits, root
        The images, and the data set that they are of.
    options, eyes, foreign
        As `with_features` gives them.
    fabric
        Where features are computed.
    progress
        Told about images.

    Raises
    ------
    DataError
        Images cannot be read, or a file of features is not of them or of this network.
    ParameterError
        Features were asked for that cannot be kept.
    """
    parts = [part for part in (splits.train, splits.val, splits.test) if part is not None]
    # Images held out of train/ to validate are there.
    named = [(part.images[0].path.relative_to(root).parts[0], part.images) for part in parts]
    n_bytes = 4 * model.n_features * sum(len(part.images) for part in parts)
    changed = options.data_augmentation or options.mixup or options.cutmix
    alone = fabric.world_size == 1 and n_bytes <= options.memory_gb * 1e9
    found: Sequence[Inputs]
    if foreign is not None:
        found = stores_of_file(foreign, named)
    elif options.freeze and model.separable and alone and not changed:
        found = FrozenFeatures(model, options, eyes, fabric, root, progress).stores(named)
    elif options.features is not None:
        why = f"features of {n_bytes / 1e9:.1f} GB are more than --memory-gb"
        if not model.separable:
            why = f"what {options.model} has before its last layer are no vectors"
        elif fabric.world_size > 1:
            why = "several devices compute their own"
        raise ParameterError(f"--features {options.features}: {why}; drop it")
    else:
        found = _images(parts, options, eyes, progress)
    return found[0], found[1], found[2] if len(found) > 2 else None


def _images(
    parts: Sequence[Split], options: TrainOptions, eyes: Eyes, progress: Progress
) -> list[ImageStore]:
    n_bytes = 3 * eyes.size**2 * sum(len(part.images) for part in parts)
    # Each process of a machine keeps its own.
    n_bytes *= local_processes(options)
    return [
        ImageStore(
            part.paths,
            eyes,
            threads=options.num_workers,
            keep=n_bytes <= options.memory_gb * 1e9,
            progress=progress,
        )
        for part in parts
    ]
