"""The folder of a result: tasks are written by the workers, the rest by the client."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._files import json_bytes
from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import Part, Shape, Work
from peerannot.aggregation.partitions.sharded_result import (
    LeftOut,
    ShardedResult,
    manifest_of,
    task_frame,
    worker_frame,
)
from peerannot.distributed._checkpoint import FOLDER
from peerannot.distributed._store import Store, parquet

__all__ = ["WrittenPart", "clear", "finish", "has_result", "write_part"]


@dataclass(frozen=True)
class WrittenPart:
    """What was written of one partition."""

    parts: tuple[str, ...]
    sums: tuple[str, ...]
    n_tasks: int
    n_undecided: int
    confidence: float


def has_result(output: str | Path) -> bool:
    """Whether a folder, by path or URL, holds a whole result."""
    return Store(output).read("manifest.json") is not None


def clear(store: Store, *, keep_checkpoint: bool) -> None:
    """Remove an earlier result, the manifest first."""
    for name in ("manifest.json", "workers.parquet", "confusion.npy", "tasks"):
        store.remove(name)
    if not keep_checkpoint:
        store.remove(FOLDER)


def write_part(
    part: Part, rule: Strategy, work: Work, given: tuple[Any, ...], store: Store, hard: bool,
    most: int,
) -> WrittenPart:  # fmt: skip
    """Write the tasks of one partition, in files of at most ``most`` tasks.

    A partition that is written twice, as when its worker was lost, is written the same.
    """
    labels, confidence, fit = outcome(part, rule, work, given)
    answers = part.answers
    n, sizes = answers.n_tasks, answers.answers_per_task.astype(np.int32)
    ids = pl.Series("task", answers.tasks.column())
    names, sums = [], []
    for low in range(0, n, most):
        rows = slice(low, min(low + most, n))
        frame = task_frame(
            ids.slice(low, rows.stop - low), sizes[rows], part.shape.classes, labels[rows],
            confidence[rows], None if hard else fit.posterior[rows],
        )  # fmt: skip
        more = f"-{low // most:03d}" if n > most else ""
        names.append(f"tasks/part-{part.index:05d}{more}.parquet")
        content = parquet(frame)
        sums.append(hashlib.sha256(content).hexdigest())
        store.write(names[-1], content)
    return WrittenPart(
        tuple(names), tuple(sums), n, int((labels < 0).sum()), float(np.sum(confidence))
    )


def finish(
    store: Store,
    rule: Strategy,
    fit: Fit,
    shape: Shape,
    worker_answers: NDArray[np.int64],
    written: Sequence[WrittenPart],
    *,
    hard: bool,
    n_dropped: int,
    n_partitions: int,
    resumed_at: int,
    left_out: Sequence[LeftOut],
    n_shards: int,
    n_checked: int,
) -> ShardedResult:
    """Write what is known of workers, and the manifest; remove the checkpoint."""
    workers = parquet(worker_frame(shape.workers, worker_answers, fit))
    store.write("workers.parquet", workers)
    sums = {name: digest for w in written for name, digest in zip(w.parts, w.sums, strict=True)}
    sums["workers.parquet"] = hashlib.sha256(workers).hexdigest()
    if fit.confusion is not None:
        buffer = io.BytesIO()
        np.save(buffer, fit.confusion, allow_pickle=False)
        store.write("confusion.npy", buffer.getvalue())
        sums["confusion.npy"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    confidence = sum(w.confidence for w in written) / max(shape.n_tasks, 1)
    result = ShardedResult(
        store.url, rule.name, shape.n_tasks, len(shape.workers), len(shape.classes),
        shape.n_answers, sum(w.n_undecided for w in written), confidence, fit.diagnostics,
        n_shards, n_checked, n_partitions, resumed_at, tuple(left_out),
    )  # fmt: skip
    facts = manifest_of(
        result, rule, fit, hard=hard, classes=shape.classes, n_dropped=n_dropped,
        parts=[name for w in written for name in w.parts], sums=sums,
    )  # fmt: skip
    store.write("manifest.json", json_bytes(facts))
    store.remove(FOLDER)
    return result
