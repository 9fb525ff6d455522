"""Eleven real crowds with known labels, read once a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

from peerannot.aggregation import Result
from peerannot.answers import Answers, DuplicatePolicy

SETS = [
    "CF_amt",
    "MS",
    "SP",
    "ZenCrowd_us",
    "product",
    "face",
    "adult",
    "bluebird",
    "rte",
    "trec",
    "web",
]


@cache
def real_crowd(folder: Path, duplicates: DuplicatePolicy = "all") -> tuple[Answers, dict[str, int]]:
    """Answers of a set without exact repeats, and the known class of its tasks."""
    answers = pl.read_csv(folder / "answers.csv", infer_schema=False).unique(maintain_order=True)
    truth = pl.read_csv(folder / "truth.csv", infer_schema=False)
    classes = 1 + max(map(int, {*answers["label"], *truth["label"]}))
    votes = Answers.from_arrays(
        answers["task"],
        answers["worker"],
        answers["label"],
        classes=list(map(str, range(classes))),
        duplicates=duplicates,
    )
    return votes, dict(zip(truth["task"], map(int, truth["label"]), strict=True))


def accuracy(result: Result, truth: dict[str, int]) -> float:
    """Share of right labels among the tasks with truth; tied classes share a task."""
    posterior, right = result.dense_posterior(), 0.0
    for task, label in truth.items():
        if task in result.tasks:
            row = posterior[result.tasks.index_of[task]]
            best = row >= row.max() * (1 - 1e-9)
            right += best[label] / best.sum()
    return right / len(truth)
