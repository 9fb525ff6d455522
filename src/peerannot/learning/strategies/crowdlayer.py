"""CrowdLayer: one linear layer a worker on top of the network's predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

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

__all__ = ["CrowdLayer"]

Variant = Literal["MW", "VW", "VW+B"]


@STRATEGIES.register("crowdlayer", "CrowdLayer", "crowd_layer")
@dataclass(frozen=True, kw_only=True)
class CrowdLayer(EndToEnd):
    """Crowd layer of Rodrigues and Pereira.

    The scores of worker ``j`` for an image with predicted distribution ``p`` are ``W_j p`` (MW),
    ``w_j * p`` (VW) or ``w_j * p + b_j`` (VW+B); the loss is the cross entropy of the votes
    with the softmax of the scores, averaged over the votes. ``W_j`` starts as the identity,
    ``w_j`` as ones and ``b_j`` as zeros, without which classes may come out permuted. ``share``
    times the penalty of `SharedStart` on ``W_j`` (or ``w_j``) draws workers of few answers to
    the mean of all; the paper has ``share=0``.

    Notes
    -----
    The learned ``W_j`` are not probabilities. The confusion matrix that is reported is what the
    model predicts for a certain image: row ``k`` is the softmax of the scores at ``p = e_k``.
    A softmax follows that of the network, so that ``p`` is driven to certainty: its validation
    loss rises while its accuracy does too. The best epoch is therefore that of the best
    accuracy. Memory and time grow with the answers; there are ``n_workers * n_classes**2``
    parameters (MW).

    References
    ----------
    F. Rodrigues and F. Pereira, "Deep learning from crowds", AAAI 2018, section 4.
    """

    select: ClassVar[Literal["loss", "accuracy"]] = "accuracy"

    variant: Variant = option(
        "MW", help="a matrix (MW), a weight a class (VW), or that with a bias (VW+B) a worker"
    )
    share: float = option(0.01, at_least=0, help="pull of workers of few answers to the mean")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        if self.variant == "MW":
            refuse_if_large("CrowdLayer", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self, answers)


class _Head(CrowdHead):
    def __init__(self, options: CrowdLayer, answers: Answers) -> None:
        super().__init__()
        self.variant, self.share = options.variant, options.share
        self.shared = SharedStart(answers)
        variant, n_workers, n_classes = options.variant, answers.n_workers, answers.n_classes
        if variant == "MW":
            start = torch.eye(n_classes).repeat(n_workers, 1, 1)
        else:
            start = torch.ones(n_workers, n_classes)
        # W[worker, answered, true], as in the paper.
        self.weight = nn.Parameter(start)
        if variant == "VW+B":
            self.bias = nn.Parameter(torch.zeros(n_workers, n_classes))

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        p = rows_of(outputs.probability, votes.row)
        weight = rows_of(self.weight, votes.worker)
        if self.variant == "MW":
            scores = torch.bmm(weight, p[:, :, None]).squeeze(2)
        else:
            scores = weight * p
        if self.variant == "VW+B":
            scores = scores + rows_of(self.bias, votes.worker)
        loss = vote_loss(scores, votes)
        if self.share:
            loss = loss + self.share * self.shared.penalty(self.weight, votes.worker)
        return loss

    def report(self) -> WorkerReport:
        if self.variant == "MW":
            scores = self.weight.transpose(1, 2)
        else:
            scores = torch.diag_embed(self.weight)
            if self.variant == "VW+B":
                scores = scores + self.bias[:, None, :]
        confusion = scores.softmax(dim=2)
        return WorkerReport(mean_diagonal(confusion), to_numpy(confusion))

    def parts(self) -> Mapping[str, object]:
        state = self.state_dict()
        return {"confusion": state.pop("weight"), **state}
