"""The network and what it is trained for, as one module: from a batch to a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from peerannot.answers import Answers
from peerannot.learning._metrics import soft_cross_entropy
from peerannot.learning._models import Classifier, Outputs
from peerannot.learning.strategies._base import CrowdHead, Run, Votes

__all__ = ["CrowdVotes", "Learner", "Objective", "SoftLabels"]


class Objective(nn.Module, ABC):
    """What is known of the training images, and the loss on it."""

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


class SoftLabels(Objective):
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


class CrowdVotes(Objective):
    """Votes on each image, kept as a flat list by image; the loss is the strategy's."""

    start: Tensor
    worker: Tensor
    label: Tensor

    def __init__(self, head: CrowdHead, answers: Answers) -> None:
        super().__init__()
        self.head = head
        for name, array in (
            ("start", answers.task_ptr),
            ("worker", answers.worker),
            ("label", answers.label),
        ):
            tensor = torch.from_numpy(array.astype("int64"))
            self.register_buffer(name, tensor, persistent=False)

    def votes(self, rows: Tensor) -> Votes:
        """The votes on the images ``rows``; cost grows with these votes alone."""
        first = self.start[rows]
        count = self.start[rows + 1] - first
        row = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), count)
        # Place of each vote in the flat list: where its image's votes start, plus 0, 1, 2, ...
        shift = first - (torch.cumsum(count, 0) - count)
        at = torch.arange(len(row), device=rows.device) + shift[row]
        return Votes(row, self.worker[at], self.label[at], rows)

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        return self.head.loss(outputs, self.votes(rows))

    def begin(self, run: Run) -> None:
        self.head.begin(run)

    def inputs(self, images: Tensor, rows: Tensor) -> Tensor:
        return self.head.inputs(images, self.votes(rows)) if self.head.mixes else images

    def begin_epoch(self, epoch: int) -> None:
        self.head.begin_epoch(epoch)


class Learner(nn.Module):
    """Classifier and objective; ``learner(images, rows)`` is the loss of a batch."""

    def __init__(self, classifier: Classifier, objective: Objective) -> None:
        super().__init__()
        self.classifier = classifier
        self.objective = objective

    def forward(self, images: Tensor, rows: Tensor) -> Tensor:
        outputs = self.classifier(self.objective.inputs(images, rows))
        # Mixed precision is for the network; sums over workers and logarithms need all digits.
        with torch.autocast(images.device.type, enabled=False):
            exact = Outputs(outputs.logits.float(), outputs.features.float())
            return self.objective.loss(exact, rows)
