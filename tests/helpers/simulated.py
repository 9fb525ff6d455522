"""Small simulated crowds for the tests of strategies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers


def crowd(
    n_tasks: int = 60,
    n_workers: int = 12,
    n_classes: int = 3,
    per_task: int = 5,
    accuracy: tuple[float, float] = (0.4, 0.95),
    seed: int = 0,
    weighted: bool = False,
) -> tuple[Answers, NDArray[np.int64]]:
    """Answers of one-coin workers, and the truth. Some tasks have no answers."""
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
