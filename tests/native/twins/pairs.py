"""The loops over (worker, label) pairs, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def find(worker: Array, label: Array, k: int) -> tuple[Array, Array]:
    """Number of each answer's (worker, label) pair in order, and the codes of the pairs."""
    key, of_answer = np.unique(worker.astype(np.int64) * k + label, return_inverse=True)
    return of_answer, key


def logarithms(
    counts: Array, worker: Array, label: Array, *, diagonal: float, off_diagonal: float,
    least_probability: float,
) -> Array:  # fmt: skip
    """Logarithms of the confusion rows of pairs, from counts (n_pairs, K) and pseudo-counts."""
    k = counts.shape[1]
    own = counts + off_diagonal
    own[np.arange(label.size), label] += diagonal - off_diagonal
    sums = np.zeros((int(worker.max(initial=-1)) + 1, k))
    np.add.at(sums, worker, counts)
    rows = (sums + diagonal + (k - 1) * off_diagonal)[worker]
    share = np.where(rows > 0, own / np.maximum(rows, 1e-300), 1 / k)
    return np.log(np.maximum(share, least_probability))
