"""Doctor Net: a head a worker on the features that all share."""

from __future__ import annotations

from dataclasses import dataclass

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
    refuse_if_large,
    rows_of,
    to_numpy,
)
from peerannot.learning.strategies.matrices import prior_weight

__all__ = ["DoctorNet"]

# Weight of a worker who agrees no better than a guess.
_LEAST = 0.01


@STRATEGIES.register("doctor-net", "DoctorNet")
@dataclass(frozen=True, kw_only=True)
class DoctorNet(EndToEnd):
    """A model of each worker, after Guan et al.

    The scores of worker ``j`` are ``f(x) + D_j h(x)``: the network's logits, and a deviation of
    its own from the features ``h`` (divided by the root of their number). The loss is the cross
    entropy of the votes, averaged over the votes by the weights of their workers, plus ``share``
    times the mean over votes of ``c / (c + n_j) ||D_j||^2`` with ``c = 10``, which holds workers
    of few answers to the mean head.

    With ``weights``, the weight of worker ``j`` is how much better than a guess the mean head
    agrees with it: ``max(0.01, (s_j - 1/K) / (1 - 1/K))``, where ``s_j`` is the mean, over its
    votes of the epoch before and ``c`` votes of the mean worker, of the probability that the
    network itself gives to the vote. The first ``warmup`` epochs count all workers the same.

    Notes
    -----
    The network itself is the mean head, and it is what predicts. The paper averages the
    workers' heads with weights learned after training, for which every head must run on every
    image; here the weights enter the mean head as it is trained, and cost nothing. ``skill`` is
    ``s_j`` without the votes of the mean worker, ``weight`` the weight. There are no confusion
    matrices. Parameters are ``n_workers * n_features * n_classes``.

    References
    ----------
    M. Guan, V. Gulshan, A. Dai and G. Hinton, "Who said what: modeling individual labelers
    improves classification", AAAI 2018.
    """

    share: float = option(0.1, at_least=0, help="pull of workers of few answers to the mean head")
    weights: bool = option(True, help="count workers by how much better than a guess they are")
    warmup: int = option(5, at_least=1, help="first epochs in which all workers count the same")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        refuse_if_large(
            "DoctorNet", answers.n_workers, n_features * answers.n_classes, "choose CrowdLayer"
        )
        return _Head(self, answers, n_features)


class _Head(CrowdHead):
    prior: Tensor
    agreement: Tensor
    count: Tensor
    weight: Tensor

    def __init__(self, options: DoctorNet, answers: Answers, n_features: int) -> None:
        super().__init__()
        self.options = options
        w, k = answers.n_workers, answers.n_classes
        self.deviation = nn.Parameter(torch.zeros(w, k, n_features))
        self.register_buffer("prior", prior_weight(answers), persistent=False)
        self.register_buffer("agreement", torch.zeros(w))
        self.register_buffer("count", torch.zeros(w))
        self.register_buffer("weight", torch.ones(w))

    def begin_epoch(self, epoch: int) -> None:
        if self.options.weights and epoch >= self.options.warmup:
            self.weight.copy_(self._weights())
        self.agreement.zero_()
        self.count.zero_()

    def _weights(self) -> Tensor:
        guess = 1 / self.deviation.shape[1]
        mean = self.agreement.sum() / self.count.sum().clamp(min=1)
        # The part of a worker's own votes is one minus that of the mean worker's.
        skill = self.prior * mean + (1 - self.prior) * self._skill()
        return ((skill - guess) / max(1 - guess, guess)).clamp(min=_LEAST)

    def _skill(self) -> Tensor:
        guess = 1 / self.deviation.shape[1]
        return torch.where(self.count > 0, self.agreement / self.count.clamp(min=1), guess)

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        features = outputs.features / outputs.features.shape[1] ** 0.5
        own = rows_of(self.deviation, votes.worker)
        part = torch.bmm(own, rows_of(features, votes.row)[:, :, None].to(own)).squeeze(2)
        scores = rows_of(outputs.logits, votes.row) + part
        with torch.no_grad():
            agree = outputs.probability[votes.row, votes.label]
            n = len(self.count)
            self.agreement += torch.bincount(votes.worker, agree, n).to(self.agreement)
            self.count += torch.bincount(votes.worker, minlength=n)
        if not len(votes.worker):
            return scores.sum() * 0
        weight = self.weight[votes.worker].to(scores)
        each = F.cross_entropy(scores, votes.label, reduction="none")
        loss = (weight * each).sum() / weight.sum()
        if self.options.share:
            square = own.square().sum(dim=(1, 2))
            loss = loss + self.options.share * (self.prior[votes.worker] * square).mean()
        return loss

    def report(self) -> WorkerReport:
        return WorkerReport(to_numpy(self._skill()), columns={"weight": to_numpy(self.weight)})
