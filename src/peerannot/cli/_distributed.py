"""``peerannot aggregate --engine dask``: from shards to shards on a cluster."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    must_converge,
    note,
    progress_bar,
    spoken_warnings,
)
from peerannot.cli._votes import shard_reading

__all__ = ["Engine", "PathOrUrl", "aggregate_on_cluster", "engine_options"]

F = TypeVar("F", bound=Callable[..., Any])


class PathOrUrl(click.Path):
    """A path, or a URL such as ``s3://bucket/folder``, which stays a text."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # fmt: skip
        if isinstance(value, str) and "://" in value:
            return value
        return super().convert(value, param, ctx)


_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        default="local",
        show_default=True,
        help="Where to fit: in this process, or on a Dask cluster, which takes Parquet shards by"
        " path or URL and --output FOLDER or URL.",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Scheduler of --engine dask: tcp://HOST:PORT."
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Without --scheduler: start N processes on this machine, which share its cores.",
    ),
    click.option(
        "--partitions",
        type=click.IntRange(min=1),
        metavar="N",
        help="Partitions of tasks of --engine dask; default: one a worker, of 33 million rows.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on from the last checkpoint that a lost --engine dask left in --output.",
    ),
    click.option(
        "--skip-bad-shards",
        is_flag=True,
        help="Leave out shards that --engine dask cannot read, and tell of them.",
    ),
    click.option(
        "--checkpoint-every",
        type=click.IntRange(min=1),
        metavar="N",
        help="Iterations from one checkpoint of --engine dask to the next; default: 5.",
    ),
)
_NAMES = (
    "scheduler", "workers", "partitions", "resume", "skip_bad_shards", "checkpoint_every"
)  # fmt: skip


def engine_options(function: F) -> F:
    """Options that say where a fit runs."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


class Engine:
    """What the options of `engine_options` say; takes them out of ``options``.

    Raises
    ------
    click.UsageError
        An option of a cluster was given without ``--engine dask``.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.dask: bool = options.pop("engine") == "dask"
        given = {name: options.pop(name) for name in _NAMES}
        self.options = {name: value for name, value in given.items() if value}
        if self.options and not self.dask:
            name = next(iter(self.options)).replace("_", "-")
            raise click.UsageError(f"--{name} is for --engine dask")


@contextlib.contextmanager
def _without_logs() -> Iterator[None]:
    """Dask tells at length of every lost connection; what matters is in the error's one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def aggregate_on_cluster(
    path: str,
    strategy: str,
    options: tuple[str, ...],
    output: Path | str | None,
    engine: Engine,
    gold: Path | None,
    *,
    hard: bool,
    force: bool,
    strict: bool,
    as_json: bool,
    reading: Mapping[str, Any],
) -> None:
    """Fit shards on a cluster, and say where the result is.

    Raises
    ------
    click.UsageError
        ``--output`` is missing or no folder, or an option is of fits in memory only.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.cli._out_of_core import say_unchecked
    from peerannot.distributed import fit, has_result
    from peerannot.errors import ParameterError
    from peerannot.selection import read_gold

    if output is None or (isinstance(output, Path) and output.is_file()):
        raise click.UsageError("--engine dask writes shards: give --output FOLDER")
    if has_result(output) and not force:
        raise ParameterError(f"{output}: has a result already; give --force to overwrite it")
    fitted = build(strategy, parse_pairs(options))
    with _without_logs(), spoken_warnings(), progress_bar(fitted.name) as progress:
        done = fit(
            path,
            fitted,
            output=output,
            hard=hard,
            gold=None if gold is None else read_gold(gold, labels=reading.get("labels")),
            progress=progress,
            **shard_reading(reading, "--engine dask"),
            **engine.options,
        )
    if strict:
        must_converge(fitted.name, done.diagnostics)
    for shard in done.left_out:
        rows = "an unknown number of" if shard.n_rows is None else f"{shard.n_rows}"
        note(f"left out {shard.file}, {rows} rows: {shard.reason}")
    say_unchecked(done.n_shards, done.n_checked)
    if as_json:
        facts = {key: value for key, value in asdict(done).items() if key != "diagnostics"}
        emit_json(
            "aggregate",
            {
                **facts,
                "n_iter": done.diagnostics.n_iter,
                "converged": done.diagnostics.converged,
            },
        )
        return
    emit(done.folder)
    note(
        f"{done.n_answers} answers of {done.n_workers} workers to {done.n_tasks} tasks, in"
        f" {done.n_partitions} partitions -> {'hard labels' if hard else 'probabilities'} over"
        f" {done.n_classes} classes by {done.strategy}"
        + (f", {done.n_undecided} undecided" if done.n_undecided else "")
        + (f"; resumed at iteration {done.resumed_at}" if done.resumed_at else "")
    )
