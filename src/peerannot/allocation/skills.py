"""What is known of how workers answer: their confusion matrices, as a policy reckons with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import Result

__all__ = ["Skills", "coins", "skills_of"]

BLOCK = 2**20  # cells of confusion matrices at a time
SURE = 1e-6  # nobody is never wrong


@dataclass(frozen=True, eq=False)
class Skills:
    """Confusion matrices of who can be asked, as if each class had one more answer of the mean
    worker: nobody is never wrong because of three answers. Rows sum to 1, no cell is 0.

    Attributes
    ----------
    result : Result
    at : int64 array (n_workers,)
        Position of each in the result; -1 where nothing is known of a worker, who is then taken
        for the mean of the others.
    right : float64 array (n_workers,)
        Probability of being right, the mean over the classes.
    mean : float64 array (n_classes, n_classes) or None
        Confusion matrix of the mean worker; None where all err alike in all classes.
    width : int
        Classes of a matrix, see `peerannot.allocation.base.Tasks.width`.
    """

    result: Result
    at: NDArray[np.int64]
    right: NDArray[np.float64]
    mean: NDArray[np.float64] | None
    width: int

    def drawn(self, right: NDArray[np.float64]) -> Skills:
        """Other skills, of workers who err alike in all classes."""
        return replace(self, right=np.asarray(right, np.float64), mean=None)

    def channel(self, worker: int) -> NDArray[np.float64]:
        """Confusion matrix of a worker, (width, width); with a column more for all answers that
        are none of its classes where the matrix is of fewer than all."""
        return np.asarray(self.channels(np.array([worker]))[0])

    def channels(self, workers: NDArray[np.int64]) -> NDArray[np.float64]:
        """`channel` of some workers, (n, ...)."""
        if self.mean is None:
            return coins(self.right[workers], len(self.result.classes), self.width)
        k, at = len(self.mean), self.at[workers]
        found = np.tile(self.mean, (len(at), 1, 1))
        known = np.flatnonzero(at >= 0)
        if known.size:
            n = (self.result.worker_answers[at[known]] / k)[:, None, None]
            found[known] = (n * _matrices(self.result, at[known]) + self.mean) / (n + 1)
        return found

    def together(self, workers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean of the confusion matrices of some workers."""
        if self.mean is None:
            mean = self.right[workers].mean(keepdims=True)
            return np.asarray(coins(mean, len(self.result.classes), self.width)[0])
        size = max(1, BLOCK // self.mean.size)
        parts = range(0, len(workers), size)
        total = sum(self.channels(workers[i : i + size]).sum(0) for i in parts)
        return np.asarray(total / len(workers))


def skills_of(result: Result, at: NDArray[np.int64]) -> Skills:
    """Skills of workers as a strategy found them; ``at`` as in `Skills`."""
    k, n = len(result.classes), result.worker_answers
    known = np.maximum(at, 0)
    if result.confusion is None:
        assert result.skill is not None
        each = np.clip(np.asarray(result.skill, np.float64), SURE, 1 - SURE)
        mean, overall = None, float(n @ each / n.sum()) if n.sum() else 1.0 / k
    else:
        each, total = np.empty(len(n)), np.zeros((k, k))
        size = max(1, BLOCK // k**2)
        for i in range(0, len(n), size):
            part = np.arange(i, min(i + size, len(n)))
            matrices = _matrices(result, part)
            each[part] = np.trace(matrices, axis1=1, axis2=2) / k
            total += np.tensordot(n[part].astype(np.float64), matrices, 1)
        mean = total / n.sum() if n.sum() else np.full((k, k), 1.0 / k)
        overall = float(np.trace(mean)) / k
    if not len(n):
        return Skills(result, at, np.full(len(at), overall), mean, k)
    own = np.where(at >= 0, n[known], 0) / k
    right = (own * each[known] + overall) / (own + 1)
    return Skills(result, at, right, mean, k)


def coins(right: NDArray[np.float64], k: int, width: int) -> NDArray[np.float64]:
    """Confusion matrices of workers who err alike in all of k classes; of ``width`` of them, with
    a last column for all other answers, where these are fewer."""
    right = np.clip(np.asarray(right, np.float64), SURE, 1 - SURE)[:, None, None]
    wrong = (1 - right) / max(k - 1, 1)
    eye = np.eye(width)
    found = right * eye + wrong * (1 - eye)
    if width == k:
        return np.asarray(found)
    rest = np.broadcast_to(wrong * (k - width), (len(right), width, 1))
    return np.concatenate((found, rest), axis=2)


def _matrices(result: Result, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Confusion matrices of workers of a result, (n, n_classes, n_classes)."""
    assert result.confusion is not None
    matrices = np.maximum(np.asarray(result.confusion[at], np.float64), SURE)
    return np.asarray(matrices / matrices.sum(2, keepdims=True))
