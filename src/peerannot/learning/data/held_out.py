"""Predictions for training images, also by networks that did not see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot.learning.data.images import FeatureStore, Inputs
from peerannot.learning.networks.models import build_model
from peerannot.learning.training.learner import Learner, SoftTargets
from peerannot.learning.training.solve import run_or_solve
from peerannot.learning.training.trainer import Trainer

__all__ = ["HeldOut"]


class _Part(Inputs):
    """Some rows of a source."""

    def __init__(self, source: Inputs, rows: Tensor) -> None:
        self.source, self.rows = source, rows

    def __len__(self) -> int:
        return len(self.rows)

    def batches(
        self, rows: Sequence[Tensor], changes: Sequence[Tensor] | None = None
    ) -> Iterator[Tensor]:
        return self.source.batches([self.rows[chosen] for chosen in rows], changes)


def _part(source: Inputs, rows: Tensor) -> Inputs:
    if isinstance(source, FeatureStore):
        return FeatureStore(source.features[rows])
    return _Part(source, rows)


class HeldOut:
    """What a training run can say of its own images: `peerannot.learning.strategies.base.Run`."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def predict(self) -> Tensor:
        return self._trainer.predict(self._trainer.train)

    def held_out(
        self, target: NDArray[np.float64], known: NDArray[np.bool_], n_folds: int, seed: int
    ) -> Tensor:
        trainer, n_classes = self._trainer, target.shape[1]
        logits = torch.zeros(target.shape)
        if known.sum() < 2:
            return logits
        rng = np.random.default_rng([trainer.options.seed, seed])
        # Of the images with labels, each fold has an equal part; so it has of the others.
        fold = np.empty(len(target), np.int64)
        for rows in (np.flatnonzero(known), np.flatnonzero(~known)):
            fold[rows] = rng.permutation(len(rows)) % n_folds
        soft = torch.from_numpy(target).float()
        for number in np.unique(fold):
            seen = torch.from_numpy(np.flatnonzero(known & (fold != number)))
            held = torch.from_numpy(np.flatnonzero(fold == number))
            torch.manual_seed(int(rng.integers(2**31)))
            learner = Learner(build_model(trainer.options, n_classes), SoftTargets(soft[seen]))
            fit = Trainer(
                learner,
                _part(trainer.train, seen),
                trainer.val,
                trainer.val_target,
                trainer.options,
                fabric=trainer.fabric,
            )
            run_or_solve(fit)
            logits[held] = fit.predict(_part(trainer.train, held))
        return logits
