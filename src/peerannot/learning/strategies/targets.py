"""Training on labels of the tasks: what strategies share that make labels of the votes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.learning.data.splits import vote_shares
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.results.metrics import soft_cross_entropy
from peerannot.learning.strategies.base import (
    BatchVotes,
    CrowdHead,
    WorkerReport,
    mean_diagonal,
    to_numpy,
)
from peerannot.learning.strategies.matrices import counted_confusion, network_posterior

__all__ = ["EMHead", "first_labels", "label_loss"]


def first_labels(answers: Answers, labels: str) -> NDArray[np.float64]:
    """Labels before training (n_tasks, K): ``"shares"`` of votes, or of an aggregation."""
    if labels.casefold() == "shares":
        return vote_shares(answers)
    return build(labels).fit(answers).dense_posterior()


def label_loss(outputs: Outputs, votes: BatchVotes, target: Tensor) -> Tensor:
    """Cross entropy with the labels (n_tasks, K) of the images of a batch that have votes."""
    answered = torch.bincount(votes.row, minlength=len(votes.image)) > 0
    if not bool(answered.any()):
        return outputs.logits.sum() * 0
    own = target[votes.image].to(outputs.logits)
    return soft_cross_entropy(outputs.logits[answered], own[answered])


class PseudoCounts(Protocol):
    """Options of a strategy with pseudo-counts."""

    @property
    def diagonal(self) -> float: ...
    @property
    def off(self) -> float: ...


class EMHead(CrowdHead):
    """Expectation maximisation with the network as prior: posterior, confusions, their E-step."""

    posterior: Tensor
    confusion: Tensor

    def __init__(self, prior: PseudoCounts, answers: Answers) -> None:
        super().__init__()
        self.prior, self.answers = prior, answers
        shares = vote_shares(answers)
        self.register_buffer("posterior", torch.from_numpy(shares).float())
        self.register_buffer("confusion", torch.from_numpy(self._count(shares)).float())

    def _count(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        return counted_confusion(
            posterior, self.answers, diagonal=self.prior.diagonal, off=self.prior.off
        )

    def e_step(self, log_prediction: Tensor) -> None:
        """Posterior of the network's predictions (n_tasks, K), and confusions of the posterior."""
        q = network_posterior(to_numpy(log_prediction), to_numpy(self.confusion), self.answers)
        self.posterior.copy_(torch.from_numpy(q))
        self.confusion.copy_(torch.from_numpy(self._count(q)))

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        return label_loss(outputs, votes, self.posterior)

    def report(self) -> WorkerReport:
        return WorkerReport(
            mean_diagonal(self.confusion),
            to_numpy(self.confusion),
            posterior=to_numpy(self.posterior),
        )
