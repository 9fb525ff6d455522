"""Votes on the labels that tasks received, written plainly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TIE = 1e-9


def weights(worker: Array, by_worker: Array | None, by_answer: Array | None) -> Array:
    """Weight of each answer: of its worker times its own."""
    weight = np.ones(worker.size) if by_worker is None else by_worker[worker]
    return weight if by_answer is None else weight * by_answer


def best(score: Array, draw: float) -> tuple[int, Array]:
    """Place of one of the best scores by a draw, and which are best."""
    tied = score >= score.max() * (1 - TIE)
    return int(np.flatnonzero(tied)[int(draw * tied.sum())]), tied


def vote(
    ptr: Array, label: Array, weight: Array, draw: Array, k: int, *, abstain: bool, hard: bool,
    decided: bool,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Posterior, label, confidence and entropy of each task."""
    n = ptr.size - 1
    posterior, labels = np.full((n, k), 1.0 / k), np.full(n, -1)
    confidence, entropy = np.zeros(n), np.zeros(n)
    for i, (first, last) in enumerate(pairwise(ptr)):
        if first == last:
            continue
        used, slot = np.unique(label[first:last], return_inverse=True)
        score = np.zeros(used.size)
        np.add.at(score, slot, weight[first:last])
        if score.sum() == 0:
            score[:] = 1
        share = score / score.sum()
        chosen, tied = best(score, draw[i])
        labels[i] = -1 if abstain and tied.sum() > 1 else used[chosen]
        confidence[i] = share[chosen]
        entropy[i] = -sum(p * np.log(p) for p in share if p > 0)
        if hard:
            share = np.eye(used.size)[chosen] if decided else tied / tied.sum()
        posterior[i] = 0
        posterior[i, used] = share
    return posterior, labels, confidence, entropy


def scores(ptr: Array, slot: Array, weight: Array) -> Array:
    """Sum of weights on each slot."""
    out = np.zeros(slot.size)
    np.add.at(out, np.repeat(ptr[:-1], np.diff(ptr)) + slot, weight)
    return out


def winners(
    ptr: Array, size: Array, score: Array, n_classes: int, zero: float, *, shares: bool
) -> Array:
    """1 / m on each of m tied winners, or shares of the positive scores where there are any."""
    out = np.zeros(score.size)
    for first, n in zip(ptr, size, strict=False):
        own = score[first : first + n]
        if shares and n and own.max() > (zero if n_classes else 0):
            out[first : first + n] = np.maximum(own, 0) / np.maximum(own, 0).sum()
            continue
        others = max(n_classes - n, 0)
        if n == 0 or (others and own.max() < -zero):
            continue
        absent = others if own.max() <= zero else 0
        tied = own >= (-zero if absent else own.max() - TIE * abs(own.max()))
        out[first : first + n] = tied / (tied.sum() + absent)
    return out


def one_hot(ptr: Array, size: Array, label: Array, chosen: Array) -> Array:
    """1 on the slot of the chosen label."""
    out = np.zeros(label.size)
    for first, n, y in zip(ptr, size, chosen, strict=False):
        out[first : first + n] = label[first : first + n] == y
    return out


def values(ptr: Array, size: Array, label: Array, posterior: Array) -> Array:
    """Entries of a posterior on the slots."""
    out = np.zeros(label.size)
    for first, n, row in zip(ptr, size, posterior, strict=False):
        out[first : first + n] = row[label[first : first + n]]
    return out


def worker_sums(
    ptr: Array, slot: Array, task: Array, worker: Array, weight: Array, value: Array, n: int
) -> Array:
    """Sum over each worker's answers of the value on the answer's slot."""
    return np.bincount(worker, weight * value[ptr[task] + slot], n)


def right(
    ptr: Array, label: Array, worker: Array, by_worker: Array, by_answer: Array, draw: Array,
    gold: Array, *, decided: bool, majority: bool,
) -> Array:  # fmt: skip
    """Sum of the weights of each worker's answers that win the vote on their task."""
    out = np.zeros(by_worker.size)
    for i, (first, last) in enumerate(pairwise(ptr)):
        if first == last:
            continue
        own, who = by_answer[first:last], worker[first:last]
        used, slot = np.unique(label[first:last], return_inverse=True)
        skilled = np.bincount(slot, by_worker[who] * own)
        _, tied = best(np.bincount(slot, own) if majority else skilled, 0)
        if majority:
            _, tied = best(np.where(tied, skilled, -1), 0)
        worth = tied / tied.sum()
        if decided:
            worth = np.eye(used.size)[best(tied, draw[i])[0]]
        if gold[i] >= 0:
            worth = used == gold[i]
        np.add.at(out, who, worth[slot] * own)
    return out


def confidence(ptr: Array, size: Array, share: Array, winner: Array) -> tuple[Array, Array]:
    """Share of the last winner, and entropy of the shares."""
    sure, surprise = np.zeros(size.size), np.zeros(size.size)
    for i, (first, n) in enumerate(zip(ptr, size, strict=False)):
        own = share[first : first + n]
        won = np.flatnonzero(winner[first : first + n])
        sure[i] = own[won[-1]] if won.size else 0
        surprise[i] = -sum(p * np.log(p) for p in own if p > 0)
    return sure, surprise


def dense(
    ptr: Array, size: Array, label: Array, share: Array, rest: Array | None, prior: Array
) -> Array:
    """Rows of the shares; ``rest`` times ``prior`` for classes that a task did not receive."""
    k = prior.size
    out = np.zeros((size.size, k)) if rest is None else rest[:, None] * prior
    for i, (first, n) in enumerate(zip(ptr, size, strict=False)):
        if n == 0 and rest is None:
            out[i] = 1.0 / k
        out[i, label[first : first + n]] = share[first : first + n]
    return out


def pick(rows: list[Array], labels: list[Array], draw: Array, *, abstain: bool) -> Array:
    """Label of each row of scores; -1 for a row without any score above 0."""
    out = np.full(len(rows), -1)
    for i, (score, label) in enumerate(zip(rows, labels, strict=True)):
        if score.size and score.max() > 0:
            chosen, tied = best(score, draw[i])
            out[i] = -1 if abstain and tied.sum() > 1 else label[chosen]
    return out
