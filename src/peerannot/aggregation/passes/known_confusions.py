"""Confusions that are known before a fit, as the posterior that it starts from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._memory import TABLE_BYTES
from peerannot._text import few
from peerannot.answers import Answers
from peerannot.answers.labels import as_name
from peerannot.errors import DataError

__all__ = ["LEAST_PROBABILITY", "are_confusions", "posterior_of_confusions"]

# Least probability of an answer. Log 0 would let one answer that a worker never gave to a class
# outvote any number of others; the floor keeps that a strong hint, not a proof.
LEAST_PROBABILITY = 1e-10


def are_confusions(init: Any) -> bool:
    """Whether what a fit shall start from are confusions: by worker, or of three dimensions."""
    return callable(getattr(init, "items", None)) or np.ndim(init) == 3


def posterior_of_confusions(answers: Answers, known: Any) -> NDArray[np.float64]:
    """One E-step of Dawid-Skene from known confusions, float64 (n_tasks, n_classes).

    Parameters
    ----------
    known
        Matrices [true, answered]: an array (n_workers, n_classes, n_classes), or by worker for
        some of them; or crowd-kit's frame, indexed by (worker, label answered) with a column a
        true class. Where all rows sum to 1 they are probabilities and stand for the worker;
        otherwise they are counts of earlier answers, and those of the votes are added.

    Raises
    ------
    DataError
        No worker is known, a class is not, a shape is wrong, or a number is negative or infinite.
    """
    n, w, k = answers.n_tasks, answers.n_workers, answers.n_classes
    if w * k * k * 8 > TABLE_BYTES:
        raise DataError(f"init: the confusions of {w} workers over {k} classes do not fit")
    given, has = _given(answers, known)
    if not np.isfinite(given).all() or (given < 0).any():
        raise DataError("init: confusions must be finite and not negative")
    cell = answers.task.astype(np.int64) * k + answers.label
    votes = np.bincount(cell, answers.weight, minlength=n * k).reshape(n, k)
    total = votes.sum(1, keepdims=True)
    share = np.where(total > 0, votes / np.where(total > 0, total, 1.0), 1.0 / k)
    said = answers.worker.astype(np.int64) * k + answers.label
    weight = answers.weights
    counts = np.empty((w, k, k))
    for true in range(k):
        seen = weight * share[answers.task, true]
        counts[:, true] = np.bincount(said, seen, minlength=w * k).reshape(w, k)
    if np.allclose(given[has].sum(2), 1.0):
        counts[has] = given[has]
    else:
        counts[has] += given[has]
    sums = counts.sum(2, keepdims=True)
    rows = np.where(sums > 0, counts / np.where(sums > 0, sums, 1.0), 1.0 / k)
    table = np.log(np.maximum(rows, LEAST_PROBABILITY))
    score = np.tile(np.log(np.maximum(share.mean(0), LEAST_PROBABILITY)), (n, 1))
    for true in range(k):
        of_answer = weight * table[answers.worker, true, answers.label]
        score[:, true] += np.bincount(answers.task, of_answer, minlength=n)
    posterior = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(posterior / posterior.sum(1, keepdims=True))


def _given(answers: Answers, known: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Matrices of all workers, and for whom there is one."""
    w, k = answers.n_workers, answers.n_classes
    if getattr(getattr(known, "index", None), "nlevels", 1) == 2:
        known = _of_frame(answers, known)
    if not callable(getattr(known, "items", None)):
        array = np.asarray(known, dtype=np.float64)
        if array.shape != (w, k, k):
            raise DataError(f"init: expected confusions of shape {(w, k, k)}, not {array.shape}")
        return array, np.ones(w, np.bool_)
    out, has = np.zeros((w, k, k)), np.zeros(w, np.bool_)
    # A history may be of many workers who gave no answers this time.
    if not any(as_name(worker) in answers.workers for worker in known):
        raise DataError(
            f"init: none of its workers ({few(map(str, known))}) is one of {few(answers.workers)}"
        )
    for worker, matrix in known.items():
        if as_name(worker) not in answers.workers:
            continue
        array = np.asarray(matrix, dtype=np.float64)
        if array.shape != (k, k):
            raise DataError(
                f"init: the confusions of worker {worker} are of shape {array.shape}, not {(k, k)}"
            )
        at = answers.workers.index_of[as_name(worker)]
        out[at], has[at] = array, True
    return out, has


def _of_frame(answers: Answers, frame: Any) -> dict[str, NDArray[np.float64]]:
    """Matrices by worker of a frame indexed by (worker, label answered)."""
    k = answers.n_classes
    places = [answers.classes.index_of.get(as_name(c), -1) for c in frame.columns]
    found: dict[str, NDArray[np.float64]] = {}
    for (worker, label), row in zip(frame.index, frame.to_numpy(), strict=True):
        at = answers.classes.index_of.get(as_name(label), -1)
        if min(at, *places) < 0:
            raise DataError(
                f"init: rows and columns must be of the classes {few(answers.classes, 12)}"
            )
        found.setdefault(as_name(worker), np.zeros((k, k)))[places, at] = row
    return found
