"""Baselines: labels made of the votes before training, smoothed or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import (
    STRATEGIES,
    BatchVotes,
    CrowdHead,
    EndToEnd,
    WorkerReport,
    mean_diagonal,
    to_numpy,
)
from peerannot.learning.strategies.matrices import counted_confusion
from peerannot.learning.strategies.targets import first_labels, label_loss

__all__ = ["SoftLabels"]


@STRATEGIES.register("soft-labels", "SoftLabels", "NaiveSoft", "label-smoothing")
@dataclass(frozen=True, kw_only=True)
class SoftLabels(EndToEnd):
    """Cross entropy on labels aggregated beforehand: the baselines of every comparison.

    ``labels=shares`` trains on the shares of votes, which equals training on every vote with
    each image counted once; any aggregation strategy by name (``labels=DS``, ``labels=MV``)
    gives its posterior instead. ``hard`` keeps the likeliest class only. ``smoothing=e`` mixes
    in ``e`` of the uniform distribution.

    Notes
    -----
    The confusion matrices are the expected counts of each worker's answers under these labels,
    with one answer spread evenly over each row, which is the prior of workers of few answers.
    ``posterior`` is the labels trained on.

    References
    ----------
    C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7 (smoothing).
    """

    labels: str = option("shares", help="shares, or an aggregation strategy")
    hard: bool = option(False, help="keep only the likeliest class")
    smoothing: float = option(0.0, at_least=0, below=1, help="part of the uniform distribution")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        target = first_labels(answers, self.labels)
        if self.hard:
            target = np.eye(answers.n_classes)[target.argmax(axis=1)]
        return _Head(target, self.smoothing, answers)


class _Head(CrowdHead):
    target: Tensor

    def __init__(self, target: np.ndarray, smoothing: float, answers: Answers) -> None:
        super().__init__()
        k = answers.n_classes
        self.confusion = counted_confusion(target, answers, diagonal=1 / k, off=1 / k)
        smooth = (1 - smoothing) * target + smoothing / k
        self.register_buffer("target", torch.from_numpy(smooth).float(), persistent=False)

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        return label_loss(outputs, votes, self.target)

    def labels(self) -> Tensor:
        return self.target

    def report(self) -> WorkerReport:
        return WorkerReport(
            mean_diagonal(torch.from_numpy(self.confusion)),
            self.confusion,
            posterior=to_numpy(self.target),
        )
