"""Weighted votes on the labels that each task received; the number of classes costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot.aggregation.ties import TIE
from peerannot.answers import Answers

__all__ = ["Support", "posterior_of"]

# Dense posteriors up to this many bytes; above, rows hold only the labels received.
DENSE_BYTES = 2**31


@dataclass(frozen=True)
class Support:
    """The distinct labels of each task, in order of label.

    Attributes
    ----------
    ptr : int64 array (n_tasks + 1,)
        Slots of task ``i`` start at ``ptr[i]``: the answers' own ``task_ptr``, so some slots
        stay unused.
    size : int64 array (n_tasks,)
        Number of distinct labels of each task.
    label : int32 array (n_answers,)
        Label of each slot.
    slot : int32 array (n_answers,)
        Slot of each answer, counted from its task's first.
    """

    ptr: NDArray[np.int64]
    size: NDArray[np.int64]
    label: NDArray[np.int32]
    slot: NDArray[np.int32]

    @classmethod
    def of(cls, answers: Answers) -> Support:
        """Find the distinct labels of every task: O(answers x distinct labels of a task)."""
        return cls(answers.task_ptr, *_support(answers.task_ptr, answers.label))

    def votes(self, answers: Answers, worker_weight: Any = None) -> NDArray[np.float64]:
        """Sum of weights on each slot: of the worker (default 1) times of the answer."""
        none = np.empty(0, np.float64)
        by_worker = none if worker_weight is None else np.asarray(worker_weight, np.float64)
        by_answer = none if answers.weight is None else answers.weight
        out: NDArray[np.float64] = _votes(self.ptr, self.slot, answers.worker, by_worker, by_answer)
        return out

    def winners(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each slot among the best of its task: 1 for a sole winner, 1/m for m tied."""
        out: NDArray[np.float64] = _winners(self.ptr, self.size, score)
        return out

    def shares(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores divided by their sum in each task; equal shares where nothing is positive."""
        out: NDArray[np.float64] = _shares(self.ptr, self.size, score)
        return out

    def confidence(self, share: NDArray[np.float64], winner: NDArray[np.float64]) -> Any:
        """Share of the winner, and entropy of the shares, of each task."""
        return _confidence(self.ptr, self.size, share, winner)


def posterior_of(support: Support, share: NDArray[np.float64], n_classes: int) -> Any:
    """Posterior (n_tasks, n_classes) from shares on slots: dense where that is small, else CSR.

    A task without answers is uniform in the dense form, and an empty row in the sparse one.
    """
    n_tasks = support.size.size
    if n_tasks * n_classes * 8 <= DENSE_BYTES:
        return _dense(support.ptr, support.size, support.label, share, n_classes)
    from scipy.sparse import csr_array

    indptr = np.concatenate(([0], np.cumsum(support.size)))
    used = _compact(support.ptr, support.size, indptr)
    shape = (n_tasks, n_classes)
    return csr_array((share[used], support.label[used], indptr), shape=shape)


@compiled(parallel=True)
def _support(ptr: Any, label: Any) -> Any:  # pragma: no cover - compiled
    n_tasks = ptr.size - 1
    size = np.empty(n_tasks, np.int64)
    slots = np.empty(label.size, np.int32)
    slot = np.empty(label.size, np.int32)
    for i in prange(n_tasks):
        start = ptr[i]
        n = 0
        for a in range(start, ptr[i + 1]):
            y = label[a]
            s = n
            while s > 0 and slots[start + s - 1] >= y:
                s -= 1
            if s < n and slots[start + s] == y:
                continue
            for t in range(n, s, -1):
                slots[start + t] = slots[start + t - 1]
            slots[start + s] = y
            n += 1
        size[i] = n
        for a in range(start, ptr[i + 1]):
            low, high = 0, n - 1
            while low < high:
                middle = (low + high) // 2
                if slots[start + middle] < label[a]:
                    low = middle + 1
                else:
                    high = middle
            slot[a] = low
    return size, slots, slot


@compiled(parallel=True)
def _votes(
    ptr: Any, slot: Any, worker: Any, by_worker: Any, by_answer: Any
) -> Any:  # pragma: no cover - compiled
    score = np.zeros(slot.size, np.float64)
    for i in prange(ptr.size - 1):
        start = ptr[i]
        for a in range(start, ptr[i + 1]):
            weight = 1.0
            if by_worker.size:
                weight = by_worker[worker[a]]
            if by_answer.size:
                weight *= by_answer[a]
            score[start + slot[a]] += weight
    return score


@compiled(parallel=True)
def _winners(ptr: Any, size: Any, score: Any) -> Any:  # pragma: no cover - compiled
    out = np.zeros(score.size, np.float64)
    for i in prange(size.size):
        start, end = ptr[i], ptr[i] + size[i]
        best = -np.inf
        for s in range(start, end):
            best = max(best, score[s])
        floor = best - TIE * abs(best)
        tied = 0
        for s in range(start, end):
            if score[s] >= floor:
                tied += 1
        for s in range(start, end):
            if score[s] >= floor:
                out[s] = 1.0 / tied
    return out


@compiled(parallel=True)
def _shares(ptr: Any, size: Any, score: Any) -> Any:  # pragma: no cover - compiled
    out = np.zeros(score.size, np.float64)
    for i in prange(size.size):
        start, end = ptr[i], ptr[i] + size[i]
        total = 0.0
        for s in range(start, end):
            total += max(score[s], 0.0)
        for s in range(start, end):
            out[s] = max(score[s], 0.0) / total if total > 0.0 else 1.0 / size[i]
    return out


@compiled(parallel=True)
def _confidence(ptr: Any, size: Any, share: Any, winner: Any) -> Any:  # pragma: no cover - compiled
    confidence = np.zeros(size.size, np.float64)
    entropy = np.zeros(size.size, np.float64)
    for i in prange(size.size):
        for s in range(ptr[i], ptr[i] + size[i]):
            if winner[s] > 0.0:
                confidence[i] = share[s]
            if share[s] > 0.0:
                entropy[i] -= share[s] * np.log(share[s])
    return confidence, entropy


@compiled(parallel=True)
def _dense(
    ptr: Any, size: Any, label: Any, share: Any, n_classes: int
) -> Any:  # pragma: no cover - compiled
    out = np.zeros((size.size, n_classes), np.float64)
    for i in prange(size.size):
        if size[i] == 0:
            out[i, :] = 1.0 / n_classes
        for s in range(ptr[i], ptr[i] + size[i]):
            out[i, label[s]] = share[s]
    return out


@compiled()
def _compact(ptr: Any, size: Any, indptr: Any) -> Any:  # pragma: no cover - compiled
    used = np.empty(indptr[-1], np.int64)
    for i in range(size.size):
        for s in range(size[i]):
            used[indptr[i] + s] = ptr[i] + s
    return used
