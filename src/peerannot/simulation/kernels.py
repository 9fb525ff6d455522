"""Compiled loops: who answers which task, and what. Random numbers come in as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled

__all__ = ["assign_uniform", "assign_weighted", "draw_labels"]


@compiled()
def assign_uniform(
    demand: NDArray[np.int64], n_worker: int, load: int, u: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Workers of each task, uniformly without replacement among those with load left.

    Parameters
    ----------
    demand : int64 (n_task,)
        Answers wanted.
    u : float64 (demand.sum(),)
        Uniform numbers in [0, 1).

    Returns
    -------
    worker : int32
        Ascending within a task.
    got : int64 (n_task,)
        Answers of each task; fewer than wanted where too few workers had load left.
    """
    pool = np.arange(n_worker).astype(np.int32)
    left = np.full(n_worker, load, np.int64)
    out = np.empty(u.size, np.int32)
    got = np.empty(demand.size, np.int64)
    alive = n_worker
    at = 0
    for i in range(demand.size):
        h = min(demand[i], alive)
        for t in range(h):
            r = t + int(u[at + t] * (alive - t))
            chosen = pool[r]
            pool[r] = pool[t]
            pool[t] = chosen
            out[at + t] = chosen
            left[chosen] -= 1
        for t in range(h - 1, -1, -1):
            if left[pool[t]] == 0:
                alive -= 1
                pool[t] = pool[alive]
        out[at : at + h].sort()
        got[i] = h
        at += h
    return out[:at], got


@compiled()
def assign_weighted(
    demand: NDArray[np.int64],
    weight: NDArray[np.float64],
    load: int,
    u: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """As `assign_uniform`, each next worker drawn in proportion to the weights still there.

    The weights are leaves of a tree of sums. A node is always the sum of its children, so a
    worker who is out weighs exactly nothing.
    """
    n_worker = weight.size
    size = 1
    while size < n_worker:
        size *= 2
    tree = np.zeros(2 * size)
    tree[size : size + n_worker] = weight
    for node in range(size - 1, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]
    left = np.full(n_worker, load, np.int64)
    out = np.empty(u.size, np.int32)
    got = np.empty(demand.size, np.int64)
    alive = n_worker
    at = 0
    for i in range(demand.size):
        h = min(demand[i], alive)
        for t in range(h):
            x = u[at + t] * tree[1]
            node = 1
            while node < size:
                node *= 2
                if x >= tree[node] and tree[node + 1] > 0.0:
                    x -= tree[node]
                    node += 1
            out[at + t] = node - size
            tree[node] = 0.0
            node //= 2
            while node:
                tree[node] = tree[2 * node] + tree[2 * node + 1]
                node //= 2
        for t in range(h):
            chosen = out[at + t]
            left[chosen] -= 1
            if left[chosen] == 0:
                alive -= 1
                continue
            node = size + chosen
            tree[node] = weight[chosen]
            node //= 2
            while node:
                tree[node] = tree[2 * node] + tree[2 * node + 1]
                node //= 2
        out[at : at + h].sort()
        got[i] = h
        at += h
    return out[:at], got


@compiled()
def draw_labels(
    cumulative: NDArray[np.float64],
    worker: NDArray[np.int32],
    truth: NDArray[np.int64],
    u: NDArray[np.float64],
) -> NDArray[np.int32]:
    """Label of each answer from row ``[worker, truth]`` of cumulated confusion matrices."""
    out = np.empty(worker.size, np.int32)
    last = cumulative.shape[2] - 1
    for i in range(worker.size):
        row = cumulative[worker[i], truth[i]]
        low, high = 0, last
        while low < high:
            middle = (low + high) // 2
            if row[middle] <= u[i]:
                low = middle + 1
            else:
                high = middle
        out[i] = low
    return out
