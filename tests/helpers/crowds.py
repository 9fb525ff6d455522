"""Simulated crowds, each with its truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers


def uneven_crowd(
    n_tasks: int = 60,
    n_workers: int = 12,
    n_classes: int = 3,
    per_task: int = 5,
    accuracy: tuple[float, float] = (0.4, 0.95),
    seed: int = 0,
    weighted: bool = False,
) -> tuple[Answers, NDArray[np.int64]]:
    """Answers of one-coin workers, some tasks without any, some pairs twice; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_tasks)
    skill = rng.uniform(*accuracy, n_workers)
    task = np.repeat(np.arange(n_tasks), rng.integers(0, 2 * per_task, n_tasks))
    worker = rng.integers(n_workers, size=task.size)
    right = rng.random(task.size) < skill[worker]
    label = np.where(right, truth[task], rng.integers(n_classes, size=task.size))
    answers = Answers.from_arrays(
        task,
        worker,
        label,
        rng.uniform(0.2, 2.0, task.size) if weighted else None,
        tasks=list(map(str, range(n_tasks))),
        workers=list(map(str, range(n_workers))),
        classes=n_classes,
        duplicates="all",
    )
    return answers, truth


def diagonal(k: int, accuracy: float) -> NDArray[np.float64]:
    """Confusion matrix of a worker who errs evenly."""
    return np.full((k, k), (1 - accuracy) / (k - 1)) + np.eye(k) * (
        accuracy - (1 - accuracy) / (k - 1)
    )


def spammer(k: int) -> NDArray[np.float64]:
    """Confusion matrix of a worker who guesses."""
    return np.full((k, k), 1 / k)


def crowd_of(
    confusion: Any, n_tasks: int, per_task: int, seed: int
) -> tuple[Answers, NDArray[np.int64]]:
    """Answers of workers with these confusion matrices to tasks of evenly drawn classes; truth."""
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
