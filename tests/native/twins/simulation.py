"""Who answers which task in simulated crowds, and what, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def uniform(wanted: Array, numbers: Array, n_workers: int, load: int) -> list[list[int]]:
    """Workers of each task: each next one by its place among those left, moved to the front."""
    pool, left, chosen = list(range(n_workers)), [load] * n_workers, []
    numbers = iter(numbers.tolist())
    for want in wanted.tolist():
        h = min(want, len(pool))
        for t in range(h):
            r = t + int(next(numbers) * (len(pool) - t))
            pool[t], pool[r] = pool[r], pool[t]
        chosen.append(sorted(pool[:h]))
        for j in pool[:h]:
            left[j] -= 1
        for t in reversed(range(h)):
            if left[pool[t]] == 0:
                pool[t] = pool[-1]
                pool.pop()
    return chosen


def weighted(wanted: Array, numbers: Array, weight: Array, load: int) -> list[list[int]]:
    """Workers of each task: each next one by weight among those left, sums taken as in a tree."""
    n_workers = weight.size
    now, left, chosen = weight.copy(), np.full(n_workers, load), []
    numbers = iter(numbers.tolist())
    for want in wanted.tolist():
        some: list[int] = []
        for _ in range(min(want, int((left > 0).sum()))):
            some.append(_drawn(now, next(numbers)))
            now[some[-1]] = 0.0
        left[some] -= 1
        now[some] = np.where(left[some] > 0, weight[some], 0.0)
        chosen.append(sorted(some))
    return chosen


def _drawn(weight: Array, number: float) -> int:
    size = 1 << max(weight.size - 1, 0).bit_length()
    levels = [np.concatenate((weight, np.zeros(size - weight.size)))]
    while levels[-1].size > 1:
        levels.append(levels[-1][::2] + levels[-1][1::2])
    x, node = number * levels.pop()[0], 0
    for level in reversed(levels):
        node *= 2
        if x >= level[node] and level[node + 1] > 0:
            x -= level[node]
            node += 1
    return node


def labels(cumulated: Array, worker: Array, truth: Array, numbers: Array) -> Array:
    """The first label whose cumulated probability is more than the number; the last at most."""
    below = (cumulated[worker, truth] <= numbers[:, None]).sum(1)
    return np.minimum(below, cumulated.shape[2] - 1)
