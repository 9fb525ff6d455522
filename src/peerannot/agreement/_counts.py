"""How often each task got each label, and tasks with equal counts as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._memory import TABLE_BYTES
from peerannot._threads import threads
from peerannot.answers import Answers, check_answers
from peerannot.answers.distinct import distinct_labels
from peerannot.errors import ParameterError

__all__ = ["LabelCounts", "check_matrix", "coincidence_matrix"]


@dataclass(frozen=True)
class LabelCounts:
    """Counts of the labels that tasks got, in sparse rows.

    Attributes
    ----------
    ptr : int64 array (n_rows + 1,)
        Entries of row ``r`` are ``ptr[r]:ptr[r + 1]``.
    label, count : int32 arrays (n_entries,)
        The labels of a row in ascending order, and how often each was given (at least 1).
    size : int64 array (n_rows,)
        Answers of a row.
    tasks : int64 array (n_rows,)
        How many tasks have these counts: 1, or more after `merged`.
    n_classes : int
    """

    ptr: NDArray[np.int64]
    label: NDArray[np.int32]
    count: NDArray[np.int32]
    size: NDArray[np.int64]
    tasks: NDArray[np.int64]
    n_classes: int

    @classmethod
    def of(cls, answers: Answers) -> LabelCounts:
        """One row a task, in order: O(answers x distinct labels of a task)."""
        check_answers(answers)
        used, label, place = distinct_labels(answers)
        ptr = np.concatenate(([0], np.cumsum(used))).astype(np.int64)
        labels, count = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], np.int32)
        native.agreement_counts(
            answers.task_ptr, label, place, ptr, labels, count, threads=threads()
        )
        ones = np.ones(answers.n_tasks, np.int64)
        return cls(ptr, labels, count, answers.answers_per_task, ones, answers.n_classes)

    def rows(self, chosen: NDArray[np.int64], tasks: NDArray[np.int64]) -> LabelCounts:
        """The chosen rows, with new numbers of tasks."""
        length = np.diff(self.ptr)[chosen]
        ptr = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
        entry = np.arange(ptr[-1]) + np.repeat(self.ptr[chosen] - ptr[:-1], length)
        return LabelCounts(
            ptr, self.label[entry], self.count[entry], self.size[chosen], tasks, self.n_classes
        )

    def merged(self, at_least: int = 1) -> LabelCounts:
        """Equal rows as one, without rows of fewer than ``at_least`` answers.

        What does not depend on which task it was can be computed on these, and drawn again from
        these: with a million tasks of five answers over ten classes there are 2002 at most.
        Rows are told apart by a 64-bit sum of random numbers, one a class; among 10^8 tasks two
        different rows meet with a probability under 10^-3.
        """
        draws = np.random.default_rng(0).integers(0, 2**64, self.n_classes, dtype=np.uint64)
        kept = np.flatnonzero(self.size >= at_least)
        key = np.empty(self.size.size, np.uint64)
        native.agreement_keys(self.ptr, self.label, self.count, draws, key, threads=threads())
        _, first, inverse = np.unique(key[kept], return_index=True, return_inverse=True)
        tasks = np.bincount(inverse, weights=self.tasks[kept], minlength=first.size)
        return self.rows(kept[first], tasks.astype(np.int64))

    def per_entry(self, per_row: NDArray[Any]) -> NDArray[Any]:
        """A value of each row, repeated for its entries."""
        return np.repeat(per_row, np.diff(self.ptr))

    def row_sums(self, per_entry: NDArray[Any]) -> NDArray[np.float64]:
        """Sums of values of entries over each row, float64 (n_rows,)."""
        row = self.per_entry(np.arange(self.size.size))
        return np.bincount(row, weights=per_entry, minlength=self.size.size).astype(np.float64)

    def margins(self, weight: NDArray[Any]) -> NDArray[np.float64]:
        """Answers of each class, each row counted ``weight`` times, float64 (n_classes,)."""
        entries = self.count * self.per_entry(weight)
        return np.bincount(self.label, weights=entries, minlength=self.n_classes).astype(np.float64)

    @property
    def pair_agreement(self) -> NDArray[np.float64]:
        """Share of the pairs of answers of each row that agree; NaN under two answers."""
        count = self.count.astype(np.float64)
        pairs = self.size * (self.size - 1.0)
        agreeing = self.row_sums(count * (count - 1))
        return np.where(pairs > 0, agreeing / np.where(pairs > 0, pairs, 1.0), np.nan)


def check_matrix(k: int) -> None:
    """Refuse a table over pairs of so many classes that it takes over 2 GiB."""
    if k * k * 8 > TABLE_BYTES:
        raise ParameterError(
            f"coincidence matrix: {k} classes take {k * k * 8 / 2**30:.0f} GiB; the nominal,"
            " ordinal and interval alpha do not need it"
        )


def coincidence_matrix(answers: Answers) -> NDArray[np.float64]:
    r"""Krippendorff's coincidence matrix, float64 (n_classes, n_classes), symmetric.

    .. math:: o_{ck} = \sum_i \frac{n_{ic} (n_{ik} - [c = k])}{n_i - 1}

    over tasks of two answers or more. Its sum is their number of answers.

    Raises
    ------
    ParameterError
        There are so many classes that it takes over 2 GiB.
    """
    check_answers(answers)
    k = answers.n_classes
    check_matrix(k)
    counts = LabelCounts.of(answers).merged(at_least=2)
    matrix = np.empty((k, k))
    native.agreement_coincidences(
        counts.ptr, counts.label, counts.count, counts.size, counts.tasks, matrix
    )
    return matrix
