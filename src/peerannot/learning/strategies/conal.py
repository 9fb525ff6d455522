"""CoNAL: noise that all workers share, and noise of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    refuse_if_large,
    rows_of,
    to_numpy,
    vote_loss,
)
from peerannot.learning.strategies.matrices import SharedStart

__all__ = ["CoNAL"]

# The identity times this: its softmax is nearer to certainty, as the authors' code starts.
_START = 2.0


@STRATEGIES.register("conal", "CoNAL")
@dataclass(frozen=True, kw_only=True)
class CoNAL(EndToEnd):
    """Common noise adaptation layers of Chu, Ma and Wang.

    With the predicted distribution ``p`` the scores of worker ``j`` are
    ``w_ij (G' p) + (1 - w_ij) (W_j' p)``: ``G`` is common, ``W_j`` individual, and the gate
    ``w_ij = sigmoid(u_j . v(x_i))`` has a unit vector ``u_j`` a worker and a unit vector
    ``v(x_i)`` an image. The loss is the cross entropy of the votes with the softmax of the
    scores, averaged over the votes, minus ``scale * sum_j ||W_j - G||_F``, which drives
    individual noise away from the common one. ``scale=0`` leaves that out. ``share`` times the
    penalty of `SharedStart` on ``W_j`` draws workers of few answers to the mean of all; the paper
    has ``share=0``.

    Notes
    -----
    ``v`` has one hidden layer and reads the inputs of the network's last layer; no gradient
    flows from it into the network. Where workers and images hardly differ, the gate stays near
    one half. A softmax follows that of the network, so that ``p`` is driven to certainty: its
    validation loss rises while its accuracy does too, and the best epoch is that of the best
    accuracy. The confusion matrices that are reported are what the model predicts for a
    certain image at the worker's mean gate over its answers of the last epoch, ``[worker, true,
    answered]``; the common matrix likewise at gate 1.

    References
    ----------
    Z. Chu, J. Ma and H. Wang, "Learning from crowds by modeling common confusions", AAAI 2021,
    equations 2 to 9.
    """

    select: ClassVar[Literal["loss", "accuracy"]] = "accuracy"

    scale: float = option(1e-5, at_least=0, help="weight of the distance of W_j and G")
    embedding: int = option(20, at_least=1, help="length of the vectors of the gate")
    hidden: int = option(128, at_least=1, help="hidden units of the gate's image network")
    share: float = option(0.01, at_least=0, help="pull of workers of few answers to the mean")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        refuse_if_large(
            "CoNAL",
            answers.n_workers,
            answers.n_classes**2 + self.embedding,
            "choose CrowdLayer[variant=VW]",
        )
        return _Head(self, answers, n_features)


class _Head(CrowdHead):
    def __init__(self, options: CoNAL, answers: Answers, n_features: int) -> None:
        super().__init__()
        self.scale, self.share = options.scale, options.share
        self.shared = SharedStart(answers)
        n_workers, n_classes = answers.n_workers, answers.n_classes
        # Both are [.., true, answered].
        self.common = nn.Parameter(_START * torch.eye(n_classes))
        self.individual = nn.Parameter(_START * torch.eye(n_classes).repeat(n_workers, 1, 1))
        self.worker = nn.Parameter(torch.randn(n_workers, options.embedding))
        self.image = nn.Sequential(
            nn.Linear(n_features, options.hidden),
            nn.ReLU(),
            nn.Linear(options.hidden, options.embedding),
        )
        self.gate_sum: Tensor
        self.gate_count: Tensor
        self.register_buffer("gate_sum", torch.zeros(n_workers))
        self.register_buffer("gate_count", torch.zeros(n_workers))

    def begin_epoch(self, epoch: int) -> None:
        del epoch
        self.gate_sum.zero_()
        self.gate_count.zero_()

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        p = outputs.probability
        gate = self._gate(outputs.features.detach(), votes)
        common = rows_of(p @ self.common, votes.row)
        own = rows_of(self.individual, votes.worker)
        individual = torch.bmm(rows_of(p, votes.row)[:, None, :], own).squeeze(1)
        scores = gate[:, None] * common + (1 - gate)[:, None] * individual
        loss = vote_loss(scores, votes)
        if self.scale:
            # Its derivative at 0, where training starts, is taken as 0.
            apart = torch.linalg.vector_norm(self.individual - self.common, dim=(1, 2))
            loss = loss - self.scale * apart.sum()
        if self.share:
            loss = loss + self.share * self.shared.penalty(self.individual, votes.worker)
        return loss

    def _gate(self, features: Tensor, votes: BatchVotes) -> Tensor:
        image = F.normalize(self.image(features), dim=1)
        worker = F.normalize(self.worker, dim=1)
        products = rows_of(image, votes.row) * rows_of(worker, votes.worker)
        gate = torch.sigmoid(products.sum(dim=1))
        with torch.no_grad():
            n = len(self.gate_sum)
            self.gate_sum += torch.bincount(votes.worker, gate.detach(), n).to(self.gate_sum)
            self.gate_count += torch.bincount(votes.worker, minlength=n)
        return gate

    def report(self) -> WorkerReport:
        gate = torch.where(self.gate_count > 0, self.gate_sum / self.gate_count.clamp(min=1), 0.5)
        mix = gate[:, None, None]
        confusion = (mix * self.common + (1 - mix) * self.individual).softmax(dim=2)
        return WorkerReport(
            mean_diagonal(confusion),
            to_numpy(confusion),
            common=to_numpy(self.common.softmax(dim=1)),
            columns={"common_noise": to_numpy(gate)},
        )

    def parts(self) -> Mapping[str, object]:
        state = self.state_dict()
        noise = ("common", "individual")
        return {
            "noise_adaptation": {key: state[key] for key in noise},
            "auxiliary": {key: value for key, value in state.items() if key not in noise},
        }
