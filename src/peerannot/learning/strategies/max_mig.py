"""Max-MIG: a network and an aggregator of votes that agree as much as they can."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from peerannot.answers import Answers
from peerannot.learning.data.splits import vote_shares
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import (
    STRATEGIES,
    BatchVotes,
    CrowdHead,
    EndToEnd,
    WorkerReport,
    mean_diagonal,
    refuse_if_large,
    to_numpy,
)
from peerannot.learning.strategies.matrices import answer_columns, pooled_confusion

__all__ = ["MaxMIG"]


@STRATEGIES.register("max-mig", "MaxMIG")
@dataclass(frozen=True, kw_only=True)
class MaxMIG(EndToEnd):
    """Maximal f-mutual information of Cao, Xu, Kong and Wang, with the Kullback-Leibler f.

    The aggregator turns the votes on an image into ``q = softmax(sum_j W_j[:, y_j] + b)``. With
    ``R_ii' = sum_k p_k(x_i) q_k(y_i') / prior_k`` over the images of a batch, the loss is minus
    the mean of ``1 + log R_ii`` plus the mean of ``R_ii'`` over ``i != i'``: a lower bound on
    the information that images and votes share. Workers may be dependent.

    Notes
    -----
    ``W_j`` starts as the logarithm of the worker's confusion with the vote shares, with ten
    answers of the confusion of all workers together in each row, so that workers of few answers
    start from it, and ``b`` as that of their mean, which is the prior. ``posterior`` is ``q``. The
    row softmax of ``W_j`` is reported as the worker's confusion matrix: exact where workers are
    independent, else only the weight that the aggregator gives. Batches should have many more
    images than there are classes.

    References
    ----------
    P. Cao, Y. Xu, Y. Kong and Y. Wang, "Max-MIG: an information theoretic approach for joint
    learning from crowds", ICLR 2019, section 4.
    """

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("MaxMIG", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(answers)


class _Head(CrowdHead):
    prior: Tensor

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        k = answers.n_classes
        shares = vote_shares(answers)
        confusion = pooled_confusion(shares, answers)
        # A class without a vote keeps a small probability: its logarithm must be finite.
        prior = (shares.sum(axis=0) + 1 / k) / (len(shares) + 1)
        self.answers = answers
        self.weight = nn.Parameter(torch.from_numpy(np.log(confusion)).float())
        self.bias = nn.Parameter(torch.from_numpy(np.log(prior)).float())
        self.register_buffer("prior", torch.from_numpy(prior).float())

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        answered = torch.unique(votes.row)
        if len(answered) < 2:
            return outputs.logits.sum() * 0
        pieces = answer_columns(self.weight, votes)
        total = torch.zeros_like(outputs.logits).index_add(0, votes.row, pieces.to(outputs.logits))
        aggregated = (total + self.bias).softmax(dim=1)[answered]
        ratio = (outputs.probability[answered] / self.prior) @ aggregated.T
        same = ratio.diagonal()
        n = len(answered)
        others = (ratio.sum() - same.sum()) / (n * (n - 1))
        return others - (1 + same.log()).mean()

    def report(self) -> WorkerReport:
        confusion = self.weight.softmax(dim=2)
        log_q = np.tile(to_numpy(self.bias), (self.answers.n_tasks, 1))
        pieces = to_numpy(self.weight)[self.answers.worker, :, self.answers.label]
        np.add.at(log_q, self.answers.task, pieces)
        q = np.exp(log_q - log_q.max(axis=1, keepdims=True))
        return WorkerReport(
            mean_diagonal(confusion),
            to_numpy(confusion),
            posterior=q / q.sum(axis=1, keepdims=True),
        )
