"""Answers in partitions of tasks, and the one way in which strategies work on them.

A strategy sends a function and the parameters of its iteration to every partition, and gets back
sums. It never sees a task: what belongs to a task stays with its partition. The partitions may
be in this process (`LocalParts`; one for all answers of a fit in memory), in files
(`peerannot.aggregation.partitions.mapped`) or on a cluster (`peerannot.distributed._dask`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers, Ids, only_class

if TYPE_CHECKING:
    from peerannot.aggregation.passes.confusions import Pairs

__all__ = [
    "LocalParts",
    "Part",
    "Parts",
    "Shape",
    "Size",
    "Work",
    "add_pairwise",
    "in_place",
    "size_of",
    "stream",
]

S = TypeVar("S")


@dataclass(frozen=True)
class Shape:
    """What is known of all answers together.

    Attributes
    ----------
    n_tasks, n_answers : int
    workers, classes : Ids
        In the order of one machine; every partition is coded with them.
    weighted : bool
        Whether answers have weights.
    started : bool
        Whether a posterior to start from is given.
    """

    n_tasks: int
    n_answers: int
    workers: Ids
    classes: Ids
    weighted: bool = False
    started: bool = False


@dataclass
class Part:
    """The answers of some tasks.

    Attributes
    ----------
    index : int
        Number of the partition.
    first_task : int
        Tasks of the partitions before this one.
    answers : Answers
        Tasks of this partition; workers and classes of all.
    gold : int32 array (n_tasks of the partition,)
        Known classes, -1 for unknown; a task of several accepted classes has none.
    shape : Shape
    kept : Any
        What the model keeps with the tasks between iterations (see `Parts.advance`): None, an
        array, or a tuple of arrays. The engine saves it with checkpoints.
    start : float64 array (n_tasks of the partition, n_classes) or None
        Posterior to start from.
    pairs : Pairs or None
        (Worker, label) pairs of all partitions, with those of the answers of this one, where
        they are known beforehand.
    accepted : int32 array (n_tasks of the partition, m) or None
        The classes that count as right, see `peerannot.answers.gold_classes`; None where they
        are those of ``gold``.
    alone : bool
        Whether nobody else holds what is kept, so that it may be written over.
    """

    index: int
    first_task: int
    answers: Answers
    gold: NDArray[np.int32]
    shape: Shape
    kept: Any = None
    start: NDArray[np.float64] | None = None
    pairs: Pairs | None = None
    accepted: NDArray[np.int32] | None = None
    alone: bool = False
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    def __sizeof__(self) -> int:
        # A scheduler weighs by this whether to move a partition or the work.
        return 16 * self.answers.n_answers + 24 * self.answers.n_tasks

    def know(self, accepted: NDArray[np.int32]) -> None:
        """Take the accepted classes of the tasks."""
        self.gold, self.accepted = only_class(accepted), accepted

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Something that follows from the answers alone, made once where the partition is."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @property
    def is_all(self) -> bool:
        """Whether there is no other partition."""
        return self.answers.n_tasks == self.shape.n_tasks


# A function of the partition and of parameters. It must be a plain function of a module, and
# depend on nothing else, so that a partition that is lost can be worked out again.
Work = Callable[..., Any]


class Parts(Protocol):
    """Partitions of tasks."""

    @property
    def shape(self) -> Shape: ...

    @property
    def pairs(self) -> Pairs | None:
        """The (worker, label) pairs that occur, without those of answers, where known."""

    def __len__(self) -> int: ...

    def sum(self, work: Work, *given: Any) -> tuple[Any, ...]:
        """``work(part, *given)`` of all partitions: tuples of arrays and numbers, added up.

        They are added pairwise in an order that depends on the number of partitions alone.
        """

    def advance(self, work: Work, *given: Any) -> tuple[Any, ...]:
        """As `sum`, of ``work(part, *given) -> (kept, sums)``; ``kept`` replaces ``part.kept``."""

    def chain(self, work: Work, state: Any, *given: Any) -> Any:
        """``state = work(part, state, *given)`` through the partitions in order of task."""


def add_pairwise(results: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Tuples of arrays and numbers, added in a tree."""
    level = list(results)
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [
            tuple(a + b for a, b in zip(*pair, strict=True)) if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return level[0]


class LocalParts:
    """Partitions in this process."""

    pairs = None

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)

    @classmethod
    def whole(
        cls,
        answers: Answers,
        gold: NDArray[np.int32],
        start: NDArray[np.float64] | None = None,
        accepted: NDArray[np.int32] | None = None,
    ) -> LocalParts:
        """Answers as they are, in one partition."""
        shape = _shape(answers, start)
        part = Part(0, 0, answers, gold, shape, start=start, accepted=accepted, alone=True)
        return cls([part])

    @classmethod
    def of(
        cls,
        answers: Answers,
        n: int,
        gold: NDArray[np.int32] | None = None,
        start: NDArray[np.float64] | None = None,
    ) -> LocalParts:
        """Answers in n partitions with about equal numbers of tasks."""
        shape = _shape(answers, start)
        known = np.full(answers.n_tasks, -1, np.int32) if gold is None else gold
        bounds = np.linspace(0, answers.n_tasks, n + 1).astype(np.int64)
        parts = []
        for i, (low, high) in enumerate(pairwise(bounds)):
            own = answers.of_tasks(np.arange(low, high))
            begin = None if start is None else start[low:high]
            parts.append(Part(i, int(low), own, known[low:high], shape, start=begin))
        return cls(parts)

    @property
    def shape(self) -> Shape:
        return self.parts[0].shape

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def sum(self, work: Work, *given: Any) -> tuple[Any, ...]:
        return add_pairwise([work(part, *given) for part in self.parts])

    def advance(self, work: Work, *given: Any) -> tuple[Any, ...]:
        each = []
        for part in self.parts:
            part.kept, sums = work(part, *given)
            each.append(sums)
        return add_pairwise(each)

    def chain(self, work: Work, state: Any, *given: Any) -> Any:
        for part in self.parts:
            state = work(part, state, *given)
        return state


def _shape(answers: Answers, start: Any) -> Shape:
    return Shape(
        answers.n_tasks, answers.n_answers, answers.workers, answers.classes,
        answers.weight is not None, start is not None,
    )  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How many answers there are in all partitions, for what asks `Answers` for it.

    Attributes
    ----------
    n_answers : int
    total_weight : float
        Sum of the weights of all answers.
    """

    n_answers: int
    total_weight: float


def size_of(parts: Parts) -> Size:
    """One pass where answers have weights."""
    shape = parts.shape
    total = parts.sum(_total_weight)[0] if shape.weighted else shape.n_answers
    return Size(shape.n_answers, float(total))


def _total_weight(part: Part) -> tuple[float]:
    return (part.answers.total_weight,)


def stream(part: Part, seed: int) -> Any:
    """Draws for ties among the tasks of one partition, as for all tasks at once.

    One number is drawn a task; the stream begins where the partition does. It goes on with every
    draw: take a fresh one for each. It stands for a seed wherever ties are drawn.
    """
    generator = np.random.PCG64(seed)
    generator.advance(part.first_task)
    return np.random.Generator(generator)


def in_place(strategy: S, part: Part) -> S:
    """The strategy as it draws once for the tasks of a partition, see `stream`."""
    options: Any = strategy
    drawn: S = replace(options, seed=stream(part, options.seed))
    return drawn
