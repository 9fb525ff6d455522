"""Crowds with known truth, for the tests of identification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot import Answers


def diagonal(k: int, accuracy: float) -> NDArray[np.float64]:
    """Confusion matrix of a worker who errs evenly."""
    return np.full((k, k), (1 - accuracy) / (k - 1)) + np.eye(k) * (
        accuracy - (1 - accuracy) / (k - 1)
    )


def spammer(k: int) -> NDArray[np.float64]:
    """Confusion matrix of a worker who guesses."""
    return np.full((k, k), 1 / k)


def crowd(
    confusion: Any, n_tasks: int, per_task: int, seed: int
) -> tuple[Answers, NDArray[np.int64]]:
    """Answers of workers with these confusion matrices to tasks of evenly drawn classes."""
    pi = np.asarray(confusion)
    n_workers, k = pi.shape[:2]
    rng = np.random.default_rng(seed)
    truth = rng.integers(k, size=n_tasks)
    worker = np.concatenate([rng.permutation(n_workers)[:per_task] for _ in range(n_tasks)])
    task = np.repeat(np.arange(n_tasks), per_task)
    cumulative = pi[worker, truth[task]].cumsum(1)
    label = (rng.random(task.size)[:, None] > cumulative[:, :-1]).sum(1)
    answers = Answers.from_arrays(task, worker, label, classes=k)
    return answers, truth
