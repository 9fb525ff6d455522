"""Options of ``aggregate`` that say where a fit runs, and what it learns beyond one fit."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from peerannot.cli._paths import LocalPath

__all__ = ["engine_options", "learning_options", "without_logs"]

F = TypeVar("F", bound=Callable[..., Any])


_LEARNING = (
    click.option(
        "--gold",
        type=LocalPath(dir_okay=False),
        metavar="FILE",
        help="Known labels (columns task, label; or JSON, .npy), which the strategy keeps fixed.",
    ),
    click.option(
        "--save-state",
        is_flag=True,
        help="Keep what was learned in DATASET/identification/STRATEGY/state, for --update.",
    ),
    click.option(
        "--update",
        metavar="FILE",
        help="Add the answers in FILE (dataset JSON, or any file of votes) to the saved state"
        " instead of a fit, and write the labels again.",
    ),
    click.option(
        "--calibrate",
        is_flag=True,
        help="Make probabilities as sure as they are right: by --gold where it has 20 labels, else"
        " by answers that five more fits have not seen. Labels stay; --update keeps the map.",
    ),
    click.option(
        "--intervals",
        is_flag=True,
        help="Add 95 % intervals of workers' skill, and of the accuracy of the labels.",
    ),
    click.option(
        "--bootstrap",
        type=click.IntRange(1),
        metavar="N",
        help="Add 95 % intervals by N fits on tasks drawn again.",
    ),
)
_ENGINES = (
    click.option(
        "--engine",
        type=click.Choice(["auto", "memory", "disk", "dask"]),
        default="auto",
        show_default=True,
        help="Where to fit: in memory; from disk, Parquet, CSV or NDJSON that need not fit in"
        " memory; on a dask cluster, Parquet by path or URL, into --output FOLDER. auto is disk for"
        " answers that would not fit in memory, and with --output FOLDER; else memory. peerannot"
        " agginfo NAME"
        " says what can.",
    ),
    click.option("--out-of-core", is_flag=True, help="The same as --engine disk."),
    click.option(
        "--memory-limit",
        type=click.FloatRange(min=0),
        metavar="GIB",
        help="Memory beyond which --engine auto fits from disk; default: what is free.",
    ),
    click.option(
        "--scratch",
        type=LocalPath(file_okay=False),
        help="Folder of the memory-mapped files of --engine disk, kept to be used again; default:"
        " in or beside --output, and removed.",
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


def _all_of(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


learning_options = _all_of(_LEARNING)
engine_options = _all_of(_ENGINES)


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Dask tells at length of every lost connection; what matters is in the error's one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
