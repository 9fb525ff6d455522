"""Loops of Pl@ntNet, KOS, BWA and M-MSR, written plainly; sums in order of answers."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def total_of(values: Array, start: float = 0.0) -> float:
    """Sum in order, each rounded: `sum` corrects itself in Python 3.12."""
    for value in values.tolist():
        start += value
    return start


def support(
    ptr: Array, size: Array, label: Array, score: Array, winner: Array, ai_label: Array,
    against: float,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """Score of the last winner of each task, and what a label has to beat."""
    conf, total = [], []
    for first, n, said in zip(ptr, size, ai_label, strict=False):
        used = slice(first, first + n)
        won = score[used][winner[used] > 0]
        conf.append(float(won[-1]) if won.size else 0.0)
        backed = (label[used] == said) & (winner[used] >= 1)
        total.append(total_of(score[used]) + against * (said >= 0 and not backed.any()))
    return conf, total


def seen(
    place: Array, task: Array, pair: Array, authored: Array, valid: Array, right: Array, n: int
) -> list[int]:
    """Of each pair 2, 1 or 0; ``place`` is the slot of each answer among all."""
    worth = right[place] * (1 + (authored & valid[task]))
    return [int(worth[pair == p].max(initial=0)) for p in range(n)]


def to_workers(
    ptr: Array, slot: Array, weight: Array, message: Array, chance: float
) -> list[float]:
    """What each answer's task says to its worker."""
    out: list[float] = []
    for first, last in pairwise(ptr.tolist()):
        said = weight[first:last] * message[first:last]
        total = total_of(said)
        place, of_slot = slot[first:last], np.zeros(said.size)
        np.add.at(of_slot, place, said)
        told = weight[first:last] * (of_slot[place] - said - chance * (total - said))
        out.extend(told.tolist())
    return out


def errors(
    task: Array, worker: Array, label: Array, weight: Array, score: Array, bounds: Array, n: int,
    c: int,
) -> Array:  # fmt: skip
    """Squared errors of each worker: those of blocks, added in order."""
    gap = (label == c) - score[task]
    squares = weight * gap * gap
    total = np.zeros(n)
    for first, last in pairwise(bounds):
        own = np.zeros(n)
        np.add.at(own, worker[first:last], squares[first:last])
        total += own
    return total


def averages(
    ptr: Array, worker: Array, label: Array, weight: Array, precision: Array, c: int, pull: float,
    mean: float,
) -> list[float]:  # fmt: skip
    """Score of each task: the mean of the prior and of the answers as 0 and 1."""
    own = precision[worker] * weight
    return [
        total_of(own[a:b][label[a:b] == c], pull * mean) / total_of(own[a:b], pull)
        for a, b in pairwise(ptr)
    ]


def agreements(ptr: Array, worker: Array, label: Array, weight: Array, n: int) -> Array:
    """Products of weights of two workers' answers to a task: (2, n, n), equal ones and all."""
    out = np.zeros((2, n, n))
    for first, last in pairwise(ptr):
        for a, b in combinations(range(first, last), 2):
            j, m = worker[a], worker[b]
            for kind in (0, 1) if label[a] == label[b] else (1,):
                if j != m:
                    out[kind, j, m] += weight[a] * weight[b]
                    out[kind, m, j] += weight[a] * weight[b]
    return out


def trimmed(centred: Array, common: Array, now: Array, trim: float) -> list[float]:
    """Trimmed mean of the ratios of each worker; the present value where there are none."""
    out = []
    for j, mine in enumerate(now.tolist()):
        others = np.flatnonzero(common[j] > 0)
        ratio = np.abs(centred[j, others]) / now[others]
        drop = int(trim * others.size)
        low, high = min(drop, int((ratio < mine).sum())), min(drop, int((ratio > mine).sum()))
        order = np.argsort(ratio, kind="stable")[low : others.size - high]
        weight = common[j, others] * now[others] * now[others]
        mass = total_of(weight[order])
        total = total_of((weight * ratio)[order])
        out.append(total / mass if mass > 0 else mine)
    return out


def sweep(
    task: Array, worker: Array, label: Array, weight: Array, gold: Array, precision: Array,
    mean: Array, pull: float, given: Array | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Squared errors of workers by class, sums of scores of tasks with answers, and the scores."""
    n_tasks, k = gold.size, mean.size
    above, below = np.tile(pull * mean, (n_tasks, 1)), np.full((n_tasks, k), pull)
    np.add.at(above, (task, label), weight * precision[worker, label])
    np.add.at(below, task, weight[:, None] * precision[worker])
    z = np.maximum(above / below, 1e-12)
    z /= z.sum(1, keepdims=True)
    answered = np.bincount(task, weight, n_tasks) > 0
    z[~answered] = 1 / k
    if given is not None:
        z = given.copy()
    z[gold >= 0] = np.eye(k)[gold[gold >= 0]]
    wrong = np.zeros((len(precision), k))
    np.add.at(wrong, worker, weight[:, None] * (np.eye(k)[label] - z[task]) ** 2)
    return wrong, z[answered].sum(0), z
