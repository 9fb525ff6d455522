"""Small crowds to try a strategy on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import natural_key
from peerannot.answers import Answers

__all__ = ["any_crowds", "crowd", "ragged_answers", "renamed", "some_gold"]


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
) -> tuple[Answers, NDArray[np.int64]]:
    """Answers of one-coin workers, as many to each task; and the truth.

    ``low`` and ``high`` bound the probability that a worker is right.
    """
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
    weight = rng.integers(1, 4, len(task)) / 2 if weighted else None
    answers = Answers.from_arrays(
        task,
        worker,
        label,
        weight,
        tasks=map(str, range(n_tasks)),
        workers=map(str, range(n_workers)),
        classes=n_classes,
    )
    return answers, truth


def ragged_answers(n_tasks: int, n_workers: int, n_classes: int) -> Answers:
    """About 60 % of all answers, drawn; task 4 has none, the last worker has one."""
    rng = np.random.default_rng(1)
    task, worker = np.nonzero(rng.random((n_tasks, n_workers - 1)) < 0.6)
    task, worker = np.append(task, 2), np.append(worker, n_workers - 1)
    keep = task != 4
    return Answers.from_arrays(
        task[keep],
        worker[keep],
        rng.integers(n_classes, size=int(keep.sum())),
        tasks=map(str, range(n_tasks)),
        workers=map(str, range(n_workers)),
        classes=n_classes,
    )


def any_crowds(n: int, seed: int) -> Iterator[Answers]:
    """Tiny crowds: empty tasks, idle workers, unused classes, repeats, weights also of 0."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        sizes = n_tasks, n_workers, n_classes = rng.integers(1, (7, 6, 6))
        task, worker, label = rng.integers(0, sizes[:, None], (3, rng.integers(0, 26)))
        weight = rng.choice([0.0, 0.5, 1.0, 7.0], task.size) if rng.random() < 0.5 else None
        yield Answers.from_arrays(
            task, worker, label, weight, tasks=map(str, range(n_tasks)),
            workers=map(str, range(n_workers)), classes=int(n_classes), duplicates="all",
        )  # fmt: skip


def renamed(
    answers: Answers,
    *,
    tasks: Any = None,
    workers: Any = None,
    classes: Any = None,
    order: Any = None,
) -> Answers:
    """The same answers with vocabularies in another order, or rows in another order."""
    rows = np.arange(answers.n_answers) if order is None else order

    def names(ids: Any, positions: Any) -> list[str]:
        return list(ids) if positions is None else [ids[i] for i in positions]

    return Answers.from_arrays(
        [answers.tasks[i] for i in answers.task[rows]],
        [answers.workers[i] for i in answers.worker[rows]],
        [answers.classes[i] for i in answers.label[rows]],
        tasks=names(answers.tasks, tasks),
        workers=names(answers.workers, workers),
        classes=names(answers.classes, classes),
    )


def some_gold(answers: Answers) -> dict[str, str]:
    """Majorities of the tasks whose id ends in 0 or 5, and of the first, by name."""
    votes = np.zeros((answers.n_tasks, answers.n_classes))
    np.add.at(votes, (answers.task, answers.label), answers.weights)
    first = min(answers.tasks, key=natural_key, default=None)
    gold = {}
    for task, row in zip(answers.tasks, votes, strict=True):
        sole = (row == row.max()).sum() == 1
        if task == first or (sole and task.endswith(("0", "5"))):
            gold[task] = answers.classes[int(row.argmax())] if sole else min(answers.classes)
    return gold
