"""The loops of models where all wrong classes of an answer are alike, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _named(task: Array, label: Array, n_tasks: int, k: int) -> Array:
    """Whether a task received a class, (n_tasks, K)."""
    named = np.zeros((n_tasks, k), bool)
    named[task, label] = True
    return named


def start(
    task: Array, label: Array, unit: Array, weight: Array, gold: Array, n_units: int, k: int
) -> tuple[Array, Array, Array]:
    """By gold, else by the vote shares: right answers of units, class sums, and the probability of
    the label of each answer."""
    share = np.zeros((gold.size, k))
    np.add.at(share, (task, label), weight)
    total = share.sum(1)
    share[total > 0] /= total[total > 0, None]
    named = _named(task, label, gold.size, k)
    weightless = (total == 0) & named.any(1)
    share[weightless] = named[weightless] / named[weightless].sum(1, keepdims=True)
    share[gold >= 0] = np.eye(k)[gold[gold >= 0]]
    own = share[task, label]
    return np.bincount(unit, weight * own, n_units), share.sum(0), own


def step(
    task: Array, label: Array, unit: Array, weight: Array, gold: Array, bonus: Array, prior: Array
) -> tuple[Array, Array, Array, float]:
    """Right answers of units, class sums, posterior (n_tasks, K) and log-likelihood."""
    logit = np.tile(np.log(prior), (gold.size, 1))
    np.add.at(logit, (task, label), weight * bonus[unit])
    known = gold >= 0
    logit[known[:, None] & (np.arange(prior.size) != gold[:, None])] = -np.inf
    evidence = np.logaddexp.reduce(logit, axis=1)
    answered = np.bincount(task, minlength=gold.size) > 0
    met = known | answered
    z = np.exp(logit - evidence[:, None])
    right = np.bincount(unit, weight * z[task, label], bonus.size)
    mass = z[met].sum(0)
    z[~answered] = prior
    return right, mass, z, float(evidence[met].sum())


def entries(task: Array, label: Array, worker: Array, n_tasks: int, k: int) -> Array:
    """worker * k + class of each answer and class that its task received, in order."""
    named = _named(task, label, n_tasks, k)
    codes = [j * k + np.flatnonzero(named[i]) for i, j in zip(task, worker, strict=True)]
    return np.concatenate([np.empty(0, np.int64), *codes])


def class_step(
    task: Array, label: Array, worker: Array, weight: Array, gold: Array,
    hit: Array, miss: Array, log_prior: Array, given: Array | None,
) -> tuple[Array, Array, Array, Array, float]:  # fmt: skip
    """Right answers and answers (n_workers, K), class sums, posterior on the classes that a task
    received, and log-likelihood, 0 where a posterior is ``given``; hit, miss (n_workers, K)."""
    k = log_prior.size
    named = _named(task, label, gold.size, k)
    logit = np.tile(log_prior, (gold.size, 1))
    is_hit = label[:, None] == np.arange(k)
    np.add.at(logit, task, weight[:, None] * np.where(is_hit, hit[worker], miss[worker]))
    possible = named & ((gold < 0)[:, None] | (np.arange(k) == gold[:, None]))
    logit[~possible] = -np.inf
    met = possible.any(1)
    evidence = np.zeros(gold.size)
    evidence[met] = np.logaddexp.reduce(logit[met], axis=1)
    z = np.where(possible, np.exp(logit - evidence[:, None]), 0.0)
    if given is not None:
        z = np.where((gold < 0)[:, None], given, possible)
        evidence[:] = 0.0
    sums = np.zeros((2, hit.shape[0], k))
    np.add.at(sums[0], worker, weight[:, None] * is_hit * z[task])
    np.add.at(sums[1], worker, weight[:, None] * z[task])
    return sums[0], sums[1], z.sum(0), z, float(evidence.sum())
