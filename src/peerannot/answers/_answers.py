"""`Answers`: three aligned integer arrays sorted by task, and three vocabularies."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers._ids import DIGITS_LOST, Ids
from peerannot.answers._labels import (
    BadLabel,
    Meaning,
    as_texts,
    as_values,
    class_code,
    code_labels,
    kind_of,
    rows_with_label,
)
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Answers", "DuplicatePolicy", "check_answers"]

DuplicatePolicy = Literal["last", "first", "all", "error"]

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
        task_code, task_ids = _code(task, tasks, "task")
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
            task_code, who, given = task_code[rows], _take(who, rows), _take(given, rows)
        worker_code, worker_ids = _code(who, workers, "worker")
        label_code, class_ids = code_labels(given, classes)
        return cls._ordered(
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

        Labels, missing ones too, and ``classes`` are as `from_arrays` has them;
        ``labels="names"`` says that numbers are names of classes whatever the type of
        ``classes``, ``labels="codes"`` that they are positions. ``where`` is the file that
        messages name. Cost: linear, about half a second a million answers.

        Raises
        ------
        DataError
            A task is not a mapping, or a label is of a wrong type or out of range;
            the message has the task and the worker.
        """
        if not isinstance(votes, Mapping):
            raise DataError(f"{where}: expected {{task: {{worker: label}}}}, not a list or a value")
        rows = list(votes.values())
        if set(map(type, rows)) != {dict} and any(not isinstance(row, Mapping) for row in rows):
            task = next(t for t, row in votes.items() if not isinstance(row, Mapping))
            raise DataError(
                f"{where}: task {task!r} has {kind_of(votes[task])} instead of {{worker: label}}"
            )
        keys = as_texts(list(votes))
        given = list(chain.from_iterable(row.values() for row in rows))
        names = as_texts(list(chain.from_iterable(rows)))
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        task = np.repeat(np.arange(len(rows)), lengths)
        if classes is not None and not isinstance(classes, int | Ids):
            classes = list(classes)
        kept = rows_with_label(given, classes)
        if kept is not None:
            task, given, names = task[kept], _take(given, kept), _take(names, kept)

        def place(i: int) -> str:
            at = int(task[i])
            return f"task {keys[at]!r}, worker {names[i]!r}"

        try:
            label_code, class_ids = code_labels(given, classes, labels)
        except BadLabel as bad:
            raise bad.at(f"{where}: {place(bad.row)}") from None
        task_ids = Ids.sorted(keys)
        if len(task_ids) != len(keys):
            raise DataError(f"{where}: a task occurs twice")
        worker_ids = Ids.sorted(names)
        task_code = task_ids.codes(keys)[task]
        worker_code = worker_ids.codes(names)
        return cls._ordered(
            task_code, worker_code, label_code, task_ids, worker_ids, class_ids, None, "last"
        )

    @classmethod
    def read(cls, source: str | Path, **options: Any) -> Answers:
        """Read answers from a file of any known form; see `peerannot.io.read_answers`."""
        # Readers stand above this module, so they are looked up when they are wanted.
        answers: Answers = import_module("peerannot.io").read_answers(source, **options)
        return answers

    @classmethod
    def _ordered(
        cls,
        task: NDArray[np.int32],
        worker: NDArray[np.int32],
        label: NDArray[np.int32],
        tasks: Ids,
        workers: Ids,
        classes: Ids,
        weight: NDArray[np.float64] | None,
        duplicates: DuplicatePolicy,
        *,
        repeats: dict[str, int] | None = None,
    ) -> Answers:
        """Sort by (task, worker), apply the policy on duplicates, and build.

        ``repeats`` is for callers that tell of them: it gets the rows beside the first of a worker
        to a task, ``exact`` (a label given to the task before) and ``contradicting``.
        """
        from peerannot.answers import _order

        if duplicates not in get_args(DuplicatePolicy):
            raise ParameterError(
                f"duplicates must be one of last, first, all, error, not {duplicates!r}"
            )
        state = int(_order.in_order(task, worker))
        by_label = duplicates == "all"
        if state < 0 or (by_label and state == 0):
            sizes = np.bincount(task, minlength=len(tasks))
            if int(sizes.max()) <= _order.INSERTION_LIMIT:
                start = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
                worker, label, order = _order.gather_by_task(
                    task, start, worker, label, weight is not None
                )
                _order.sort_in_tasks(start, worker, label, order, by_label)
                task = np.repeat(np.arange(len(tasks), dtype=np.int32), sizes)
            else:
                order = np.arange(task.size, dtype=np.int64)
                if by_label:
                    order = _order.counting_order(label, len(classes), order)
                order = _order.counting_order(worker, len(workers), order)
                order = _order.counting_order(task, len(tasks), order)
                task, worker, label = task[order], worker[order], label[order]
            weight = None if weight is None else weight[order]
            state = int(_order.in_order(task, worker))
        if state == 0 and (duplicates != "all" or repeats is not None):
            exact = _order.duplicate_marks(task, worker, label, True, True)
            # Exact repeats go first, so that "error" speaks of contradictions only.
            if duplicates == "error":
                task_, worker_, kept = task[~exact], worker[~exact], label[~exact]
                clash = _order.duplicate_marks(task_, worker_, kept, False, False)
                if clash.any():
                    row = int(np.flatnonzero(clash)[0])
                    raise DataError(
                        f"answers: worker {workers[int(worker_[row])]!r} gave different answers to"
                        f" task {tasks[int(task_[row])]!r}; choose duplicates=last, first or all"
                    )
                drop = exact
            else:
                drop = _order.duplicate_marks(task, worker, label, duplicates != "first", False)
            n_exact = int(exact.sum())
            conflicts = int(drop.sum()) - n_exact
            if repeats is not None:
                repeats.update(exact=n_exact, contradicting=conflicts)
            elif conflicts > 0:
                warnings.warn(
                    f"{conflicts} answers replaced by another answer of the same worker to the"
                    f" same task (duplicates={duplicates})",
                    DataWarning,
                    stacklevel=3,
                )
            if duplicates != "all":
                task, worker, label = task[~drop], worker[~drop], label[~drop]
                weight = None if weight is None else weight[~drop]
        return cls(task, worker, label, tasks, workers, classes, weight)

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
        counts = np.bincount(self.task, minlength=self.n_tasks)
        return _read_only(np.concatenate(([0], np.cumsum(counts))).astype(np.int64))

    @cached_property
    def answers_per_task(self) -> NDArray[np.int64]:
        """Number of answers of each task, int64 (n_tasks,)."""
        return _read_only(np.diff(self.task_ptr))

    @cached_property
    def answers_per_worker(self) -> NDArray[np.int64]:
        """Number of answers of each worker, int64 (n_workers,)."""
        return _read_only(np.bincount(self.worker, minlength=self.n_workers).astype(np.int64))

    def class_code(self, label: Any) -> int:
        """Position of a class given by its name (a text) or its position (an int); -1 if none."""
        return class_code(label, self.classes)

    def digest(self) -> str:
        """SHA-256 of the content, the same whatever the order or the format of the source."""
        state = hashlib.sha256()
        for array in (self.task, self.worker, self.label, self.weight):
            state.update(b"-" if array is None else array.tobytes())
        for ids in (self.tasks, self.workers, self.classes):
            state.update("\0".join(ids).encode() + b"\1")
        return state.hexdigest()

    def without_tasks(self, removed: Iterable[str]) -> Answers:
        """These answers without some tasks; workers and classes stay.

        Raises
        ------
        DataError
            A task is not one of these.
        """
        keep = _kept(self.tasks, removed, "tasks")
        new_code = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        rows = keep[self.task]
        tasks = self.tasks.take(np.flatnonzero(keep))
        return replace(self._rows(rows), task=new_code[self.task[rows]], tasks=tasks)

    def without_workers(self, removed: Iterable[str]) -> Answers:
        """These answers without those of some workers; tasks and classes stay.

        Raises
        ------
        DataError
            A worker is not one of these.
        """
        keep = _kept(self.workers, removed, "workers")
        new_code = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        rows = keep[self.worker]
        workers = self.workers.take(np.flatnonzero(keep))
        return replace(self._rows(rows), worker=new_code[self.worker[rows]], workers=workers)

    def _rows(self, rows: NDArray[np.bool_]) -> Answers:
        """The answers of these rows; the vocabularies stay."""
        weight = None if self.weight is None else self.weight[rows]
        return Answers(
            self.task[rows], self.worker[rows], self.label[rows], self.tasks, self.workers,
            self.classes, weight,
        )  # fmt: skip

    def __len__(self) -> int:
        return self.n_answers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answers) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def _repr_html_(self) -> str:
        from peerannot.answers._html import answers_html

        return answers_html(self)

    def __repr__(self) -> str:
        return (
            f"Answers({self.n_tasks} tasks, {self.n_workers} workers,"
            f" {self.n_classes} classes, {self.n_answers} answers)"
        )


def check_answers(data: Any) -> None:
    """Say how answers are made where something else is given.

    Raises
    ------
    DataError
        The data are no `Answers`.
    """
    if not isinstance(data, Answers):
        raise DataError(
            f"answers: expected Answers, not a {type(data).__name__}; peerannot.read_answers makes"
            " them of a frame or a file"
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _kept(ids: Ids, removed: Iterable[str], what: str) -> NDArray[np.bool_]:
    """A mark of each id that is not removed."""
    listed = [str(i) for i in removed]
    codes = ids.codes(listed)
    if (codes < 0).any():
        unknown = [i for i, c in zip(listed, codes, strict=True) if c < 0]
        raise DataError(f"{what} to remove that have no entry in the answers: {few(unknown)}")
    keep = np.ones(len(ids), np.bool_)
    keep[codes] = False
    return keep


def _take(values: Sequence[Any] | NDArray[Any], rows: NDArray[np.int64]) -> list[Any]:
    return [values[i] for i in rows.tolist()]


def _code(
    column: Iterable[Any], vocabulary: Iterable[str] | None, what: str
) -> tuple[NDArray[np.int32], Ids]:
    values = as_values(column)
    if vocabulary is not None:
        ids = vocabulary if isinstance(vocabulary, Ids) else Ids(map(str, vocabulary))
        codes = ids.codes(map(str, values))
        if (codes < 0).any():
            first = int(np.flatnonzero(codes < 0)[0])
            raise DataError(
                f"answers row {first + 1}: {what} {str(values[first])!r} is not one of the known"
                + did_you_mean(str(values[first]), ids)
            )
        return codes, ids
    if isinstance(values, np.ndarray):
        unique, codes_ = np.unique(values, return_inverse=True)
        return codes_.astype(np.int32), Ids.sorted(map(str, unique.tolist()))
    for row, value in enumerate(values):
        if value is None or value != value:
            raise DataError(f"answers row {row + 1}: the {what} is missing")
        if isinstance(value, float) and abs(value) >= 2**53:
            raise DataError(f"answers row {row + 1}: the {what} {value!r} {DIGITS_LOST}")
    if all(isinstance(value, float) and value.is_integer() for value in values):
        values = list(map(int, values))
    texts = as_texts(values)
    ids = Ids.sorted(texts)
    return ids.codes(texts), ids
