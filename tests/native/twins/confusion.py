"""The loops of models with a confusion matrix for each worker, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEAST = -40.0  # exp of less is 0 in the loops, and nothing beside 1


def em(
    task: Array,
    pair: Array,
    weight: Array,
    gold: Array,
    table: Array,
    log_prior: Array,
    *,
    hard: bool = False,
    parts: int = 1,
) -> tuple[Array, Array, Array, float]:
    """Counts (n_pairs, K), class sums (K,), posterior (n_tasks, K) and log-likelihood."""
    n_tasks, k = gold.size, log_prior.size
    logit = np.tile(log_prior, (n_tasks, 1))
    np.add.at(logit, task, weight[:, None] * table[pair])
    known = gold >= 0
    other = known[:, None] & (np.arange(k) // parts != gold[:, None])
    logit[other] = -np.inf
    top = logit.max(1, keepdims=True)
    z = np.where(logit - top > LEAST, np.exp(logit - top), 0.0)
    evidence = top[:, 0] + np.log(z.sum(1))
    if hard:
        z = (z >= 1 - 1e-9).astype(float)
    z /= z.sum(1, keepdims=True)
    met = known | (np.bincount(task, minlength=n_tasks) > 0)
    counts = np.zeros(table.shape)
    np.add.at(counts, pair, weight[:, None] * z[task])
    return counts, z[met].sum(0), z, float(evidence[met].sum())


def start(
    task: Array,
    pair: Array,
    label: Array,
    weight: Array,
    gold: Array,
    given: Array | None,
    n_pairs: int,
    k: int,
) -> tuple[Array, Array, Array]:
    """Counts, class sums and posterior from ``given``, else from gold and vote shares."""
    known = gold >= 0
    if given is not None:
        z = given
    else:
        votes = np.zeros((gold.size, k))
        np.add.at(votes, (task, label), weight)
        total = votes.sum(1, keepdims=True)
        z = np.where(total > 0, votes / np.where(total > 0, total, 1.0), 1.0 / k)
        z[known] = np.eye(k)[gold[known]]
    met = known | (np.bincount(task, minlength=gold.size) > 0)
    return gather(task, pair, weight, z, n_pairs), z[met].sum(0), z


def gather(task: Array, pair: Array, weight: Array, posterior: Array, n_pairs: int) -> Array:
    """Counts (n_pairs, K) from a posterior."""
    counts = np.zeros((n_pairs, posterior.shape[1]))
    np.add.at(counts, pair, weight[:, None] * posterior[task])
    return counts


def positions(code: Array, n_codes: int) -> tuple[Array, Array]:
    """Where each code is, in order, and where those of a code start."""
    return np.argsort(code, kind="stable"), np.searchsorted(np.sort(code), np.arange(n_codes + 1))


def expected(
    worker: Array, task: Array, label: Array, weight: Array, posterior: Array, n_workers: int
) -> Array:
    """Expected counts (n_workers, true, answered)."""
    k = posterior.shape[1]
    counts = np.zeros((n_workers, k, k))
    for j, i, y, w in zip(worker, task, label, weight, strict=True):
        counts[j, :, y] += w * posterior[i]
    return counts
