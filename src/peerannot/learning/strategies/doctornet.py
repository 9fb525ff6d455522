"""Doctor Net: a head a worker on the features that all share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.learning._models import Outputs
from peerannot.learning.strategies._base import (
    STRATEGIES,
    CrowdHead,
    EndToEnd,
    Votes,
    WorkerReport,
    refuse_if_large,
    rows_of,
    to_numpy,
    vote_loss,
)

__all__ = ["DoctorNet"]

# Answers after which a worker's own head counts for more than the mean head.
_PRIOR_ANSWERS = 10.0


@STRATEGIES.register("doctor-net", "DoctorNet")
@dataclass(frozen=True, kw_only=True)
class DoctorNet(EndToEnd):
    """A model of each worker, after Guan et al.

    The scores of worker ``j`` are ``f(x) + D_j h(x)``: the network's logits, and a deviation of
    its own from the features ``h`` (divided by the root of their number). The loss is the cross
    entropy of the votes, averaged over the votes, plus ``share`` times the mean over votes of
    ``c / (c + n_j) ||D_j||^2`` with ``c = 10``, which holds workers of few answers to the mean
    head.

    Notes
    -----
    The network itself is the mean head, and it is what predicts; the paper averages the
    workers' heads with learned weights, for which every head must run on every image. ``skill``
    is the mean, over a worker's votes of the last epoch, of the probability that the network
    itself gives to the vote. There are no confusion matrices. Parameters are
    ``n_workers * n_features * n_classes``.

    References
    ----------
    M. Guan, V. Gulshan, A. Dai and G. Hinton, "Who said what: modeling individual labelers
    improves classification", AAAI 2018.
    """

    share: float = option(0.1, at_least=0, help="pull of workers of few answers to the mean head")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        refuse_if_large(
            "DoctorNet", answers.n_workers, n_features * answers.n_classes, "choose CrowdLayer"
        )
        return _Head(self.share, answers, n_features)


class _Head(CrowdHead):
    prior: Tensor
    agreement: Tensor
    count: Tensor

    def __init__(self, share: float, answers: Answers, n_features: int) -> None:
        super().__init__()
        self.share = share
        self.deviation = nn.Parameter(torch.zeros(answers.n_workers, answers.n_classes, n_features))
        counts = torch.from_numpy(answers.answers_per_worker.astype("float32"))
        self.register_buffer("prior", _PRIOR_ANSWERS / (_PRIOR_ANSWERS + counts), persistent=False)
        self.register_buffer("agreement", torch.zeros(answers.n_workers))
        self.register_buffer("count", torch.zeros(answers.n_workers))

    def begin_epoch(self, epoch: int) -> None:
        self.agreement.zero_()
        self.count.zero_()

    def loss(self, outputs: Outputs, votes: Votes) -> Tensor:
        features = outputs.features / outputs.features.shape[1] ** 0.5
        own = rows_of(self.deviation, votes.worker)
        part = torch.bmm(own, rows_of(features, votes.row)[:, :, None].to(own)).squeeze(2)
        scores = rows_of(outputs.logits, votes.row) + part
        with torch.no_grad():
            agree = outputs.probability[votes.row, votes.label]
            n = len(self.count)
            self.agreement += torch.bincount(votes.worker, agree, n).to(self.agreement)
            self.count += torch.bincount(votes.worker, minlength=n)
        loss = vote_loss(scores, votes)
        if self.share and len(votes.worker):
            square = own.square().sum(dim=(1, 2))
            loss = loss + self.share * (self.prior[votes.worker] * square).mean()
        return loss

    def report(self) -> WorkerReport:
        k = self.deviation.shape[1]
        skill = torch.where(self.count > 0, self.agreement / self.count.clamp(min=1), 1 / k)
        return WorkerReport(to_numpy(skill))
