"""Watch a network learn: its logits of every sample, epoch by epoch.

This feeds the scores of `peerannot.identification` that follow a training (AUM, WAUM,
cartography). The logits are those that the loss is computed from, so watching costs one copy a
batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot._progress import Progress, silent
from peerannot.errors import ParameterError, PeerannotError
from peerannot.learning.data.images import ImageStore, Inputs
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.networks.models import build_model
from peerannot.learning.networks.own_eyes import resolved
from peerannot.learning.options import TrainOptions
from peerannot.learning.training.learner import Learner, Objective
from peerannot.learning.training.trainer import Trainer, reproducible

__all__ = ["WatchedTraining"]


class WatchedTraining:
    """Trains a new network at each call and shows its logits; an `identification.Trainer`.

    Parameters
    ----------
    paths
        Image of each task, by position; None where a task has none, which then cannot be
        trained on.
    n_classes
        Classes K of the network.
    options
        How to train.
    progress
        Told about images read and epochs done.

    Raises
    ------
    ParameterError
        An option is wrong, or one that leaves samples out of an epoch or mixes them.

    Notes
    -----
    Images are read once, at the first call, and kept when they fit in ``memory_gb``. Nothing
    is validated, so ``patience`` and ``ema``, which choose weights to keep, change nothing.
    """

    def __init__(
        self,
        paths: Sequence[Path | None],
        n_classes: int,
        options: TrainOptions,
        progress: Progress = silent,
    ) -> None:
        options.validate()
        _check(options)
        self.options, self.eyes = resolved(options)
        self.paths, self.n_classes = list(paths), n_classes
        self.progress = progress
        self._store: ImageStore | None = None
        have = [path is not None for path in self.paths]
        self._row = np.where(have, np.cumsum(have) - 1, -1)

    def __call__(
        self, task: NDArray[np.int64], label: NDArray[np.int64], *, batch_size: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Train on samples; after each epoch give their logits, float32 (n_samples, K).

        Parameters
        ----------
        task, label
            Whose image each sample has, and what to learn about it.
        batch_size
            Instead of the options'.

        Raises
        ------
        DataError
            An image cannot be read.
        ParameterError
            The network is unknown or cannot take the images.
        PeerannotError
            The loss stopped being a number.
        """
        options = self.options
        if batch_size is not None:
            options = replace(options, batch_size=batch_size)
        samples = _Samples(self._images(), torch.from_numpy(self._row[task]))
        with reproducible(options.seed):
            watched = _Watched(torch.from_numpy(label), self.n_classes, options.label_smoothing)
            learner = Learner(build_model(options, self.n_classes), watched)
            # Nothing is validated: all epochs count, whichever is best.
            trainer = Trainer(learner, samples, samples, torch.empty(0), options)
            for epoch in range(options.n_epochs):
                loss = trainer.train_epoch(epoch)
                if not np.isfinite(loss):
                    raise PeerannotError(
                        f"the loss is not a number in epoch {epoch + 1}; a lower --lr may help"
                        f" (now {options.lr:g})"
                    )
                self.progress(epoch + 1, options.n_epochs, f"loss {loss:.3f}")
                yield watched.logits.cpu().numpy()

    def _images(self) -> ImageStore:
        if self._store is None:
            paths = [path for path in self.paths if path is not None]
            n_bytes = 3 * self.eyes.size**2 * len(paths)
            self._store = ImageStore(
                paths,
                self.eyes,
                threads=self.options.num_workers,
                keep=n_bytes <= self.options.memory_gb * 1e9,
                progress=self.progress,
            )
        return self._store


def _check(options: TrainOptions) -> None:
    """Refuse what leaves samples without logits of their own in an epoch."""
    for name in ("mixup", "cutmix", "weighted_sampling"):
        if getattr(options, name):
            flag = name.replace("_", "-")
            raise ParameterError(
                f"--{flag}: the logits of every image are wanted in every epoch, as it is; drop it"
            )
    if options.features is not None:
        raise ParameterError(
            "--features: the logits of every epoch are wanted, from images; drop it"
        )
    if options.devices * options.num_nodes > 1:
        raise ParameterError("--devices, --num-nodes: one process watches a training; drop them")


class _Samples(Inputs):
    """Rows of another source, each as often as it is wanted."""

    def __init__(self, source: Inputs, row: Tensor) -> None:
        self.source, self.row = source, row

    def __len__(self) -> int:
        return len(self.row)

    def batches(
        self, rows: Sequence[Tensor], changes: Sequence[Tensor] | None = None
    ) -> Iterator[Tensor]:
        return self.source.batches([self.row[chosen] for chosen in rows], changes)


class _Watched(Objective):
    """Cross entropy with one label a sample, keeping the logits of the present epoch."""

    label: Tensor
    logits: Tensor

    def __init__(self, label: Tensor, n_classes: int, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("label", label, persistent=False)
        self.register_buffer("logits", torch.zeros(len(label), n_classes), persistent=False)

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        self.logits[rows] = outputs.logits.detach().float()
        return torch.nn.functional.cross_entropy(
            outputs.logits, self.label[rows], label_smoothing=self.smoothing
        )
