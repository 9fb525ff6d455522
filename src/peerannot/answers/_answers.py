"""`Answers`: three aligned integer arrays sorted by task, and three vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot.answers._coding import code_ids, ids_kept
from peerannot.answers._duplicates import DuplicatePolicy, in_order
from peerannot.answers._mapping import columns_of_mapping
from peerannot.answers.digest import digest_of
from peerannot.answers.html import SHOWN, answers_html
from peerannot.answers.ids import Ids
from peerannot.answers.labels import (
    Meaning,
    as_values,
    class_code,
    code_labels,
    rows_with_label,
    take,
)
from peerannot.errors import DataError

__all__ = ["Answers"]

MOST_WEIGHT = 1e12  # products and sums of any number of them stay far from overflow


@dataclass(frozen=True, eq=False, repr=False)
class Answers:
    """Answers of workers about tasks.

    Build one with `from_arrays`, `from_mapping`, or a reader of the dataset folder; the
    constructor takes what is already coded and in order.

    Attributes
    ----------
    task, worker, label : int32 arrays (n_answers,)
        Positions in the vocabularies, read-only, in order of (task, worker).
    tasks, workers, classes : Ids
        Vocabularies. A task without answers stays a task.
    weight : float64 array (n_answers,) or None
        Weight of each answer, from 0 to 1e12; None means 1.
    """

    task: NDArray[np.int32]
    worker: NDArray[np.int32]
    label: NDArray[np.int32]
    tasks: Ids
    workers: Ids
    classes: Ids
    weight: NDArray[np.float64] | None = field(default=None)

    def __post_init__(self) -> None:
        n = self.task.size
        for name, size in (("task", self.tasks), ("worker", self.workers), ("label", self.classes)):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.int32)
            if array.shape != (n,):
                raise DataError(f"answers: task, worker and label differ in length at {name}")
            if n and (int(array.min()) < 0 or int(array.max()) >= len(size)):
                raise DataError(f"answers: a {name} code is outside 0..{len(size) - 1}")
            object.__setattr__(self, name, _read_only(array))
        if self.weight is not None:
            weight = np.ascontiguousarray(self.weight, dtype=np.float64)
            if weight.shape != (n,) or not np.isfinite(weight).all() or (weight < 0).any():
                raise DataError("answers: weights must be one finite number >= 0 per answer")
            if (weight > MOST_WEIGHT).any():
                raise DataError(
                    f"answers: a weight of {weight.max():g} is over {MOST_WEIGHT:g}, the most that"
                    " is counted; divide all weights by the largest"
                )
            object.__setattr__(self, "weight", _read_only(weight))
        if n and bool((np.diff(self.task) < 0).any()):
            raise DataError("answers: rows must be in order of task; use Answers.from_arrays")

    @classmethod
    def from_arrays(
        cls,
        task: Iterable[Any],
        worker: Iterable[Any],
        label: Iterable[Any],
        weight: ArrayLike | None = None,
        *,
        tasks: Iterable[str] | None = None,
        workers: Iterable[str] | None = None,
        classes: Iterable[Any] | int | None = None,
        labels: Meaning | None = None,
        duplicates: DuplicatePolicy = "last",
    ) -> Answers:
        """Build answers from three sequences, one row an answer, in any order.

        Parameters
        ----------
        task, worker
            Ids; whatever their type, they become strings.
        label
            Texts are names of classes. Whole numbers are names where ``classes`` are given as
            numbers or not at all, and positions in ``classes`` where these are texts or a number.
            What is missing (None, NaN, "", and texts as "NA" that pandas and R write for it and
            that are no class) is left out with a `DataWarning`; its task stays a task.
        weight
            Weight of each answer, finite and not negative.
        tasks, workers
            Vocabularies, where some tasks have no answers or the order matters; by default the
            ids that occur, whole numbers by value, then text.
        classes
            Number of classes (labels are then 0..K-1), or class names in order; by default the
            labels that occur, in the order of `Ids.of_classes`.
        labels
            Whether whole numbers are ``"codes"``, positions in ``classes``, or ``"names"``,
            whatever the type of ``classes``.
        duplicates
            What to do when a worker answers a task more than once: keep the ``"last"`` or
            ``"first"`` row, keep ``"all"``, or raise an ``"error"``. Exact repeats are dropped
            unless ``"all"``.

        Raises
        ------
        DataError
            A label is unknown, or a row is a duplicate under ``"error"``.

        Examples
        --------
        >>> Answers.from_arrays(["a", "a", "b"], [1, 2, 1], ["cat", "dog", "dog"])
        Answers(2 tasks, 2 workers, 2 classes, 3 answers)
        """
        task_code, task_ids = code_ids(task, tasks, "task")
        who, given = as_values(worker), as_values(label)
        if not task_code.size == len(who) == len(given):
            raise DataError(
                "answers: task, worker and label differ in length:"
                f" {task_code.size}, {len(who)}, {len(given)}"
            )
        weights = None if weight is None else np.asarray(weight, dtype=np.float64)
        if classes is not None and not isinstance(classes, int | Ids):
            classes = list(classes)
        rows = rows_with_label(given, classes)
        if rows is not None:
            if weights is not None and weights.shape == task_code.shape:
                weights = weights[rows]
            task_code, who, given = task_code[rows], take(who, rows), take(given, rows)
        worker_code, worker_ids = code_ids(who, workers, "worker")
        label_code, class_ids = code_labels(given, classes, labels)
        return cls.from_codes(
            task_code, worker_code, label_code, task_ids, worker_ids, class_ids, weights, duplicates
        )

    @classmethod
    def from_mapping(
        cls,
        votes: Mapping[Any, Mapping[Any, Any]],
        *,
        classes: Iterable[Any] | int | None = None,
        labels: Meaning | None = None,
        where: str = "answers",
    ) -> Answers:
        """Build answers from ``{task: {worker: label}}``, the dataset's format.

        Labels, missing ones too, ``classes`` and ``labels`` are as `from_arrays` has them.
        ``where`` is the file that messages name. Cost: linear, half a second a million answers.

        Raises
        ------
        DataError
            A task is not a mapping, or a label is of a wrong type or out of range;
            the message has the task and the worker.
        """
        return cls.from_codes(*columns_of_mapping(votes, classes, labels, where))

    @classmethod
    def from_codes(
        cls,
        task: NDArray[np.int32],
        worker: NDArray[np.int32],
        label: NDArray[np.int32],
        tasks: Ids,
        workers: Ids,
        classes: Ids,
        weight: NDArray[np.float64] | None = None,
        duplicates: DuplicatePolicy = "last",
        *,
        repeats: dict[str, int] | None = None,
    ) -> Answers:
        """Build answers from positions in vocabularies, one row an answer, in any order.

        Parameters
        ----------
        task, worker, label, tasks, workers, classes, weight
            As the attributes of `Answers`.
        duplicates
            As `from_arrays` has it.
        repeats
            For callers that tell of them: it gets the rows beside the first of a worker to a
            task, ``exact`` (a label given to the task before) and ``contradicting``; by default
            a `DataWarning` tells of the latter.

        Raises
        ------
        DataError
            A row is a duplicate under ``"error"``.
        """
        columns = in_order(
            task, worker, label, weight, tasks, workers, classes, duplicates, repeats=repeats
        )
        return cls(*columns[:3], tasks, workers, classes, columns[3])

    @classmethod
    def empty(cls, tasks: Ids, workers: Ids, classes: Ids) -> Answers:
        """No answers, for what asks `Answers` for their vocabularies."""
        nothing = np.empty(0, np.int32)
        return cls(nothing, nothing, nothing, tasks, workers, classes)

    @property
    def n_tasks(self) -> int:
        return len(self.tasks)

    @property
    def n_workers(self) -> int:
        return len(self.workers)

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def n_answers(self) -> int:
        return int(self.task.size)

    @cached_property
    def task_ptr(self) -> NDArray[np.int64]:
        """Answers of task ``i`` are rows ``task_ptr[i]:task_ptr[i + 1]``; int64 (n_tasks + 1,)."""
        from peerannot.answers import _order

        return _read_only(_order.starts(self.task, self.n_tasks))

    @cached_property
    def answers_per_task(self) -> NDArray[np.int64]:
        """Number of answers of each task, int64 (n_tasks,)."""
        return _read_only(np.diff(self.task_ptr))

    @cached_property
    def answers_per_worker(self) -> NDArray[np.int64]:
        """Number of answers of each worker, int64 (n_workers,)."""
        from peerannot.answers import _order

        return _read_only(np.diff(_order.starts(self.worker, self.n_workers)))

    def rows_by_worker(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in order of worker, int64 (n_answers,), and where each worker's begin among them,
        int64 (n_workers + 1,)."""
        order = np.argsort(self.worker, kind="stable")
        return order, np.concatenate(([0], np.cumsum(self.answers_per_worker))).astype(np.int64)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each answer, read-only float64 (n_answers,).

        Where none are given it is one 1 seen n_answers times, which takes no memory.
        """
        one = np.float64(1.0)
        return np.broadcast_to(one, self.n_answers) if self.weight is None else self.weight

    @cached_property
    def loop_weights(self) -> NDArray[np.float64]:
        """Weights as compiled loops take them: (n_answers,), or (0,) where none are given.

        Read-only either way, so that loops compile once.
        """
        return _read_only(np.empty(0) if self.weight is None else self.weight)

    @property
    def total_weight(self) -> float:
        """Sum of the weights; the number of answers where none are given."""
        return float(self.n_answers if self.weight is None else self.weight.sum())

    @cached_property
    def weight_per_task(self) -> NDArray[np.float64]:
        """Sum of the weights of each task's answers, float64 (n_tasks,)."""
        total = np.bincount(self.task, self.weight, self.n_tasks)
        return _read_only(total.astype(np.float64, copy=False))

    @cached_property
    def weight_per_worker(self) -> NDArray[np.float64]:
        """Sum of the weights of each worker's answers, float64 (n_workers,)."""
        total = np.bincount(self.worker, self.weight, self.n_workers)
        return _read_only(total.astype(np.float64, copy=False))

    def class_code(self, label: Any) -> int:
        """Position of a class given by its name (a text) or its position (an int); -1 if none."""
        return class_code(label, self.classes)

    def digest(self) -> str:
        """SHA-256 of the content, the same whatever the order or the format of the source."""
        arrays = (self.task, self.worker, self.label, self.weight)
        columns = (None if array is None else (array,) for array in arrays)
        return digest_of(columns, (self.tasks, self.workers, self.classes))

    def rows(self, kept: NDArray[Any] | slice) -> Answers:
        """Some of these answers; tasks, workers and classes stay.

        Parameters
        ----------
        kept
            A mark of each answer, bool (n_answers,), positions in order, or a slice.
        """
        return Answers(
            self.task[kept], self.worker[kept], self.label[kept], self.tasks, self.workers,
            self.classes, None if self.weight is None else self.weight[kept],
        )  # fmt: skip

    def of_tasks(self, positions: NDArray[Any]) -> Answers:
        """The answers to some tasks, which are numbered anew; workers and classes stay.

        Parameters
        ----------
        positions
            Whole numbers, in any order. A task listed twice is two tasks; as ids must be
            distinct, tasks are named by their place then.
        """
        positions = np.asarray(positions, dtype=np.int64)
        size = self.answers_per_task[positions]
        first = np.cumsum(size) - size
        rows = np.arange(size.sum()) - np.repeat(first - self.task_ptr[positions], size)
        task = np.repeat(np.arange(positions.size, dtype=np.int32), size)
        distinct = bool((np.bincount(positions, minlength=self.n_tasks) < 2).all())
        return Answers(
            task, self.worker[rows], self.label[rows],
            self.tasks.take(positions) if distinct else Ids(int(positions.size)), self.workers,
            self.classes, None if self.weight is None else self.weight[rows],
        )  # fmt: skip

    def without_tasks(self, removed: Iterable[str]) -> Answers:
        """These answers without some tasks; workers and classes stay.

        Raises
        ------
        DataError
            A task is not one of these.
        """
        return self.of_tasks(np.flatnonzero(ids_kept(self.tasks, removed, "tasks")))

    def without_workers(self, removed: Iterable[str]) -> Answers:
        """These answers without those of some workers; tasks and classes stay.

        Raises
        ------
        DataError
            A worker is not one of these.
        """
        keep = ids_kept(self.workers, removed, "workers")
        code = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        own, workers = self.rows(keep[self.worker]), self.workers.take(np.flatnonzero(keep))
        return Answers(
            own.task, code[own.worker], own.label, own.tasks, workers, own.classes, own.weight
        )

    def weighted(self, weight: NDArray[np.float64] | None) -> Answers:
        """The same answers with other weights."""
        return Answers(
            self.task, self.worker, self.label, self.tasks, self.workers, self.classes, weight
        )

    def __len__(self) -> int:
        return self.n_answers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answers) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def _repr_html_(self) -> str:
        first = zip(self.task[:SHOWN], self.worker[:SHOWN], self.label[:SHOWN], strict=True)
        rows = [
            (self.tasks[int(i)], self.workers[int(j)], self.classes[int(k)]) for i, j, k in first
        ]
        sizes = (self.n_answers, self.n_workers, self.n_tasks, self.n_classes)
        return answers_html(rows, *sizes)

    def __repr__(self) -> str:
        return (
            f"Answers({self.n_tasks} tasks, {self.n_workers} workers,"
            f" {self.n_classes} classes, {self.n_answers} answers)"
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
