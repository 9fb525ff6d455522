"""Union-Net: all workers as one, with one transition matrix."""

from __future__ import annotations

from dataclasses import dataclass

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
    to_numpy,
)
from peerannot.learning.strategies.matrices import (
    RATE,
    SharedStart,
    answer_columns,
    answer_log_probability,
    diagonal_logits,
)

__all__ = ["UnionNet"]


@STRATEGIES.register("union-net", "UnionNet")
@dataclass(frozen=True, kw_only=True)
class UnionNet(EndToEnd):
    """The union of all workers of Wei, Xie, Feng, Han and An.

    One transition matrix ``T`` (K x W K) says how probable each (worker, answer) is given the
    true class; each of its rows is one distribution. The loss is the cross entropy of ``T' p``
    with the union of an image's votes, each vote having an equal part of it. ``share`` times the
    penalty of `SharedStart` on the logits of each worker's part of ``T`` draws workers of few
    answers to the mean of all; the paper has ``share=0``.

    Notes
    -----
    The confusion matrix reported of a worker is its part of ``T`` with rows normalised. Each
    batch normalises all of ``T``: time and memory are ``W K^2``.

    References
    ----------
    H. Wei, R. Xie, L. Feng, B. Han and B. An, "Deep learning from multiple noisy annotators as a
    union", IEEE TNNLS 34 (2023), doi 10.1109/TNNLS.2022.3168696.
    """

    share: float = option(0.01, at_least=0, help="pull of workers of few answers to the mean")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("UnionNet", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self.share, answers)


class _Head(CrowdHead):
    def __init__(self, share: float, answers: Answers) -> None:
        super().__init__()
        self.share = share
        self.shared = SharedStart(answers)
        n_workers, n_classes = answers.n_workers, answers.n_classes
        # [worker, true, answered]; a row of T is one true class over all workers and answers.
        start = diagonal_logits(n_classes) / RATE
        self.transition = nn.Parameter(start.repeat(n_workers, 1, 1))

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        transition = RATE * self.transition
        norm = torch.logsumexp(transition, dim=(0, 2))
        log_column = answer_columns(transition, votes) - norm
        log_vote = answer_log_probability(outputs, votes, log_column)
        count = torch.bincount(votes.row, minlength=len(votes.image)).to(log_vote)
        answered = (count > 0).sum().clamp(min=1)
        loss = -(log_vote / count[votes.row]).sum() / answered
        if self.share:
            loss = loss + self.share * self.shared.penalty(transition, votes.worker)
        return loss

    def report(self) -> WorkerReport:
        confusion = (RATE * self.transition).softmax(dim=2)
        return WorkerReport(mean_diagonal(confusion), to_numpy(confusion))
