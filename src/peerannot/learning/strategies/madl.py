"""MaDL: confusion that depends on the worker and on the image."""

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
    refuse_if_large,
    rows_of,
    to_numpy,
)
from peerannot.learning.strategies.conditional import ConditionalConfusion
from peerannot.learning.strategies.matrices import answer_log_probability

__all__ = ["MaDL"]

# Pairs of workers compared at once.
_PAIRS = 2**18


@STRATEGIES.register("madl", "MaDL")
@dataclass(frozen=True, kw_only=True)
class MaDL(EndToEnd):
    """Multi-annotator deep learning of Herde, Huseljic and Sick.

    A vote of worker ``j`` on image ``x`` has the distribution ``P(x, j)' p(x)``, where the
    confusion matrix ``P(x, j)`` comes from a small network on an embedding of the worker and,
    with ``variant=X``, on the image's features. ``variant=W`` leaves the image out, and
    ``variant=I`` has one probability of a right answer a worker. Matrices start with ``eta`` on
    the diagonal.

    With ``weights``, each vote counts inversely to how alike its worker is to the other workers
    of the batch, by a Gaussian kernel of width 1 on the embeddings: copies of one worker then
    count like one. The weights of a batch have mean 1.

    Notes
    -----
    Workers share the small network: what a worker of few answers lacks comes from those with
    similar embeddings. Reported is the mean of ``P(x, j)`` over the worker's answers of the last
    epoch; workers without answers have the start. No gradient flows from here into the
    features. Memory grows with the votes of a batch times ``n_classes**2``.

    References
    ----------
    M. Herde, D. Huseljic and B. Sick, "Multi-annotator deep learning: a probabilistic framework
    for classification", TMLR 2023, sections 4.1 to 4.3.
    """

    variant: Literal["X", "W", "I"] = option(
        "X", help="confusion by image and worker (X), by worker (W), or one probability (I)"
    )
    eta: float = option(0.8, above=0, below=1, help="diagonal at the start")
    embedding: int = option(16, at_least=1, help="length of a worker's embedding")
    hidden: int = option(128, at_least=1, help="hidden units of the network of confusions")
    weights: bool = option(True, help="count similar workers less")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("MaDL", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self, answers, n_features)


class _Head(CrowdHead):
    total: Tensor
    count: Tensor

    def __init__(self, options: MaDL, answers: Answers, n_features: int) -> None:
        super().__init__()
        k, w = answers.n_classes, answers.n_workers
        self.options = options
        self.crowd = ConditionalConfusion(
            w,
            k,
            n_features,
            variant=options.variant,
            eta=options.eta,
            embedding=options.embedding,
            hidden=options.hidden,
        )
        self.register_buffer("total", torch.zeros(w, k, k))
        self.register_buffer("count", torch.zeros(w))

    def begin_epoch(self, epoch: int) -> None:
        self.total.zero_()
        self.count.zero_()

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        worker = rows_of(self.crowd.worker, votes.worker)
        image = rows_of(self.crowd.image(outputs.features.detach()), votes.row)
        log_matrix = self.crowd.log_matrix(worker, image)
        with torch.no_grad():
            self.total.index_add_(0, votes.worker, log_matrix.exp().to(self.total))
            self.count += torch.bincount(votes.worker, minlength=len(self.count))
        column = votes.label[:, None, None].expand(-1, len(self.crowd.start), 1)
        likelihood = log_matrix.gather(2, column).squeeze(2)
        log_answer = answer_log_probability(outputs, votes, likelihood)
        if not len(log_answer):
            return outputs.logits.sum() * 0
        return -(self._weight(votes) * log_answer).mean()

    def _weight(self, votes: BatchVotes) -> Tensor:
        if not self.options.weights:
            return torch.ones(len(votes.worker)).to(self.crowd.worker)
        present, place = torch.unique(votes.worker, return_inverse=True)
        with torch.no_grad():
            embedding = self.crowd.worker[present]
            # Some at a time: all pairs at once would take the square of the votes of a batch.
            alike = torch.cat(
                [
                    torch.exp(-0.5 * torch.cdist(some, embedding).square()).sum(dim=1)
                    for some in torch.split(embedding, max(1, _PAIRS // len(embedding)))
                ]
            )
            weight = (1 / alike)[place]
            return weight / weight.mean()

    def report(self) -> WorkerReport:
        seen = self.count[:, None, None]
        confusion = torch.where(
            seen > 0, self.total / seen.clamp(min=1), self.crowd.start.softmax(dim=1)
        )
        return WorkerReport(mean_diagonal(confusion), to_numpy(confusion))
