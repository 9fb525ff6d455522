"""What an end-to-end strategy is: options, and a head on the network that explains the votes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from peerannot._registry import Named, Registry
from peerannot.answers import Answers
from peerannot.errors import ParameterError
from peerannot.learning.networks.classifier import Outputs

__all__ = [
    "STRATEGIES",
    "BatchVotes",
    "CrowdHead",
    "EndToEnd",
    "Run",
    "WorkerReport",
    "make_strategy",
    "mean_diagonal",
    "refuse_if_large",
    "rows_of",
    "to_numpy",
    "vote_loss",
]

# Parameters of all workers together; above it a strategy refuses before it allocates.
_MOST_PARAMETERS = 2**28


@dataclass(frozen=True)
class BatchVotes:
    """The votes on a batch of images, one entry a vote, in no particular order.

    Attributes
    ----------
    row : Tensor, int64 (n_votes,)
        Position of the image in the batch.
    worker, label : Tensor, int64 (n_votes,)
        Who answered, and what.
    image : Tensor, int64 (n_images,)
        Which training images the batch has, votes or not.
    """

    row: Tensor
    worker: Tensor
    label: Tensor
    image: Tensor


@dataclass(frozen=True)
class WorkerReport:
    """What a strategy learned about the workers.

    Attributes
    ----------
    skill : float array (n_workers,)
        Estimated probability that a worker is right, as the mean over classes.
    confusion : float array (n_workers, n_classes, n_classes) or None
        Estimated probability of each answer given the true class; ``[worker, true, answered]``.
    common : float array (n_classes, n_classes) or None
        A confusion matrix that all workers share.
    posterior : float array (n_tasks, n_classes) or None
        What votes and network together say of the tasks.
    columns : mapping
        Further columns of the worker table, each (n_workers,).
    """

    skill: NDArray[np.float64]
    confusion: NDArray[np.float64] | None = None
    common: NDArray[np.float64] | None = None
    posterior: NDArray[np.float64] | None = None
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class Run(Protocol):
    """What a head may ask of the training that it belongs to."""

    def predict(self) -> Tensor:
        """Logits of the training images by the network as it is now, (n_tasks, n_classes)."""

    def held_out(
        self, target: NDArray[np.float64], known: NDArray[np.bool_], n_folds: int, seed: int
    ) -> Tensor:
        """Logits of each training image by a network that was trained without it.

        Networks of the same kind, with the same options, are trained on all folds but one of
        the ``known`` images, with the labels ``target`` (n_tasks, n_classes).
        """


class CrowdHead(nn.Module, ABC):
    """The part of the model that turns a network's outputs into a loss on the votes.

    Its parameters are trained together with the network's, with the same optimizer but without
    weight decay, which would draw workers of few answers towards answers at random. Set
    ``mixes`` where `inputs` changes the images.
    """

    mixes: ClassVar[bool] = False

    @abstractmethod
    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        """The loss of a batch, a scalar."""

    def labels(self) -> Tensor | None:
        """Labels (n_tasks, n_classes) if the loss is the cross entropy with them all through the
        training, from the beginning of its first epoch on: a linear head is then solved for."""
        return None

    @abstractmethod
    def report(self) -> WorkerReport:
        """What the head knows about the workers now."""

    def parts(self) -> Mapping[str, object]:
        """Its weights, as they are saved beside the network's."""
        return {"strategy": self.state_dict()}

    def begin(self, run: Run) -> None:
        """Called before the first epoch, also that of a resumed run."""
        del run

    def inputs(self, images: Tensor, votes: BatchVotes) -> Tensor:
        """What the network sees of a batch in training; `loss` gets its outputs for that."""
        del votes
        return images

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch, counted from 0."""
        del epoch


@dataclass(frozen=True, kw_only=True)
class EndToEnd(Named, ABC):
    """An end-to-end strategy: a dataclass of options that makes a head.

    Attributes
    ----------
    select : {"loss", "accuracy"}
        What chooses the best epoch by default. The validation loss says nothing where the
        network's outputs are not trained as probabilities.
    """

    select: ClassVar[Literal["loss", "accuracy"]] = "loss"

    @abstractmethod
    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        """Make the head for the votes to train on and a network with so many features.

        Raises
        ------
        ParameterError
            The model would be too large.
        """


STRATEGIES: Registry[type[EndToEnd]] = Registry(
    "end-to-end strategy", "peerannot.learning.strategies"
)


def make_strategy(spec: str | EndToEnd) -> tuple[EndToEnd, str]:
    """A strategy from ``"CoNAL[scale=1e-4]"``, and the text that names it in files.

    Raises
    ------
    ParameterError
        The name or an option is unknown, or a value is out of its range.
    """
    if isinstance(spec, EndToEnd):
        return spec, spec.name
    return STRATEGIES.build(spec), spec.strip()


def rows_of(table: Tensor, index: Tensor) -> Tensor:
    """``table[index]`` along the first axis.

    As an embedding, whose gradient is summed in a fixed order on the CPU: plain indexing sums
    in the order in which threads come.
    """
    flat = F.embedding(index, table.reshape(len(table), -1))
    return flat.view(len(index), *table.shape[1:])


def vote_loss(scores: Tensor, votes: BatchVotes) -> Tensor:
    """Mean over the votes of the cross entropy of each with the softmax of its scores.

    Zero where a batch has no vote, so that it trains nothing.
    """
    if not len(votes.label):
        return scores.sum() * 0
    return F.cross_entropy(scores, votes.label)


def refuse_if_large(name: str, n_workers: int, per_worker: int, advice: str) -> None:
    """Refuse a model of too many worker parameters before it is allocated."""
    if n_workers * per_worker > _MOST_PARAMETERS:
        gigabytes = 4 * n_workers * per_worker / 1e9
        raise ParameterError(
            f"{name} needs {per_worker} parameters for each of {n_workers} workers"
            f" ({gigabytes:.1f} GB before gradients); {advice}"
        )


def mean_diagonal(confusion: Tensor) -> NDArray[np.float64]:
    """Mean over classes of the probability of the right answer, (n_workers,)."""
    diagonal = confusion.diagonal(dim1=-2, dim2=-1).mean(dim=-1)
    return to_numpy(diagonal)


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    """A detached copy in double precision."""
    with torch.no_grad():
        return tensor.detach().to("cpu", torch.float64, copy=True).numpy()
