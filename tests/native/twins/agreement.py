"""Agreement between workers, written plainly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Said = list[dict[int, int]]  # the label of each task that a worker answered, by worker


def said(task: Array, worker: Array, label: Array, n_workers: int) -> Said:
    rows = list(zip(task.tolist(), worker.tolist(), label.tolist(), strict=True))
    return [{i: y for i, j, y in rows if j == one} for one in range(n_workers)]


def pairs(answers: Said, least: int) -> list[tuple[int, int, int]]:
    """First, second and tasks shared, of those who share ``least`` or more."""
    n = len(answers)
    shared = [
        (a, b, len(answers[a].keys() & answers[b])) for a in range(n) for b in range(a + 1, n)
    ]
    return [pair for pair in shared if pair[2] >= least]


def cohen(answers: Said, first: int, second: int, k: int) -> tuple[int, int]:
    """How many answers agree, and the product of the counts of both, summed over classes."""
    one, other = answers[first], answers[second]
    tasks = [i for i in one if i in other]
    mine = np.bincount([one[i] for i in tasks], minlength=k)
    theirs = np.bincount([other[i] for i in tasks], minlength=k)
    return sum(one[i] == other[i] for i in tasks), int(mine @ theirs)


def counts(table: Array) -> tuple[Array, Array, Array]:
    """Where rows of a dense table (n, k) start in sparse form, its labels and their counts."""
    row, label = np.nonzero(table)
    ptr = np.searchsorted(row, np.arange(len(table) + 1))
    return ptr, label.astype(np.int32), table[row, label].astype(np.int32)


def keys(table: Array, draw: Array) -> Array:
    """Sums of random numbers of labels, one for each answer, modulo 2**64."""
    return (table.astype(np.uint64) * draw).sum(1, dtype=np.uint64)


def coincidences(table: Array, tasks: Array) -> Array:
    """Krippendorff's coincidences (k, k), row i counted ``tasks[i]`` times."""
    out = np.zeros((table.shape[1],) * 2)
    for row, times in zip(table.astype(float), tasks.tolist(), strict=True):
        out += times * (np.outer(row, row) - np.diag(row)) / (row.sum() - 1)
    return out


def differences(table: Array, difference: Array) -> Array:
    """Sums over ordered pairs of answers of the differences (k, k) of their labels."""
    return np.einsum("ic,cd,id->i", table, difference, table)


def ratio(number: Array) -> Array:
    """The ratio differences (k, k) of numbers."""
    total = number[:, None] + number
    return np.where(total > 0, (number[:, None] - number) / np.where(total > 0, total, 1), 0) ** 2


def places(ptr: Array, label: Array) -> tuple[Array, Array]:
    """The distinct labels of each task, at its start, and each answer's place among them."""
    slot, place = np.zeros_like(label), np.zeros_like(label)
    for lo, hi in pairwise(ptr.tolist()):
        labels, place[lo:hi] = np.unique(label[lo:hi], return_inverse=True)
        slot[lo : lo + labels.size] = labels
    return slot, place
