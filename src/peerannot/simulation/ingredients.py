"""What goes with every model: class prior, activity, drift, copying, abstention."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.simulation.crowd import Crowd

__all__ = ["activity", "draw_truth", "one_coin", "rates", "season", "wrong_labels"]

Rows = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def draw_truth(crowd: Crowd, rng: np.random.Generator) -> NDArray[np.int64]:
    """True classes: y_i ~ prior, which is uniform, given, or drawn from Dirichlet(c, ..., c)."""
    prior = crowd.prior()
    if crowd.class_concentration is not None:
        prior = rng.dirichlet(np.full(crowd.n_classes, crowd.class_concentration))
    return rng.choice(crowd.n_classes, size=crowd.n_task, replace=True, p=prior).astype(np.int64)


def activity(crowd: Crowd, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Activity of each worker: w_j = rank_j^-zipf / sum, ranks in random order; None if equal."""
    if not crowd.zipf:
        return None
    weight = (rng.permutation(crowd.n_worker) + 1.0) ** -crowd.zipf
    return weight / weight.sum()  # type: ignore[no-any-return]


def rates(
    mean: float, n: int, rng: np.random.Generator, concentration: float = 20.0
) -> NDArray[np.float64]:
    """Probabilities that differ between workers: Beta of this mean, (n,).

    A mean of 0 or 1 leaves no choice and draws nothing.
    """
    if mean <= 0 or mean >= 1:
        return np.full(n, float(mean))
    return rng.beta(mean * concentration, (1 - mean) * concentration, size=n)


def one_coin(accuracy: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Confusion matrices of workers right with one probability, errors uniform: (n, K, K)."""
    off = (1 - accuracy) / (k - 1)
    matrices = np.repeat(off, k * k).reshape(-1, k, k)
    matrices[:, np.arange(k), np.arange(k)] = accuracy[:, None]
    return matrices


def wrong_labels(truth: NDArray[np.int64], k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A class other than the true one, uniformly."""
    return (truth + rng.integers(1, k, size=truth.size)) % k


def season(
    crowd: Crowd,
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], dict[str, NDArray[Any]]]:
    """Apply drift, copying and abstention, in this order, to answers of any model.

    Workers drift in their own judgement, copiers take over what the other really said, and
    who abstains says nothing of either kind.
    """
    known: dict[str, NDArray[Any]] = {}
    if crowd.drift:
        label, known["drift"] = _drift(crowd, worker, label, rng)
    if crowd.copiers:
        label, known["copies"] = _copy(crowd, task, worker, label, rng)
    if crowd.abstain:
        known["abstention"] = rates(crowd.abstain, crowd.n_worker, rng)
        given = rng.random(label.size) >= known["abstention"][worker]
        task, worker, label = task[given], worker[given], label[given]
    return task, worker, label, known


def _drift(
    crowd: Crowd,
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Noise that grows, or fades where drift < 0, over a worker's answers.

    The answers of worker j in the order of tasks have times t = 0 ... 1. An answer becomes a
    uniform draw with probability d_j t (fatigue), or |d_j| (1 - t) (learning); |d_j| is Beta of
    mean |drift|.
    """
    share = rates(abs(crowd.drift), crowd.n_worker, rng)
    order = np.argsort(worker, kind="stable")
    counts = np.bincount(worker, minlength=crowd.n_worker)
    starts = np.cumsum(counts) - counts
    time = np.empty(worker.size)
    by_worker = worker[order]
    time[order] = (np.arange(worker.size) - starts[by_worker]) / np.maximum(
        counts[by_worker] - 1, 1
    )
    if crowd.drift < 0:
        time = 1 - time
    noisy = rng.random(label.size) < share[worker] * time
    label = label.copy()
    label[noisy] = rng.integers(0, crowd.n_classes, size=int(noisy.sum()))
    return label, np.copysign(share, crowd.drift)


def _copy(
    crowd: Crowd,
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Copiers: y_ij = y_is with probability ``copy_rate`` where source s answered task i too.

    floor(copiers W) workers copy, each one source, drawn among those who do not copy. The
    second array has rows (copier, source).
    """
    n = int(crowd.copiers * crowd.n_worker)
    shuffled = rng.permutation(crowd.n_worker)
    copier = np.sort(shuffled[:n])
    source = rng.choice(np.sort(shuffled[n:]), size=n)
    source_of = np.full(crowd.n_worker, -1, np.int64)
    source_of[copier] = source
    key = task.astype(np.int64) * crowd.n_worker + worker
    rows = np.flatnonzero(source_of[worker] >= 0)
    wanted = task[rows].astype(np.int64) * crowd.n_worker + source_of[worker[rows]]
    at = np.minimum(np.searchsorted(key, wanted), key.size - 1)
    copied = (key[at] == wanted) & (rng.random(rows.size) < crowd.copy_rate)
    result = label.copy()
    result[rows[copied]] = label[at[copied]]
    return result, np.column_stack((copier, source)).astype(np.int64)
