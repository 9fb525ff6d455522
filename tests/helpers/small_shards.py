"""Small crowds in shards of Parquet, and results read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from peerannot.aggregation import build
from peerannot.io import read_answers

__all__ = ["assert_as_on_one_machine", "shards", "tasks_of", "workers_of"]

ORDERS = ("sorted", "shuffled", "reversed")


def shards(
    folder: Path, *, text: bool = False, order: str = "sorted", n_tasks: int = 200, n: int = 3,
    weighted: bool = False, seed: int = 0,
) -> str:  # fmt: skip
    """About 3 answers a task in n shards, with gaps in ids and repeated answers; their pattern.

    Weights, where they have some, stand in a column "w"; some are 0.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_tasks)
    task = np.repeat(np.arange(n_tasks), rng.integers(1, 6, n_tasks))
    worker = rng.integers(15, size=task.size)
    right = rng.random(task.size) < 0.7
    label = np.where(right, truth[task], rng.integers(3, size=task.size))
    frame = pl.DataFrame({"task": task * 3 + 7, "worker": worker * 2, "label": label})
    if weighted:
        frame = frame.with_columns(w=rng.uniform(-1, 5, task.size).clip(0).round(1))
    if text:
        frame = frame.select(
            pl.col("^w$"),
            pl.format("t{}", pl.col("task").cast(pl.String).str.zfill(7)).alias("task"),
            pl.format("w-{}", "worker").alias("worker"),
            pl.col("label").replace_strict({0: "cat", 1: "dog", 2: "eel"}),
        )
    if order == "shuffled":
        frame = frame.sample(fraction=1.0, shuffle=True, seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    each = frame.height // n
    for part in range(n):
        rows = frame.slice(part * each, each if part < n - 1 else None)
        number = n - 1 - part if order == "reversed" else part
        rows.write_parquet(folder / f"answers-{number}.parquet", row_group_size=max(each // 4, 1))
    return str(folder / "answers-*.parquet")


def tasks_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "tasks" / "*.parquet")


def workers_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "workers.parquet")


def assert_as_on_one_machine(folder: Path, pattern: str, spec: str, **reading: Any) -> None:
    """Posterior to 1e-9, and all else that a folder of results has."""
    here = build(spec).fit(read_answers(pattern, **reading))
    found, workers = tasks_of(folder), workers_of(folder)
    assert found["task"].cast(pl.String).to_list() == list(here.tasks)
    posterior = found.select(f"p_{name}" for name in here.classes).to_numpy()
    np.testing.assert_allclose(posterior, here.dense_posterior(), atol=1e-9, rtol=0)
    assert [x or "" for x in found["label"]] == here.label_names()
    np.testing.assert_allclose(found["confidence"].to_numpy(), here.confidence, atol=1e-9)
    assert (found["n_answers"].to_numpy() == here.n_answers).all()
    assert workers["worker"].to_list() == list(here.workers)
    assert (workers["n_answers"].to_numpy() == here.worker_answers).all()
    if here.skill is not None:
        np.testing.assert_allclose(workers["skill"].to_numpy(), here.skill, atol=1e-9)
    if here.confusion is not None:
        confusion = np.load(folder / "confusion.npy")
        np.testing.assert_allclose(confusion, here.confusion, atol=1e-9)
