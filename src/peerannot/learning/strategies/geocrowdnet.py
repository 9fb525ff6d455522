"""GeoCrowdNet: confusion matrices made unique by the volume of predictions or of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
from peerannot.learning.strategies.matrices import (
    WorkerMatrices,
    answer_columns,
    answer_log_probability,
)

__all__ = ["GeoCrowdNet"]

# Keeps the determinant above 0 where a batch has fewer images than there are classes.
_JITTER = 1e-4


@STRATEGIES.register("geocrowdnet", "GeoCrowdNet", "geo-crowd-net")
@dataclass(frozen=True, kw_only=True)
class GeoCrowdNet(EndToEnd):
    """Geometry-regularised learning of Ibrahim, Nguyen and Fu.

    A vote of worker ``j`` has the distribution ``A_j' p``; the loss is the mean over votes of
    its negative logarithm, minus ``scale`` times the log volume ``log det(F F')`` of the batch's
    predictions (variant F) or ``log det(sum_j A_j A_j')`` of the matrices (variant W).

    Notes
    -----
    ``A_j`` is a confusion matrix; it is made of a shared part and one of the worker, see
    `WorkerMatrices`. F suits many workers and diverse images, W a few experts. Batches should
    have several times as many images as there are classes.

    References
    ----------
    S. Ibrahim, T. Nguyen and X. Fu, "Deep learning from crowdsourced labels: coupled
    cross-entropy minimization, identifiability, and regularization", ICLR 2023, equations 9, 10.
    """

    variant: Literal["F", "W"] = option("F", help="volume of predictions (F) or of matrices (W)")
    scale: float = option(0.001, at_least=0, help="weight of the log volume")
    share: float = option(0.01, at_least=0, help="pull of workers of few answers to the shared")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        return _Head(self, answers)


class _Head(CrowdHead):
    def __init__(self, options: GeoCrowdNet, answers: Answers) -> None:
        super().__init__()
        self.options = options
        self.crowd = WorkerMatrices("GeoCrowdNet", answers)

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        log_matrices = self.crowd.log_matrices()
        log_answer = answer_log_probability(outputs, votes, answer_columns(log_matrices, votes))
        loss = -log_answer.sum() / max(1, len(votes.label))
        loss = loss + self.options.share * self.crowd.penalty(votes.worker)
        if not self.options.scale or not len(votes.label):
            return loss
        if self.options.variant == "F":
            tall = outputs.probability
        else:
            tall = log_matrices.exp().permute(0, 2, 1).flatten(0, 1)
        gram = tall.T @ tall
        return loss - self.options.scale * torch.logdet(
            gram + _JITTER * torch.eye(len(gram)).to(gram)
        )

    def report(self) -> WorkerReport:
        confusion = self.crowd.matrices()
        return WorkerReport(
            mean_diagonal(confusion), to_numpy(confusion), to_numpy(self.crowd.common())
        )
