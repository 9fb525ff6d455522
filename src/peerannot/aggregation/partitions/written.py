"""What a fit from disk gives, a chunk of tasks at a time: a folder of shards, a table, a result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from peerannot._ahead import ahead
from peerannot._files import atomic_path, sha256, storage_errors, write_json, write_npy
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.gathered import gathered
from peerannot.aggregation.partitions.mapped import MappedParts
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.partitions.parts import Part
from peerannot.aggregation.partitions.sharded_result import (
    ShardedResult,
    manifest_of,
    task_frame,
    worker_frame,
)
from peerannot.aggregation.request import Request

if TYPE_CHECKING:
    import polars as pl

    from peerannot.io.shards import Coded

__all__ = ["write"]


@dataclass
class _Chunks:
    """What is said of the tasks, chunk by chunk, and counted on the way."""

    request: Request
    coded: Coded
    rule: Strategy
    fitted: Fitted
    parts: MappedParts
    undecided: int = 0
    confidence: float = 0.0

    def __iter__(self) -> Iterator[tuple[Part, Fit]]:
        done, n = 0, self.coded.n_tasks
        for part in self.parts:
            labels, confidence, fit = outcome(part, self.rule, self.fitted.write, self.fitted.given)
            self.undecided += int((labels < 0).sum())
            self.confidence += float(confidence.sum())
            yield part, fit
            done += labels.size
            self.request.progress(done, n, "writing")


def write(
    request: Request, folder: Path | None, coded: Coded, rule: Strategy, fitted: Fitted,
    parts: MappedParts,
) -> ShardedResult:  # fmt: skip
    """Write to the folder, or the table that was asked for, or give its rows to ``rows``.

    Where nothing of these is asked for, the result is gathered in memory.
    """
    chunks = _Chunks(request, coded, rule, fitted, parts)
    table = "" if folder is not None or request.output is None else str(request.output)
    parts_of, sums = ([], {}) if folder is None else _write_shards(chunks, folder)
    in_memory = None
    if folder is None and request.output is None and request.rows is None:
        of_tasks = [of_part for _, of_part in chunks]
        in_memory = gathered(rule, fitted.fit, of_tasks, coded, parts)
    elif folder is None:
        _write_table(chunks)
    if request.workers_output is not None:
        from peerannot.io import write_table

        workers = worker_frame(coded.workers, coded.worker_answers, fitted.fit)
        write_table(Path(request.workers_output), workers.to_dict())
    result = ShardedResult(
        "" if folder is None else str(folder), rule.name, coded.n_tasks, len(coded.workers),
        len(coded.classes), coded.n_answers, chunks.undecided, chunks.confidence / coded.n_tasks,
        fitted.fit.diagnostics, coded.n_shards, coded.n_checked, len(parts), table=table,
        in_memory=in_memory,
    )  # fmt: skip
    if folder is not None:
        facts = manifest_of(
            result, rule, fitted.fit, hard=request.hard, classes=coded.classes,
            n_dropped=coded.dropped, parts=parts_of, sums=sums,
        )  # fmt: skip
        write_json(folder / "manifest.json", facts)
    return result


def _write_table(chunks: _Chunks) -> None:
    """The table that a fit in memory has, see `Found.label_file`."""
    import polars as pl

    from peerannot.io import write_frames

    request, rule = chunks.request, chunks.rule
    with ExitStack() as stack:
        write_rows = request.rows
        if request.output is not None:
            writing = write_frames(Path(request.output), chunks.parts.home)
            write_rows = stack.enter_context(writing)
        assert write_rows is not None
        for part, fit in ahead(chunks):
            result = rule.result_of(part.answers, fit)
            if part.index == 0 and (line := result.lacks(hard=request.hard)):
                request.tell(line)
            write_rows(pl.DataFrame(result.label_file(hard=request.hard)))


def _write_shards(chunks: _Chunks, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write shards of tasks and what is known of workers; the shards, and checksums of files."""
    import polars as pl

    coded, fit, hard = chunks.coded, chunks.fitted.fit, chunks.request.hard
    with storage_errors(folder):
        (folder / "tasks").mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        (folder / "confusion.npy").unlink(missing_ok=True)
        for old in (folder / "tasks").glob("part-*.parquet"):
            old.unlink()
    held: list[pl.DataFrame] = []
    parts: list[str] = []
    sums: dict[str, str] = {}

    def flush() -> None:
        parts.append(f"tasks/part-{len(parts):05d}.parquet")
        with atomic_path(folder / parts[-1]) as temporary:
            pl.concat(held).write_parquet(temporary)
            sums[parts[-1]] = sha256(temporary)
        held.clear()

    for part, of_tasks in ahead(chunks):
        labels, confidence = of_tasks.labels, of_tasks.confidence
        assert labels is not None and confidence is not None
        size: NDArray[Any] = coded.size[part.first_task : part.first_task + labels.size]
        posterior = None if hard else of_tasks.posterior
        held.append(
            task_frame(
                coded.chunk_ids(part.index), size, coded.classes, labels, confidence, posterior
            )
        )
        if sum(frame.height for frame in held) >= chunks.request.sizes.part:
            flush()
    if held:
        flush()
    with atomic_path(folder / "workers.parquet") as temporary:
        worker_frame(coded.workers, coded.worker_answers, fit).write_parquet(temporary)
        sums["workers.parquet"] = sha256(temporary)
    if fit.confusion is not None:
        write_npy(folder / "confusion.npy", fit.confusion)
        sums["confusion.npy"] = sha256(folder / "confusion.npy")
    return parts, sums
