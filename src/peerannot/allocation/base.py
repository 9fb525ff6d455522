"""The contract of a policy: what one more answer to a task is worth, given who answers.

A policy either measures a gain that depends on the worker (`GainPolicy`), from the posterior of the
task and the worker's confusion matrix, or puts tasks in an order (`OrderPolicy`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from peerannot._options import Options
from peerannot._registry import Named
from peerannot.aggregation import Result
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["GainPolicy", "OrderPolicy", "Policy", "Tasks"]

CELLS = 2**18  # of the posterior at a time, so that temporaries stay in the cache
LEAST_WIDTH = 16  # classes that a task without answers may be of, where rows are narrow
WIDTH = 32  # likeliest classes of a dense row that are looked at, where rows are narrow


@dataclass(frozen=True, eq=False)
class Tasks:
    """What is known of the tasks.

    Attributes
    ----------
    result : Result
    n_answers : int64 array (n_tasks,)
    confidence, entropy : float64 array (n_tasks,)
        Probability of the label; entropy in nats.
    answers : Answers or None
        Who answered what, where it is known.
    probabilities : float64 array (n_models, n_tasks, n_classes) or None
        What classifiers say of the tasks.
    narrow : bool
        Rows hold some classes of each task in any order, and who answers errs alike in all
        others: of a sparse posterior those that have a probability, of a dense one the 32
        likeliest, taken to be all.
    """

    result: Result
    answers: Answers | None = None
    probabilities: NDArray[np.float64] | None = None
    narrow: bool = False
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def n_answers(self) -> NDArray[np.int64]:
        return self.result.n_answers

    @property
    def confidence(self) -> NDArray[np.float64]:
        return self.result.confidence

    @property
    def entropy(self) -> NDArray[np.float64]:
        return self.result.entropy

    @cached_property
    def total(self) -> int:
        """Number of answers to all."""
        return int(self.n_answers.sum())

    @property
    def n_classes(self) -> int:
        return len(self.result.classes)

    @cached_property
    def width(self) -> int:
        """Length of a row of the posterior: the number of classes, less where rows are narrow."""
        if not self.narrow:
            return self.n_classes
        if isinstance(self.result.posterior, np.ndarray):
            return min(self.n_classes, WIDTH)
        named = int(np.diff(self.result.posterior.indptr).max(initial=0))
        return min(self.n_classes, max(LEAST_WIDTH, named))

    @property
    def is_dense(self) -> bool:
        return isinstance(self.result.posterior, np.ndarray)

    def __len__(self) -> int:
        return len(self.result.tasks)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What a policy needs of all tasks, made the first time."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def posterior(self, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rows of the posterior, (n, width); uniform where a sparse row is empty."""
        posterior = self.result.posterior
        if isinstance(posterior, np.ndarray):
            rows = np.asarray(posterior[at], np.float64)
            if self.width < self.n_classes:
                rows = np.partition(rows, -self.width, axis=1)[:, -self.width :]
                rows = rows / rows.sum(1, keepdims=True)
            return rows
        if self.width < self.n_classes:
            return packed(posterior, at, self.width)
        rows = posterior[at].toarray()
        rows[rows.sum(1) <= 0] = 1.0 / self.n_classes
        return np.asarray(rows, np.float64)

    def blocks(self, at: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
        """`posterior`, some rows at a time."""
        size = max(1, CELLS // max(self.n_classes if self.is_dense else self.width, 1))
        for i in range(0, len(at), size):
            yield self.posterior(at[i : i + size])


def packed(rows: Any, at: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """What some rows of a sparse matrix hold, to the left, (n, width); uniform where it is
    nothing."""
    start = rows.indptr[at].astype(np.int64)
    n = rows.indptr[at + 1] - start
    row = np.repeat(np.arange(len(at)), n)
    place = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    found = np.zeros((len(at), width))
    found[row, place] = rows.data[np.repeat(start, n) + place]
    found[found.sum(1) <= 0] = 1.0 / width
    return found


@dataclass(frozen=True, kw_only=True)
class Policy(Named, Options, ABC):
    """Base of all policies. Options are fields; nothing is changed.

    Values are compared among tasks (and, per cost, among workers): the largest goes first.
    """

    by_worker: ClassVar[bool]
    """Whether the value depends on who answers."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What of `Tasks` it cannot be without: ``"answers"``, ``"probabilities"``."""
    nothing_left: ClassVar[str] = "no gain left"
    """Why a task is done where even the answer of one who knows has no value."""
    unit: ClassVar[str]
    """What the column ``gain`` is in; empty where the policy is an order alone."""

    def seeded(self, seed: int) -> Self:
        """The policy with another seed, where it draws anything."""
        changed: Self = self
        if hasattr(self, "seed"):
            changed = replace(self, seed=seed)  # type: ignore[call-arg]
        return changed

    def need_skills(self, strategy: str, *, there: bool) -> None:
        """Refuse a strategy that does not say how workers answer, where the value depends on it.

        Raises
        ------
        ParameterError
        """
        if self.by_worker and not there:
            raise ParameterError(
                f"{self.name} needs skills of workers, which {strategy} does not estimate; take"
                " a strategy that does (one-coin, DS), or the policy entropy"
            )

    @abstractmethod
    def first(
        self, tasks: Tasks, at: NDArray[np.int64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Value of one answer to each of the tasks ``at``.

        Parameters
        ----------
        channel
            Confusion matrix (n_classes true, n_classes answered) of who answers; an order has
            no use for it. Where rows of the posterior are narrow it is of as many classes, and
            has a last column for all other answers.
        """

    @abstractmethod
    def most(self, tasks: Tasks, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Value that no answer to each of the tasks ``at`` exceeds."""

    @abstractmethod
    def second(
        self, tasks: Tasks, at: NDArray[np.int64], channel: NDArray[np.float64],
        channels: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        """Value of one more answer to each of the tasks ``at`` once one is asked of who has
        ``channel``, by who may give it: ``channels`` (m, n_classes, n_classes) to (m, n)."""

    @abstractmethod
    def again(
        self, tasks: Tasks, task: int, pending: int, outcomes: NDArray[np.float64],
        channels: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        """Value of one more answer to a task with answers that are asked for, not yet given.

        Parameters
        ----------
        pending
            Number of these.
        outcomes
            Joint probability of what they may be and of each class, (n_outcomes, n_classes).
        channels
            Confusion matrices of who may answer, (n, n_classes, n_classes); (n,) values come back.
        """

    @abstractmethod
    def most_again(
        self, tasks: Tasks, task: int, pending: int, outcomes: NDArray[np.float64]
    ) -> float:
        """Value that `again` does not exceed, whoever answers."""

    @abstractmethod
    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        """Why a task is asked, in a few words."""


@dataclass(frozen=True, kw_only=True)
class OrderPolicy(Policy):
    """An order of tasks, whoever answers."""

    by_worker: ClassVar[bool] = False
    unit: ClassVar[str] = ""

    @abstractmethod
    def score(self, tasks: Tasks, at: NDArray[np.int64], pending: int) -> NDArray[np.float64]:
        """Place of the tasks ``at`` in the order, the largest first, with answers pending."""

    def first(self, tasks: Tasks, at: NDArray[np.int64], channel: Any) -> NDArray[np.float64]:
        return self.score(tasks, at, 0)

    def most(self, tasks: Tasks, at: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.score(tasks, at, 0)

    def second(
        self, tasks: Tasks, at: NDArray[np.int64], channel: Any, channels: Any
    ) -> NDArray[np.float64]:
        return np.tile(self.score(tasks, at, 1), (len(channels), 1))

    def again(
        self, tasks: Tasks, task: int, pending: int, outcomes: Any, channels: Any
    ) -> NDArray[np.float64]:
        return np.repeat(self.score(tasks, np.array([task]), pending), len(channels))

    def most_again(self, tasks: Tasks, task: int, pending: int, outcomes: Any) -> float:
        return float(self.score(tasks, np.array([task]), pending)[0])


@dataclass(frozen=True, kw_only=True)
class GainPolicy(Policy):
    """A gain that depends on the worker.

    Both methods take rows that need not sum to 1, and are of degree 1 in them: of the joint
    probabilities of an outcome and each class they give the gain times the outcome's probability.
    """

    by_worker: ClassVar[bool] = True
    by_skill: ClassVar[bool] = True
    """Whether, of two workers who err alike in all classes, no answer of the one who is right less
    often (and not less than a guess) has more value: nobody is then asked before a better one."""

    @abstractmethod
    def gain(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Gain of one answer: (n, n_classes), (..., n_classes, n_answers) to (..., n).

        There may be one answer more than classes, which stands for all answers that are none of
        them, see `Policy.first`."""

    @abstractmethod
    def perfect(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gain of the answer of one who knows: (n, n_classes) to (n,)."""

    def skills(
        self, skill: NDArray[np.float64], n_answers: NDArray[np.int64], n_classes: int
    ) -> NDArray[np.float64] | None:
        """Skills to reckon with, of workers who err alike in all classes, (n_workers,); None, the
        default, for the confusion matrices that are known.

        Parameters
        ----------
        skill
            Probability that each worker is right, the mean over the classes.
        n_answers
            Answers of each worker.
        """
        return None

    def value(
        self, posterior: NDArray[np.float64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What is compared: the gain, unless ties are to be broken."""
        return self.gain(posterior, channel)

    def most_value(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        """`value` of the answer of one who knows."""
        return self.perfect(posterior)

    def first(
        self, tasks: Tasks, at: NDArray[np.int64], channel: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        parts = [self.value(rows, channel) for rows in tasks.blocks(at)]
        return np.concatenate(parts) if parts else np.empty(0)

    def most(self, tasks: Tasks, at: NDArray[np.int64]) -> NDArray[np.float64]:
        parts = [self.most_value(rows) for rows in tasks.blocks(at)]
        return np.concatenate(parts) if parts else np.empty(0)

    def second(
        self, tasks: Tasks, at: NDArray[np.int64], channel: NDArray[np.float64],
        channels: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        n, answers = len(at), channel.shape[-1]
        size = max(1, CELLS // max(tasks.width * answers, 1))
        found = np.empty((len(channels), n))
        for i in range(0, n, size):
            rows = tasks.posterior(at[i : i + size])
            outcomes = (rows[:, None, :] * channel.T[None]).reshape(-1, rows.shape[1])
            for j, one in enumerate(channels):
                values = self.value(outcomes, one).reshape(len(rows), answers)
                found[j, i : i + size] = values.sum(1)
        return found

    def again(
        self, tasks: Tasks, task: int, pending: int, outcomes: NDArray[np.float64],
        channels: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        size = max(1, CELLS // outcomes.size)
        parts = [
            self.value(outcomes, channels[i : i + size]).sum(-1)
            for i in range(0, len(channels), size)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def most_again(
        self, tasks: Tasks, task: int, pending: int, outcomes: NDArray[np.float64]
    ) -> float:
        return float(self.most_value(outcomes).sum())

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        return f"label {tasks.confidence[task]:.2f} sure, {tasks.n_answers[task]} answers"
