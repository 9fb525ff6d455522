"""One temperature that brings the probabilities of a classifier near what workers answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot.answers import Answers
from peerannot.errors import DataError

__all__ = ["calibrated"]

COARSE = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 3.0, 5.0, 8.0)
STEPS = 4  # between two coarse temperatures
FLOOR = 1e-30


def calibrated(answers: Answers, probabilities: ArrayLike) -> NDArray[np.float64]:
    """Probabilities p as softmax(log p / T), with T by least cross-entropy to the vote shares.

    Parameters
    ----------
    answers
        The votes; tasks without any do not count.
    probabilities
        What a classifier says, (n_tasks, n_classes).

    Raises
    ------
    DataError
        They are not of this shape, or one is negative or not finite.

    Notes
    -----
    T is searched as cleanlab does: the best of nine from 0.1 to 8, then the best of four steps
    to each of its neighbours. Cost: 17 passes over the probabilities.
    """
    given = np.asarray(probabilities, dtype=np.float64)
    shape = (answers.n_tasks, answers.n_classes)
    if given.shape != shape or not _are_shares(given):
        raise DataError(
            f"probabilities: expected rows of numbers >= 0, not all 0, of shape {shape}"
        )
    # What is impossible stays so at every temperature that is tried, as in cleanlab.
    logs = np.log(given, out=np.full(shape, -np.inf), where=given > 0)
    share = answers.weights / answers.weight_per_task[answers.task]

    def loss(temperature: float) -> float:
        said = _log_softmax(logs / temperature)[answers.task, answers.label]
        return float(-(share * np.maximum(said, np.log(FLOOR))).sum())

    losses = [loss(t) for t in COARSE]
    at = int(np.argmin(losses))
    fine = [
        np.linspace(COARSE[i], COARSE[i + 1], STEPS + 1)
        for i in (at - 1, at)
        if 0 <= i < len(COARSE) - 1
    ]
    best = min(np.unique(np.concatenate(fine)).tolist(), key=loss)
    clipped = np.maximum(given / given.sum(1, keepdims=True), FLOOR)
    return np.asarray(np.exp(_log_softmax(np.log(clipped) / best)))


def _are_shares(given: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(given).all() and (given >= 0).all() and (given.sum(1) > 0).all())


def _log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = scores - scores.max(1, keepdims=True, initial=-np.inf)
    return np.asarray(scores - np.log(np.exp(scores).sum(1, keepdims=True)))
