"""The loops of types of workers, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, softmax

Array = NDArray[Any]


def _row_counts(worker: Array, counts: Array, n_workers: int) -> Array:
    sums = np.zeros((n_workers, counts.shape[1]))
    np.add.at(sums, worker, counts)
    return sums


def membership(
    worker: Array, label: Array, counts: Array, rows: Array, log_share: Array, n_workers: int
) -> tuple[Array, Array, Array]:
    """Probability of the types (n_workers, R), and what is said of pseudo-answers and their sums;
    rows (R, answered, true)."""
    of_worker = _row_counts(worker, counts, n_workers)
    score = np.tile(log_share, (n_workers, 1))
    for t, begun in enumerate(rows):
        total = begun.sum(0)
        cells = (gammaln(begun[label] + counts) - gammaln(begun[label])).sum(1)
        np.add.at(score[:, t], worker, cells)
        score[:, t] += (gammaln(total) - gammaln(total + of_worker)).sum(1)
    member = softmax(score, axis=1)
    met, spent = np.zeros(rows.shape), np.zeros((len(rows), rows.shape[2]))
    for t, begun in enumerate(rows):
        gain = digamma(begun[label] + counts) - digamma(begun[label])
        np.add.at(met[t], label, member[worker, t, None] * gain)
        total = begun.sum(0)
        spent[t] = member[:, t] @ (digamma(total + of_worker) - digamma(total))
    return member, met, spent


def tables(
    worker: Array, label: Array, counts: Array, rows: Array, member: Array
) -> tuple[Array, Array]:
    """Log-probability of each pair by true class, and its slope."""
    of_pair = _row_counts(worker, counts, len(member))[worker]
    left_out = np.clip(counts, 1e-3, 1.0)
    every, apart = np.zeros(counts.shape), np.zeros(counts.shape)
    for t, begun in enumerate(rows):
        share, total = member[worker, t, None], begun.sum(0)
        every += share * (begun[label] + counts) / (total + of_pair)
        other = np.maximum(counts - left_out, 0), np.maximum(of_pair - left_out, 0)
        apart += share * (begun[label] + other[0]) / (total + other[1])
    return np.log(every), (np.log(apart) - np.log(every)) / left_out
