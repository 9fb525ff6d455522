"""The passes in which no task meets its own counts, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _posterior(score: Array, gold: Array) -> Array:
    z = np.exp(score - score.max(1, keepdims=True))
    z /= z.sum(1, keepdims=True)
    z[gold >= 0] = np.eye(score.shape[1])[gold[gold >= 0]]
    return z


def em(
    task: Array, pair: Array, weight: Array, gold: Array, table: Array, slope: Array,
    log_prior: Array, own: Array,
) -> tuple[Array, Array, Array, float]:  # fmt: skip
    """Counts (n_pairs, K), class sums, posterior (n_tasks, K), half of what it differs by."""
    score = np.tile(log_prior, (gold.size, 1))
    left_out = np.minimum(weight, 1.0)[:, None] * own[task]
    np.add.at(score, task, weight[:, None] * (table[pair] + left_out * slope[pair]))
    z = _posterior(score, gold)
    counts = np.zeros(table.shape)
    np.add.at(counts, pair, weight[:, None] * z[task])
    counted = (np.bincount(task, minlength=gold.size) > 0) | (gold >= 0)
    return counts, z[counted].sum(0), z, float(np.abs(z - own)[counted].sum()) / 2


def coin(
    task: Array, label: Array, unit: Array, weight: Array, gold: Array, bonus: Array,
    prior: Array, own: Array,
) -> tuple[Array, Array, Array, Array, float]:  # fmt: skip
    """Right answers of units, class sums, posterior, that of each answer's label, and what that
    differs by."""
    every, wrong, right = bonus[unit].T
    said = every + np.minimum(weight, 1.0) * (wrong + own * (right - wrong))
    score = np.tile(np.log(prior), (gold.size, 1))
    np.add.at(score, (task, label), weight * said)
    answered = np.bincount(task, minlength=gold.size) > 0
    z = _posterior(score, gold)
    after = z[task, label]
    sums = np.bincount(unit, weight * after, len(bonus))
    mass = z[answered | (gold >= 0)].sum(0)
    z[~answered] = prior
    return sums, mass, z, after, float((weight * np.abs(after - own)).sum())
