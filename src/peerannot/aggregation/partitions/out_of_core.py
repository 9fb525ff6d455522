"""Fits of answers larger than memory: shards in; shards, a table or a result out.

The shards are coded once into memory-mapped files (`peerannot.io.shards`), whose chunks of
tasks are the partitions on which the strategy is fitted. Labels and posterior are computed once
more at the end, chunk by chunk, and written.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from peerannot._lock import locked
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.partitions.known import KnownLabels
from peerannot.aggregation.partitions.mapped import MappedParts
from peerannot.aggregation.partitions.shard_engine import ShardEngine, as_asked, check_columns
from peerannot.aggregation.partitions.sharded_result import ShardedResult
from peerannot.aggregation.partitions.written import write
from peerannot.aggregation.request import Request
from peerannot.errors import ParameterError

__all__ = ["DISK", "Disk", "fit_shards"]


class Disk(ShardEngine):
    """Shards on this machine, a chunk of tasks at a time.

    Notes
    -----
    Parquet is read as it is. Long tables of text (CSV, TSV, NDJSON, also gzipped) are first written
    as Parquet into the scratch folder, 64 MiB of text at a time; that takes at most as much disk as
    the text and goes once the answers are coded.

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
    takes: ClassVar[frozenset[str]] = ShardEngine.takes | {"scratch", "rows", "workers_output"}
    lacks: ClassVar[Mapping[str, str]] = {
        **ShardEngine.lacks,
        **dict.fromkeys(("format", "missing_label", "read"), "it reads Parquet and long tables"),
    }

    def has_result(self, output: str | Path) -> bool:
        return (Path(output) / "manifest.json").exists()

    def check_output(self, request: Request) -> None:
        from peerannot.io import is_table, may_write

        output, workers = request.output, request.workers_output
        if workers is not None:
            may_write(Path(workers), force=request.force)
        if output is not None and "://" in str(output):
            spell = request.spell
            raise ParameterError(f"{spell('output')} URL is for {spell('engine')} dask")
        if output is not None and is_table(output):
            may_write(Path(output), force=request.force)
        elif output is not None:
            super().check_output(request)

    def fit(self, request: Request, strategy: Strategy, paths: list[str | Path]) -> ShardedResult:
        from peerannot.io import Source, is_table
        from peerannot.io.shards import code_shards

        output, progress = request.output, request.progress
        folder = None if output is None or is_table(output) else Path(output)
        taken = {file.resolve().parent for path in paths for file in Source.open(path).files}
        if folder is not None and (folder / "tasks").resolve() in taken:
            raise ParameterError(
                f"{folder / 'tasks'} holds the answers; choose another output folder"
            )
        with _coding_folder(request, folder) as home:
            coded = code_shards(
                paths,
                home,
                columns=request.columns(),
                classes=request.classes,
                labels=request.labels,
                duplicates=request.duplicates or "last",
                progress=progress,
                sizes=request.sizes,
            )
            if folder is not None:
                check_columns(len(coded.classes), hard=request.hard)
            parts = MappedParts(coded, request.sizes.held)
            try:
                if request.gold is not None:
                    parts.know(KnownLabels.of(request.gold, parts))
                fitted = strategy.with_files().fit_parts(parts, progress)
                if request.strict:
                    fitted.fit.diagnostics.must_converge(strategy.name, request.spell("strict"))
                fitted = as_asked(request, strategy, fitted, parts)
                return write(request, folder, coded, strategy, fitted, parts)
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
    if options.get("output") is None:
        raise ParameterError("fit_shards: give output FOLDER")
    done = DISK.run(Request.of_shards(paths, strategy, options)).result
    assert isinstance(done, ShardedResult)
    return done


@contextlib.contextmanager
def _coding_folder(request: Request, folder: Path | None) -> Iterator[Path]:
    """A folder of its own for the coded answers, since coding anew removes what is in it.

    ``folder`` is that of the result, where it is one.
    """
    with contextlib.ExitStack() as stack:
        if request.scratch is not None:
            home = Path(request.scratch)
            stack.enter_context(locked(home))
        elif folder is not None:
            home = folder / ".scratch"
        elif request.output is not None:
            table = Path(request.output)
            home = table.with_name(f".{table.name}.scratch")
            # Of a run that was killed, the lock would leave it.
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            stack.enter_context(locked(home))
        else:
            made = tempfile.TemporaryDirectory(prefix="peerannot-", ignore_cleanup_errors=True)
            home = Path(stack.enter_context(made))
        if folder is not None:
            stack.enter_context(locked(folder))
        coded = home / "coded-answers"
        if request.scratch is None:
            # Of a run that was killed: it may be half removed.
            shutil.rmtree(coded, ignore_errors=True)
            stack.callback(shutil.rmtree, home if folder else coded, ignore_errors=True)
        yield coded
