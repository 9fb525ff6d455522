"""The contract of a model on partitions, and the table of strategies that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from peerannot._options import check
from peerannot._progress import Progress
from peerannot._registry import import_siblings
from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, Work
from peerannot.aggregation.support import Support, clamped, is_dense, posterior_of
from peerannot.aggregation.ties import Ties, label_rows
from peerannot.errors import ParameterError

__all__ = [
    "Fitted",
    "Model",
    "Size",
    "Written",
    "confidence_of",
    "distributes",
    "in_place",
    "model_of",
    "size_of",
    "stream",
    "told",
    "told_as_held",
]

S = TypeVar("S", bound=Strategy)

# Labels int32 (n,), confidence (n,) and posterior (n, n_classes) of the tasks of a partition.
Written = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Fitted:
    """What was fitted on partitions.

    Attributes
    ----------
    fit : Fit
        What is known of workers and classes; ``posterior`` is None.
    write : Work
        ``write(part, *given)`` is labels int32 (n,), confidence (n,) and posterior (n,
        n_classes) of the tasks of a partition.
    given : tuple
    """

    fit: Fit
    write: Work
    given: tuple[Any, ...]


class Model(Protocol):
    """Fits strategies on partitions of tasks."""

    def check(self, strategy: Any) -> None:
        """Raise `ParameterError` where an option needs all tasks in one place."""

    def fit(
        self, strategy: Any, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        """Fit; only sums over tasks leave the partitions."""


_MODELS: dict[type[Strategy], Model] = {}


def distributes(*strategies: type[Strategy]) -> Callable[[type[Model]], type[Model]]:
    """Class decorator: the model of these strategies, by exact type."""

    def enter(model: type[Model]) -> type[Model]:
        _MODELS.update(dict.fromkeys(strategies, model()))
        return model

    return enter


def model_of(strategy: Strategy) -> Model:
    """The model that fits a strategy on partitions.

    Raises
    ------
    ParameterError
        An option is out of range, or the strategy needs all tasks in one place, by itself or
        with these options.
    """
    import_siblings("peerannot.aggregation.partitions")
    check(strategy)
    model = _MODELS.get(type(strategy))
    if model is None:
        names = ", ".join(sorted(known.name for known in _MODELS))
        raise ParameterError(
            f"{strategy.name} does not distribute, it needs all tasks in one place; choose {names}"
        )
    model.check(strategy)
    return model


@dataclass(frozen=True)
class Size:
    """How many answers there are in all partitions, for what asks `Answers` for it.

    Attributes
    ----------
    n_answers : int
    weight : float64 array (1,) or None
        Sum of the weights of all answers; None where all are 1.
    """

    n_answers: int
    weight: Any


def size_of(parts: Parts) -> Size:
    """One pass where answers have weights."""
    shape = parts.shape
    total = parts.sum(_total_weight) if shape.weighted else None
    return Size(shape.n_answers, None if total is None else np.array(total))


def _total_weight(part: Part) -> tuple[float]:
    weight = part.answers.weight
    return (0.0 if weight is None else float(weight.sum()),)


def confidence_of(posterior: Any) -> Any:
    """Largest probability of each row of a posterior, dense or CSR, (n,)."""
    if isinstance(posterior, np.ndarray):
        return posterior.max(1)
    return posterior.max(axis=1).toarray().ravel()


def told(part: Part, ties: Ties, seed: int, posterior: Any) -> Written:
    """Labels and confidence of a posterior of the tasks of a partition."""
    labels = label_rows(posterior, ties, stream(part, seed))
    return labels, confidence_of(posterior), posterior


def told_as_held(part: Part, ties: Ties, seed: int, support: Support, posterior: Any) -> Written:
    """As `told`, of a posterior that one machine may hold sparse.

    Where the posterior of all tasks is too large to be dense, one machine has it on the labels
    that a task received, scaled to 1. A part of it may well be dense; it must say the same.
    """
    answers = part.answers
    if is_dense(part.shape.n_tasks, answers.n_classes) or not isinstance(posterior, np.ndarray):
        return told(part, ties, seed, posterior)
    share = support.shares(support.values(posterior))
    held = clamped(posterior_of(support, share, answers.n_classes), part.gold)
    labels, confidence, _ = told(part, ties, seed, held)
    idle = (answers.answers_per_task == 0) & (part.gold < 0)
    return np.where(idle, np.int32(-1), labels).astype(np.int32), confidence, held


def stream(part: Part, seed: int) -> Any:
    """Draws for ties among the tasks of one partition, as one machine makes them.

    One number is drawn a task; the stream begins where the partition does. It goes on with every
    draw: take a fresh one for each. It stands for a seed wherever ties are drawn.
    """
    generator = np.random.PCG64(seed)
    generator.advance(part.first_task)
    return np.random.Generator(generator)


def in_place(strategy: S, part: Part) -> S:
    """The strategy as it draws once for the tasks of a partition, see `stream`."""
    return replace(strategy, seed=stream(part, strategy.seed))
