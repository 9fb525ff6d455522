"""MaDL: confusion that depends on the worker and on the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    mean_diagonal,
    rows_of,
    to_numpy,
)
from peerannot.learning.strategies._matrices import answer_log_probability, diagonal_logits

__all__ = ["MaDL"]


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
        return _Head(self, answers, n_features)


class _Head(CrowdHead):
    start: Tensor
    total: Tensor
    count: Tensor

    def __init__(self, options: MaDL, answers: Answers, n_features: int) -> None:
        super().__init__()
        k, w = answers.n_classes, answers.n_workers
        self.options, self.n_classes = options, k
        self.worker = nn.Parameter(torch.randn(w, options.embedding))
        self.image = nn.Linear(n_features, options.embedding)
        last = nn.Linear(options.hidden, 1 if options.variant == "I" else k * k)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        n_inputs = options.embedding * (2 if options.variant == "X" else 1)
        self.network = nn.Sequential(nn.Linear(n_inputs, options.hidden), nn.SiLU(), last)
        self.register_buffer("start", diagonal_logits(k, options.eta), persistent=False)
        self.register_buffer("total", torch.zeros(w, k, k))
        self.register_buffer("count", torch.zeros(w))

    def begin_epoch(self, epoch: int) -> None:
        self.total.zero_()
        self.count.zero_()

    def loss(self, outputs: Outputs, votes: Votes) -> Tensor:
        embedding = rows_of(self.worker, votes.worker)
        log_matrix = self._log_matrix(outputs.features.detach(), embedding, votes)
        with torch.no_grad():
            self.total.index_add_(0, votes.worker, log_matrix.exp().to(self.total))
            self.count += torch.bincount(votes.worker, minlength=len(self.count))
        column = votes.label[:, None, None].expand(-1, self.n_classes, 1)
        likelihood = log_matrix.gather(2, column).squeeze(2)
        log_answer = answer_log_probability(outputs, votes, likelihood)
        if not len(log_answer):
            return outputs.logits.sum() * 0
        return -(self._weight(votes) * log_answer).mean()

    def _log_matrix(self, features: Tensor, embedding: Tensor, votes: Votes) -> Tensor:
        inputs = [embedding]
        if self.options.variant == "X":
            inputs.append(rows_of(self.image(features), votes.row).to(embedding))
        out = self.network(torch.cat(inputs, dim=1))
        if self.options.variant == "I":
            change = out[:, :, None] * torch.eye(self.n_classes).to(out)
        else:
            change = out.view(-1, self.n_classes, self.n_classes)
        log_matrix: Tensor = (self.start.to(change) + change).log_softmax(dim=2)
        return log_matrix

    def _weight(self, votes: Votes) -> Tensor:
        if not self.options.weights:
            return torch.ones(len(votes.worker)).to(self.worker)
        present, place = torch.unique(votes.worker, return_inverse=True)
        with torch.no_grad():
            apart = torch.cdist(self.worker[present], self.worker[present])
            alike = torch.exp(-0.5 * apart.square()).sum(dim=1)
            weight = (1 / alike)[place]
            return weight / weight.mean()

    def report(self) -> WorkerReport:
        seen = self.count[:, None, None]
        confusion = torch.where(seen > 0, self.total / seen.clamp(min=1), self.start.softmax(dim=1))
        return WorkerReport(mean_diagonal(confusion), to_numpy(confusion))
