"""Fits of answers larger than memory: Parquet shards in, Parquet shards out.

The shards are coded once into memory-mapped files (`peerannot.io.shards`), whose chunks of
tasks are the partitions on which the strategy is fitted. Labels and posterior are computed once
more at the end, chunk by chunk, and written.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from peerannot._files import atomic_path, sha256, storage_errors, write_json, write_npy
from peerannot._lock import locked
from peerannot.aggregation.base import Fitted, Strategy
from peerannot.aggregation.partitions.known import KnownLabels
from peerannot.aggregation.partitions.mapped import MappedParts
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.shard_engine import ShardEngine, check_columns
from peerannot.aggregation.partitions.sharded_result import (
    ShardedResult,
    manifest_of,
    task_frame,
    worker_frame,
)
from peerannot.aggregation.request import Request
from peerannot.errors import ParameterError

if TYPE_CHECKING:
    import polars as pl

    from peerannot.io.shards import Coded

__all__ = ["DISK", "Disk", "fit_shards"]


class Disk(ShardEngine):
    """Shards on this machine, a chunk of tasks at a time.

    Notes
    -----
    Cost: as in memory, and two readings of the shards; what in memory is prepared once for all
    iterations is prepared in each, but for the first chunks, which stay in memory up to 512 MiB
    (10 to 20 million answers) or a quarter of what is free. Memory: that, what the strategy knows
    of workers (for confusion matrices the counts of each pair of worker and label that occurs, at
    most 256 MiB for up to eight blocks, or one block's), and a chunk of tasks. Mapped files count
    as resident while the system has room for them, and give way. What some strategies keep with
    the tasks of other chunks (at most 16 bytes an answer, or 8 a task and class) is in ``scratch``,
    too.
    Results equal those in memory to the rounding of sums, for any number of threads.
    """

    name: ClassVar[str] = "disk"
    takes: ClassVar[frozenset[str]] = ShardEngine.takes | {"scratch"}

    def has_result(self, output: str | Path) -> bool:
        return (Path(output) / "manifest.json").exists()

    def fit(
        self, request: Request, strategy: Strategy, paths: list[str | Path], output: str | Path
    ) -> ShardedResult:
        from peerannot.io import Source
        from peerannot.io.shards import code_shards

        folder, told = Path(output), request.progress
        taken = {file.resolve().parent for path in paths for file in Source.open(path).files}
        if (folder / "tasks").resolve() in taken:
            raise ParameterError(
                f"{folder / 'tasks'} holds the answers; choose another output folder"
            )
        with _coding_folder(folder, request.scratch) as home:
            coded = code_shards(
                paths,
                home,
                columns=request.columns(),
                classes=request.classes,
                labels=request.labels,
                duplicates=request.duplicates or "last",
                progress=told,
                sizes=request.sizes,
            )
            check_columns(len(coded.classes), hard=request.hard)
            parts = MappedParts(coded, request.sizes.held)
            try:
                if request.gold is not None:
                    parts.know(KnownLabels.of(request.gold, parts))
                fit = strategy.with_files().fit_parts(parts, told)
                return _write(folder, coded, strategy, fit, parts, request)
            finally:
                parts.close()


DISK = Disk()


def fit_shards(
    paths: str | Path | Sequence[str | Path], strategy: str | Strategy = "DS", **options: Any
) -> ShardedResult:
    """`peerannot.aggregate` with ``engine="disk"``, by its earlier name: for this version only.

    Options are those of `Request`, with ``task_col``, ``worker_col``, ``label_col`` and
    ``weight_col`` for names of columns; an earlier result in ``output`` is replaced.
    """
    done = DISK.run(Request.of_shards(paths, strategy, options)).result
    assert isinstance(done, ShardedResult)
    return done


@contextlib.contextmanager
def _coding_folder(output: Path, scratch: str | Path | None) -> Iterator[Path]:
    """A folder of its own for the coded answers, since coding anew removes what is in it."""
    if scratch is not None:
        with locked(Path(scratch)), locked(output):
            yield Path(scratch) / "coded-answers"
        return
    with locked(output):
        ours = output / ".scratch"
        # Of a run that was killed: it may be half removed.
        shutil.rmtree(ours, ignore_errors=True)
        try:
            yield ours / "coded-answers"
        finally:
            shutil.rmtree(ours, ignore_errors=True)


def _write(
    folder: Path, coded: Coded, rule: Strategy, fitted: Fitted, chunks: MappedParts,
    request: Request,
) -> ShardedResult:  # fmt: skip
    """Write shards of tasks, the table of workers, and last the manifest."""
    import polars as pl

    fit, hard = fitted.fit, request.hard
    with storage_errors(folder):
        (folder / "tasks").mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        (folder / "confusion.npy").unlink(missing_ok=True)
        for old in (folder / "tasks").glob("part-*.parquet"):
            old.unlink()
    held: list[pl.DataFrame] = []
    parts: list[str] = []
    sums: dict[str, str] = {}
    undecided, sure, tasks = 0, 0.0, 0

    def flush() -> None:
        parts.append(f"tasks/part-{len(parts):05d}.parquet")
        with atomic_path(folder / parts[-1]) as temporary:
            pl.concat(held).write_parquet(temporary)
            sums[parts[-1]] = sha256(temporary)
        held.clear()

    for task, part in zip(coded.task_ids(), chunks, strict=True):
        labels, confidence, posterior = outcome(part, rule, fitted.write, fitted.given)
        size = coded.size[part.first_task : part.first_task + labels.size]
        held.append(
            task_frame(task, size, coded.classes, labels, confidence, None if hard else posterior)
        )
        undecided += int((labels < 0).sum())
        sure += float(confidence.sum())
        tasks += labels.size
        if sum(frame.height for frame in held) >= request.sizes.part:
            flush()
        request.progress(tasks, coded.n_tasks, "writing")
    if held:
        flush()
    with atomic_path(folder / "workers.parquet") as temporary:
        worker_frame(coded.workers, coded.worker_answers, fit).write_parquet(temporary)
        sums["workers.parquet"] = sha256(temporary)
    if fit.confusion is not None:
        write_npy(folder / "confusion.npy", fit.confusion)
        sums["confusion.npy"] = sha256(folder / "confusion.npy")
    diagnostics = fit.diagnostics
    facts = manifest_of(
        rule, fit, hard=hard, classes=coded.classes, n_tasks=coded.n_tasks,
        n_workers=len(coded.workers), n_answers=coded.n_answers, n_dropped=coded.dropped,
        n_undecided=undecided, parts=parts, sums=sums,
    )  # fmt: skip
    facts |= {"n_shards": coded.n_shards, "n_checked": coded.n_checked}
    write_json(folder / "manifest.json", facts)
    return ShardedResult(
        str(folder), rule.name, coded.n_tasks, len(coded.workers), len(coded.classes),
        coded.n_answers, undecided, sure / coded.n_tasks, diagnostics, coded.n_shards,
        coded.n_checked, len(chunks),
    )  # fmt: skip
