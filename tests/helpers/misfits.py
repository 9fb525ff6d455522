"""Crowds that keep the one-coin model, and crowds that break one assumption of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers

__all__ = ["coin_crowd"]


def coin_crowd(
    n_tasks: int = 120,
    n_workers: int = 12,
    per_task: int = 8,
    n_classes: int = 2,
    seed: int = 0,
    *,
    hard: float = 0.0,
    copies: int = 0,
    biased: float = 0.0,
    skill: tuple[float, float] = (0.6, 0.95),
) -> tuple[Answers, dict[str, NDArray[Any]]]:
    """One-coin workers and evenly drawn classes; and what was broken.

    Parameters
    ----------
    hard
        Share of the tasks on which everybody guesses: key ``hard``, their positions.
    copies
        Workers, the last ones, who repeat worker 0 on four of five tasks that both answer.
    biased
        What right answers of odd workers gain on class 0 and lose on the others.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_tasks)
    rate = rng.uniform(*skill, n_workers)
    chosen = np.argsort(rng.random((n_tasks, n_workers)), axis=1)[:, :per_task]
    task, worker = np.repeat(np.arange(n_tasks), per_task), np.sort(chosen, axis=1).ravel()
    side = np.where(truth[task] == 0, 1.0, -1.0) * (worker % 2)
    chance = np.clip(rate[worker] + biased * side, 0.02, 0.98)
    is_hard = rng.random(n_tasks) < hard
    chance = np.where(is_hard[task], 1.0 / n_classes, chance)
    wrong = rng.integers(n_classes - 1, size=task.size)
    wrong += wrong >= truth[task]
    label = np.where(rng.random(task.size) < chance, truth[task], wrong)
    table = np.full((n_tasks, n_workers), -1)
    table[task, worker] = label
    first = table[task, 0]
    repeats = (worker >= n_workers - copies) & (first >= 0) & (rng.random(task.size) < 0.8)
    label = np.where(repeats, first, label)
    answers = Answers.from_arrays(
        task, worker, label, tasks=list(map(str, range(n_tasks))),
        workers=list(map(str, range(n_workers))), classes=n_classes,
    )  # fmt: skip
    return answers, {"hard": np.flatnonzero(is_hard), "rate": rate, "truth": truth}
