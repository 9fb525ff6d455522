"""AnnotMix: mixup of images, workers and votes alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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

__all__ = ["AnnotMix"]

# Workers whose confusion matrices are computed at once for the report.
_WORKERS = 1024


@STRATEGIES.register("annot-mix", "AnnotMix")
@dataclass(frozen=True, kw_only=True)
class AnnotMix(EndToEnd):
    """Mixup over annotators of Herde, Lührs, Huseljic and Sick.

    A batch is the list of its triples (image, worker, vote). Each is mixed with another of them,
    drawn at random: ``x = l x_a + (1 - l) x_b`` for images, the same for the embeddings of the
    workers and for the votes as vectors, with ``l`` of a Beta(``alpha``, ``alpha``)
    distribution, one a triple. The network sees the mixed image; the confusion matrix ``P`` is
    that of `MaDL` for the features of the mixed image and the mixed worker; the loss is the
    mean over triples of the cross entropy of the mixed vote with ``P' p``. ``alpha=0`` mixes
    nothing.

    Notes
    -----
    The network runs once for each vote, not for each image, so that an epoch costs as many times
    more as images have votes. Workers share the network of confusions: what a worker of few
    answers lacks comes from those with similar embeddings. Reported are the confusion matrices
    for the mean image of the last epoch. No gradient flows from them into the features.

    References
    ----------
    M. Herde, L. Lührs, D. Huseljic and B. Sick, "Annot-Mix: learning with noisy class labels
    from multiple annotators via a mixup extension", ECAI 2024, doi 10.3233/FAIA240829, section
    4. Defaults of ``alpha`` and ``eta`` are those of the authors' code.
    """

    alpha: float = option(1.0, at_least=0, help="of the Beta distribution of shares")
    eta: float = option(0.9, above=0, below=1, help="diagonal at the start")
    embedding: int = option(16, at_least=1, help="length of a worker's embedding")
    hidden: int = option(128, at_least=1, help="hidden units of the network of confusions")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("AnnotMix", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self, answers, n_features)


@dataclass(frozen=True)
class _Mix:
    """The partner of each vote, and the vote's own share."""

    partner: Tensor
    share: Tensor


class _Head(CrowdHead):
    mixes: ClassVar[bool] = True

    total: Tensor
    count: Tensor

    def __init__(self, options: AnnotMix, answers: Answers, n_features: int) -> None:
        super().__init__()
        self.options = options
        self.crowd = ConditionalConfusion(
            answers.n_workers,
            answers.n_classes,
            n_features,
            variant="X",
            eta=options.eta,
            embedding=options.embedding,
            hidden=options.hidden,
        )
        self.mix: _Mix | None = None
        self.register_buffer("total", torch.zeros(options.embedding))
        self.register_buffer("count", torch.zeros(()))

    def begin_epoch(self, epoch: int) -> None:
        self.total.zero_()
        self.count.zero_()

    def inputs(self, images: Tensor, votes: BatchVotes) -> Tensor:
        n = len(votes.row)
        if not self.options.alpha or n < 2:
            return images
        alpha = torch.full((n,), self.options.alpha)
        share = torch.distributions.Beta(alpha, alpha).sample().to(images)
        partner = torch.randperm(n).to(votes.row.device)
        self.mix = _Mix(partner, share)
        part = share.view(-1, *[1] * (images.ndim - 1))
        own = images[votes.row]
        return own * part + own[partner] * (1 - part)

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        mix, self.mix = self.mix, None
        if not len(votes.row):
            return outputs.logits.sum() * 0
        image = self.crowd.image(outputs.features.detach())
        log_probability = outputs.log_probability
        worker = rows_of(self.crowd.worker, votes.worker)
        with torch.no_grad():
            self.total += image.sum(dim=0).to(self.total)
            self.count += len(image)
        if mix is None:
            image = rows_of(image, votes.row)
            log_probability = rows_of(log_probability, votes.row)
        else:
            part = mix.share[:, None].to(worker)
            worker = part * worker + (1 - part) * worker[mix.partner]
        log_matrix = self.crowd.log_matrix(worker, image)
        log_answer = torch.logsumexp(log_probability[:, :, None] + log_matrix, dim=1)
        own = log_answer.gather(1, votes.label[:, None]).squeeze(1)
        if mix is None:
            return -own.mean()
        other = log_answer.gather(1, votes.label[mix.partner][:, None]).squeeze(1)
        return -(mix.share * own + (1 - mix.share) * other).mean()

    def report(self) -> WorkerReport:
        mean = self.total / self.count.clamp(min=1)
        confusion = torch.cat(
            [
                self.crowd.log_matrix(some, mean.expand(len(some), -1)).exp()
                for some in torch.split(self.crowd.worker, _WORKERS)
            ]
        )
        return WorkerReport(mean_diagonal(confusion), to_numpy(confusion))
