"""What an online state remembers of the answers: their rows, or counts of votes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers import Answers, DuplicatePolicy, Ids
from peerannot.answers.digest import digest_of
from peerannot.errors import DataError

__all__ = ["Change", "KeptCounts", "KeptRows"]

_NOTHING = np.empty(0, np.int32)


@dataclass(frozen=True)
class Change:
    """What a batch changed.

    Attributes
    ----------
    task, worker : int32 arrays
        Code of each task (worker) from before in the vocabulary after.
    origin : int64 array (n_rows,)
        Row before of each row after; -1 for a fresh one.
    gone : int64 array
        Rows before that another answer replaced.
    """

    task: NDArray[np.int32]
    worker: NDArray[np.int32]
    origin: NDArray[np.int64]
    gone: NDArray[np.int64]


@dataclass(frozen=True)
class KeptRows:
    """All answers, in order of (task, worker).

    Tasks and workers are in the order of ids, whatever the order in which they came, so that
    batches give the same arrays as all answers at once.
    """

    answers: Answers
    duplicates: DuplicatePolicy

    @classmethod
    def empty(cls, classes: Ids, duplicates: DuplicatePolicy) -> KeptRows:
        return cls(Answers.empty(Ids(0), Ids(0), classes), duplicates)

    @property
    def tasks(self) -> Ids:
        return self.answers.tasks

    @property
    def workers(self) -> Ids:
        return self.answers.workers

    @property
    def classes(self) -> Ids:
        return self.answers.classes

    def add(self, batch: Answers) -> tuple[KeptRows, Change]:
        """These rows with those of a batch, under the policy on duplicates: O(rows).

        An answer that is known already (same task, worker, label and weight) changes nothing.
        """
        old = self.answers
        label = _labels_in(batch, old.classes)
        tasks, old_task, new_task = _union(old.tasks, batch.tasks)
        workers, old_worker, new_worker = _union(old.workers, batch.workers)
        codes = new_task[batch.task], new_worker[batch.worker], label, tasks, workers, old.classes
        tidy = Answers.from_codes(*codes, batch.weight, self.duplicates)
        task = [old_task[old.task], tidy.task]
        worker = [old_worker[old.worker], tidy.worker]
        weight = [old.weights, tidy.weights]
        labels = [old.label, tidy.label]
        if self.duplicates != "all":
            fresh = ~_known(task, worker, labels, weight, len(workers))
            task[1], worker[1] = task[1][fresh], worker[1][fresh]
            labels[1], weight[1] = labels[1][fresh], weight[1][fresh]
        row = np.arange(task[0].size + task[1].size)
        # The weights of this call carry the rows through the order and the policy.
        merged = Answers.from_codes(
            np.concatenate(task),
            np.concatenate(worker),
            np.concatenate(labels),
            tasks,
            workers,
            old.classes,
            row.astype(np.float64),
            self.duplicates,
        )
        assert merged.weight is not None
        kept = merged.weight.astype(np.int64)
        weighted = old.weight is not None or batch.weight is not None
        answers = merged.weighted(np.concatenate(weight)[kept] if weighted else None)
        origin = np.where(kept < old.n_answers, kept, -1)
        left = np.ones(old.n_answers, np.bool_)
        left[origin[origin >= 0]] = False
        gone = np.flatnonzero(left)
        return KeptRows(answers, self.duplicates), Change(old_task, old_worker, origin, gone)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` needs besides vocabularies and policy."""
        a = self.answers
        weight = {} if a.weight is None else {"weight": a.weight}
        return {"task": a.task, "worker": a.worker, "label": a.label, **weight}

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        tasks: Ids,
        workers: Ids,
        classes: Ids,
        duplicates: DuplicatePolicy,
    ) -> KeptRows:
        task, worker, label = (arrays[name] for name in ("task", "worker", "label"))
        rows = Answers(task, worker, label, tasks, workers, classes, arrays.get("weight"))
        return cls(rows, duplicates)


@dataclass(frozen=True)
class KeptCounts:
    """Votes counted by task and label; who gave them is forgotten, so none can be replaced.

    Attributes
    ----------
    task, label : int32 arrays (n,)
        Pairs that occur, in order.
    count : int64 array (n,)
    worker_answers : int64 array (n_workers,)
    """

    tasks: Ids
    workers: Ids
    classes: Ids
    task: NDArray[np.int32]
    label: NDArray[np.int32]
    count: NDArray[np.int64]
    worker_answers: NDArray[np.int64]

    duplicates: DuplicatePolicy = "all"

    @classmethod
    def empty(cls, classes: Ids) -> KeptCounts:
        none = np.empty(0, np.int64)
        return cls(Ids(0), Ids(0), classes, _NOTHING, _NOTHING, none, none)

    def add(self, batch: Answers) -> tuple[KeptCounts, Change]:
        """These counts and those of a batch: O(pairs + answers of the batch)."""
        if batch.weight is not None:
            raise DataError(
                "answers: counts of votes have no room for weights; use duplicates=last, first"
                " or error, which keep every answer"
            )
        label = _labels_in(batch, self.classes)
        tasks, old_task, new_task = _union(self.tasks, batch.tasks)
        workers, old_worker, new_worker = _union(self.workers, batch.workers)
        k = np.int64(max(len(self.classes), 1))
        cell = np.concatenate(
            (old_task[self.task] * k + self.label, new_task[batch.task] * k + label)
        )
        one = np.ones(batch.n_answers, np.int64)
        pair, place = np.unique(cell, return_inverse=True)
        count = np.zeros(pair.size, np.int64)
        np.add.at(count, place, np.concatenate((self.count, one)))
        by_worker = np.zeros(len(workers), np.int64)
        by_worker[old_worker] += self.worker_answers
        by_worker[new_worker] += batch.answers_per_worker
        counts = KeptCounts(
            tasks,
            workers,
            self.classes,
            (pair // k).astype(np.int32),
            (pair % k).astype(np.int32),
            count,
            by_worker,
        )
        nothing = np.empty(0, np.int64)
        return counts, Change(old_task, old_worker, nothing, nothing)

    @property
    def answers(self) -> Answers:
        """As many answers as were counted, all by the first worker."""
        task, label = np.repeat(self.task, self.count), np.repeat(self.label, self.count)
        return Answers(task, np.zeros_like(task), label, self.tasks, self.workers, self.classes)

    def digest(self) -> str:
        """SHA-256 of the counts."""
        arrays = (self.task, self.label, self.count, self.worker_answers)
        return digest_of(((array,) for array in arrays), (self.tasks, self.workers, self.classes))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` needs besides the vocabularies."""
        names = ("task", "label", "count", "worker_answers")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        tasks: Ids,
        workers: Ids,
        classes: Ids,
        duplicates: DuplicatePolicy,
    ) -> KeptCounts:
        task, label, count, by_worker = (
            arrays[name] for name in ("task", "label", "count", "worker_answers")
        )
        return cls(tasks, workers, classes, task, label, count, by_worker, duplicates)


def _union(old: Ids, new: Ids) -> tuple[Ids, NDArray[np.int32], NDArray[np.int32]]:
    """Both vocabularies in the order of ids, and the codes in it of each."""
    same = np.arange(len(old), dtype=np.int32)
    if old == new:
        return old, same, same
    strangers = [value for value in new if value not in old]
    if not strangers:
        return old, same, old.codes(list(new))
    both = Ids.sorted(chain(old, strangers))
    return both, both.codes(list(old)), both.codes(list(new))


def _labels_in(batch: Answers, classes: Ids) -> NDArray[np.int32]:
    """Labels of a batch as codes of the classes of the state."""
    if batch.classes == classes:
        return batch.label
    codes = classes.codes(list(batch.classes))
    unknown = np.flatnonzero(codes[batch.label] < 0)
    if unknown.size:
        name = batch.classes[int(batch.label[unknown[0]])]
        task = batch.tasks[int(batch.task[unknown[0]])]
        raise DataError(
            f"answers: label {name!r} of task {task!r} is not one of {few(classes, 12)}, the"
            f" classes of the state{did_you_mean(name, classes)}; classes cannot be added"
        )
    return codes[batch.label]


def _known(
    task: list[NDArray[np.int32]],
    worker: list[NDArray[np.int32]],
    label: list[NDArray[np.int32]],
    weight: list[NDArray[np.float64]],
    n_workers: int,
) -> NDArray[np.bool_]:
    """Rows of the second part that the first part has, label and weight included."""
    old, new = (t.astype(np.int64) * n_workers + w for t, w in zip(task, worker, strict=True))
    if not old.size:
        return np.zeros(new.size, np.bool_)
    place = np.minimum(np.searchsorted(old, new), old.size - 1)
    same = (old[place] == new) & (label[0][place] == label[1])
    return np.asarray(same & (weight[0][place] == weight[1]))
