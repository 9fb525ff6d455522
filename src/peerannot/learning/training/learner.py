"""The network and what it is trained for, as one module: from a batch to a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Classifier, Outputs
from peerannot.learning.results.metrics import soft_cross_entropy
from peerannot.learning.strategies.base import BatchVotes, CrowdHead, Run
from peerannot.learning.training.parallel import ALONE, Processes

__all__ = ["CrowdVotes", "Learner", "Objective", "SoftTargets"]


class Objective(nn.Module, ABC):
    """What is known of the training images, and the loss on it.

    Set ``reads_features`` where the loss depends on the features, not on the logits alone.
    """

    reads_features: ClassVar[bool] = False

    @property
    def mixes(self) -> bool:
        """Whether `inputs` changes the images, and needs those of the whole batch."""
        return False

    @abstractmethod
    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        """Loss of the outputs for the training images ``rows``, a scalar."""

    def begin(self, run: Run) -> None:
        """Called before the first epoch, also that of a resumed run."""
        del run

    def inputs(self, images: Tensor, rows: Tensor) -> Tensor:
        """What the network sees of a batch in training; the loss is that of its outputs."""
        del rows
        return images

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch, counted from 0."""
        del epoch

    def labels(self) -> Tensor | None:
        """See `CrowdHead.labels`."""
        return None

    def class_shares(self) -> Tensor:
        """What is known of the classes of the training images, (n, n_classes)."""
        raise NotImplementedError


class SoftTargets(Objective):
    """A distribution over classes for each image; the loss is the cross entropy.

    ``smoothing`` of each is replaced by the uniform distribution.
    """

    target: Tensor

    def __init__(self, target: Tensor, smoothing: float = 0.0) -> None:
        super().__init__()
        smooth = (1 - smoothing) * target + smoothing / target.shape[1]
        self.register_buffer("target", smooth, persistent=False)

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        return soft_cross_entropy(outputs.logits, self.target[rows])

    def labels(self) -> Tensor:
        return self.target

    def class_shares(self) -> Tensor:
        return self.target


class CrowdVotes(Objective):
    """Votes on each image, kept as a flat list by image; the loss is the strategy's."""

    reads_features = True

    start: Tensor
    worker: Tensor
    label: Tensor

    def __init__(self, head: CrowdHead, answers: Answers) -> None:
        super().__init__()
        self.head, self.n_classes = head, answers.n_classes
        for name, array in (
            ("start", answers.task_ptr),
            ("worker", answers.worker),
            ("label", answers.label),
        ):
            tensor = torch.from_numpy(array.astype("int64"))
            self.register_buffer(name, tensor, persistent=False)

    def votes(self, rows: Tensor) -> BatchVotes:
        """The votes on the images ``rows``; cost grows with these votes alone."""
        first = self.start[rows]
        count = self.start[rows + 1] - first
        row = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), count)
        # Place of each vote in the flat list: where its image's votes start, plus 0, 1, 2, ...
        shift = first - (torch.cumsum(count, 0) - count)
        at = torch.arange(len(row), device=rows.device) + shift[row]
        return BatchVotes(row, self.worker[at], self.label[at], rows)

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        return self.head.loss(outputs, self.votes(rows))

    def begin(self, run: Run) -> None:
        self.head.begin(run)

    @property
    def mixes(self) -> bool:
        return self.head.mixes

    def inputs(self, images: Tensor, rows: Tensor) -> Tensor:
        return self.head.inputs(images, self.votes(rows)) if self.mixes else images

    def begin_epoch(self, epoch: int) -> None:
        self.head.begin_epoch(epoch)

    def labels(self) -> Tensor | None:
        return self.head.labels()

    def class_shares(self) -> Tensor:
        counts = self.start.diff()
        row = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        cell = row * self.n_classes + self.label
        votes = torch.bincount(cell, minlength=len(counts) * self.n_classes)
        return votes.view(len(counts), -1) / counts.clamp(min=1)[:, None]


class Learner(nn.Module):
    """Classifier and objective; ``learner(images, rows)`` is the loss of a batch.

    Attributes
    ----------
    processes : Processes
        Those that share each batch.
    """

    def __init__(self, classifier: Classifier, objective: Objective) -> None:
        super().__init__()
        self.classifier = classifier
        self.objective = objective
        self.processes: Processes = ALONE

    def forward(
        self,
        images: Tensor,
        rows: Tensor,
        seed: int | None = None,
        mixed: tuple[Tensor, float] | None = None,
    ) -> Tensor:
        """Loss of the batch ``rows``, a scalar.

        Parameters
        ----------
        images
            This process's part of the batch; all of it where the objective mixes.
        rows
            Training images of the whole batch.
        seed
            Of the step; by default draws go on from where they are.
        mixed
            Where the images are mixed already: other training image of each, own share.
        """
        n = len(rows)
        _seed(images.device, seed)
        if self.objective.mixes:
            images = self.objective.inputs(images, rows)
            n = len(images)
            images = images[self.processes.part(n)]
        if self.processes.world > 1:
            # Each process draws its own dropout; what the objective draws must be common.
            _seed(images.device, None if seed is None else seed + 1 + self.processes.rank)
        outputs = self.classifier(images)
        if self.processes.world > 1:
            _seed(images.device, None if seed is None else seed ^ 1 << 40)
        # Mixed precision is for the network; sums over workers and logarithms need all digits.
        with torch.autocast(images.device.type, enabled=False):
            logits, features = outputs.logits.float(), outputs.features
            logits = self.processes.gather(logits, n)
            if self.objective.reads_features:
                features = self.processes.gather(features.float(), n)
            exact = Outputs(logits, features)
            loss = self.objective.loss(exact, rows)
            if mixed is None:
                return loss
            others, share = mixed
            return share * loss + (1 - share) * self.objective.loss(exact, others)


def _seed(device: torch.device, seed: int | None) -> None:
    """Seed the generators that a step draws from; `torch.manual_seed` does far more."""
    if seed is None:
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
