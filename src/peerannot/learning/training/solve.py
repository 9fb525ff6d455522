"""A linear head on features that stay as they are: solved for, or started from the solution."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from peerannot._logistic import HeadPath, LogisticSolver
from peerannot._progress import Progress, silent
from peerannot.learning.data.images import FeatureStore
from peerannot.learning.training.plan import balanced_weights
from peerannot.learning.training.trainer import Outcome, Trainer

__all__ = ["run_or_solve"]


def run_or_solve(trainer: Trainer, *, resume: bool = False, progress: Progress = silent) -> Outcome:
    """Train, to the optimum where there is one.

    Where the head is linear and its inputs are known, and the loss is the cross entropy with
    labels, the head is a logistic regression: its penalty is chosen on the validation images, and
    there are no epochs. Other losses are trained by epochs, on features of one scale, from the
    regression on the shares of the votes.
    """
    train, val = trainer.train, trainer.val
    model, objective = trainer.learner.classifier, trainer.learner.objective
    known = isinstance(train, FeatureStore) and isinstance(val, FeatureStore)
    if not known or not trainer.options.freeze or model.linear is None:
        return trainer.run(resume=resume, progress=progress)
    assert isinstance(train, FeatureStore) and isinstance(val, FeatureStore)
    labelled = objective.labels() is not None
    if labelled:
        # What makes the labels, where they are made in the first epoch.
        objective.begin_epoch(0)
    labels = objective.labels() if labelled else None
    target = objective.class_shares() if labels is None else labels
    shares = objective.class_shares()
    weight = shares.sum(dim=1) > 0
    if trainer.options.weighted_sampling:
        weight = weight * balanced_weights(shares).to(weight.device)
    solver = LogisticSolver(train.features.numpy(), weight.double().cpu().numpy())
    select = trainer.options.select
    path = solver.path(
        target.double().cpu().numpy(),
        val.features.numpy(),
        trainer.val_target.numpy(),
        "accuracy" if select == "accuracy" else "loss",
    )
    _put(trainer, path)
    if labels is not None:
        history = {
            "train_loss": path.train_loss,
            "val_loss": path.val_loss,
            "val_accuracy": path.val_accuracy,
        }
        progress(1, 1, f"validation {path.val_loss[path.best]:.3f}")
        return Outcome(history, path.best, 0, path.l2)
    # As long as one feature would be, so that rates of other networks suit.
    std = solver.std * np.sqrt(solver.spread)
    model.scale(torch.from_numpy(solver.mean), torch.from_numpy(std))
    try:
        return trainer.run(resume=resume, progress=progress)
    finally:
        model.unscale()


def _put(trainer: Trainer, path: HeadPath) -> None:
    head = trainer.learner.classifier.linear
    assert head is not None
    with torch.no_grad():
        for own, value in ((head.weight, path.head.weight), (head.bias, path.head.bias)):
            own.copy_(_tensor(value))


def _tensor(value: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value)).float()
