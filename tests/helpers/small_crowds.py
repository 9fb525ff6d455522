"""Small simulated crowds, and slow transcriptions that compiled loops must equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerannot.answers import Answers


def crowd(
    n_tasks: int = 60,
    n_workers: int = 9,
    n_classes: int = 3,
    per_task: int = 5,
    seed: int = 0,
    *,
    low: float = 0.45,
    high: float = 0.95,
    weighted: bool = False,
    duplicates: bool = False,
) -> tuple[Answers, np.ndarray[Any, Any]]:
    """Answers of one-coin workers, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_tasks)
    skill = rng.uniform(low, high, n_workers)
    task, worker, label = [], [], []
    for i in range(n_tasks):
        for j in rng.choice(n_workers, min(per_task, n_workers), replace=False):
            right = rng.random() < skill[j] or n_classes == 1
            wrong = (truth[i] + rng.integers(1, n_classes)) % n_classes if n_classes > 1 else 0
            task.append(i)
            worker.append(j)
            label.append(int(truth[i] if right else wrong))
            if duplicates and rng.random() < 0.1:
                task.append(i)
                worker.append(j)
                label.append(int(rng.integers(n_classes)))
    weight = rng.integers(1, 4, len(task)) / 2 if weighted else None
    answers = Answers.from_arrays(
        task,
        worker,
        label,
        weight,
        tasks=map(str, range(n_tasks)),
        workers=map(str, range(n_workers)),
        classes=n_classes,
        duplicates="all" if duplicates else "last",
    )
    return answers, truth


def dense_votes(answers: Answers, worker_weight: Any = None) -> np.ndarray[Any, Any]:
    """Sums of weights (n_tasks, n_classes), one answer at a time."""
    out = np.zeros((answers.n_tasks, answers.n_classes))
    for a in range(answers.n_answers):
        w = 1.0 if worker_weight is None else worker_weight[answers.worker[a]]
        if answers.weight is not None:
            w *= answers.weight[a]
        out[answers.task[a], answers.label[a]] += w
    return out


def best(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows of scores as shares of the largest; ties share equally."""
    mark = scores >= scores.max(1, keepdims=True) - 1e-9
    return np.asarray(mark / mark.sum(1, keepdims=True))


def agreement(answers: Answers, winner: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Share of each worker's answers that win, one answer at a time."""
    right, total = np.zeros(answers.n_workers), np.zeros(answers.n_workers)
    for a in range(answers.n_answers):
        w = 1.0 if answers.weight is None else answers.weight[a]
        right[answers.worker[a]] += w * winner[answers.task[a], answers.label[a]]
        total[answers.worker[a]] += w
    return np.divide(right, total, out=np.zeros_like(right), where=total > 0)


def rows(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows divided by their sum."""
    return np.asarray(scores / scores.sum(1, keepdims=True))
