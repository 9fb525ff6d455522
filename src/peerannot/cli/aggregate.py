"""``peerannot aggregate``: parse, `peerannot.engines.run`, print."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    json_option,
    json_text,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._engines import engine_options, learning_options, without_logs
from peerannot.cli._paths import LocalPath, PathOrUrl
from peerannot.cli._strategy import parameters_option, strategy_option
from peerannot.cli._votes import flag, is_dataset, reading_names, reading_options, request_fields

if TYPE_CHECKING:
    import polars as pl

    from peerannot.aggregation.request import Outcome, Request

__all__ = ["aggregate"]


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@strategy_option(
    "majority_voting",
    more='; "auto" compares them on held-out answers and takes the best, "consensus" lets four'
    " models have a say",
)
@parameters_option
@click.option("--hard", is_flag=True, help="Write hard labels (int) instead of probabilities.")
@click.option(
    "--answers-file",
    default="answers.json",
    show_default=True,
    help="File of votes, inside DATASET or anywhere.",
)
@click.option(
    "--metadata_path",
    "--metadata-path",
    type=LocalPath(dir_okay=False),
    help="Metadata, when not DATASET/metadata.json.",
)
@click.option(
    "--path-remove",
    type=LocalPath(dir_okay=False),
    help="Pruning file of tasks to leave out.",
)
@click.option(
    "--features",
    type=LocalPath(dir_okay=False),
    help="File of features of the tasks (.npz, .npy, .parquet, .csv), by name: crowdlab weighs"
    " heads on them, each of which has not seen the votes of the tasks that it tells.",
)
@reading_options()
@click.option(
    "--output",
    "-o",
    type=PathOrUrl(),
    help="Write the table of labels here (.parquet, .csv, .tsv); default for a FILE: CSV to"
    " stdout. From --engine disk and dask also a folder of shards.",
)
@click.option(
    "--workers-output",
    type=LocalPath(dir_okay=False),
    help="Write the table of workers here (.parquet, .csv, .tsv).",
)
@learning_options
@engine_options
@click.option("--force", is_flag=True, help="Overwrite the outputs.")
@click.option(
    "--strict", is_flag=True, help="Fail (exit code 5) when the strategy does not converge."
)
@spreadsheet_option
@json_option
def aggregate(
    dataset: str, engine: str, out_of_core: bool, hard: bool, as_json: bool, **asked: Any
) -> None:
    """Turn the votes of DATASET (default: this folder) or of FILE into labels.

    For a DATASET, writes labels/labels_NAME_STRATEGY.npy (with --hard: ..._hard.npy), the same
    as a CSV table and a JSON manifest, and what was learned of the workers under
    identification/. FILE is a table of votes in CSV, Parquet (one file, a folder or a pattern
    of shards) or NDJSON, an answers.json, or an export that 'peerannot import' can read; its
    labels go to --output or stdout. With --save-state, answers that come later can be added by
    --update without a fit of everything.
    """
    from peerannot.engines import run

    if out_of_core:
        if engine not in ("auto", "disk"):
            raise click.UsageError(f"--out-of-core is --engine disk, not {engine}")
        engine = "disk"
    quiet = without_logs() if engine == "dask" else contextlib.nullcontext()
    with _Rows.open(as_json=as_json) as rows:
        with quiet, spoken_warnings(), progress_bar(asked["strategy"]) as progress:
            request = _request(
                dataset, engine, rows, as_json=as_json, hard=hard, progress=progress, **asked
            )
            outcome = run(request, engine)
        _show(outcome, rows, hard=hard, as_json=as_json)


def _request(
    dataset: str, engine: str, rows: _Rows, *, strategy: str, options: tuple[str, ...],
    as_json: bool, metadata_path: Path | None, memory_limit: float | None, **asked: Any,
) -> Request:  # fmt: skip
    """What the command line asks, as the library has it."""
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.aggregation.request import Request
    from peerannot.engines import is_auto
    from peerannot.errors import ParameterError

    reading = {name: asked.pop(name) for name in reading_names()}
    auto, output, more = is_auto(strategy), asked.pop("output"), asked["workers_output"]
    if auto and options:
        raise ParameterError("-P belongs to one strategy; -s auto takes each with its defaults")
    in_folder = engine in ("auto", "memory") and is_dataset(dataset, metadata=metadata_path)
    if engine == "dask":
        must_write_csv()
    elif not in_folder or output is not None:
        must_write_csv(output or (None if as_json else "stdout.csv"), more)
    return Request.of(
        dataset,
        None if auto else build(strategy, parse_pairs(options)),
        {
            **request_fields(reading),
            **asked,
            "typed": strategy,
            "metadata": metadata_path,
            "output": Path(dataset) if in_folder and output is None else output,
            "rows": None if in_folder or output is not None or engine == "dask" else rows,
            "memory_limit": None if memory_limit is None else int(memory_limit * 2**30),
            "tell": note,
            "spell": flag,
        },
    )


class _Rows:
    """The table of labels for stdout, as CSV or as rows of JSON.

    Parameters
    ----------
    kept
        A file that has it until the fit is done.
    as_json
    """

    def __init__(self, kept: IO[str], *, as_json: bool) -> None:
        self._kept, self._as_json, self.any = kept, as_json, False

    @classmethod
    @contextlib.contextmanager
    def open(cls, *, as_json: bool) -> Iterator[_Rows]:
        """None so far."""
        with tempfile.SpooledTemporaryFile(2**24, "w+", encoding="utf-8", newline="") as kept:
            yield cls(kept, as_json=as_json)

    def __call__(self, frame: pl.DataFrame) -> None:
        from peerannot._files import storage_errors
        from peerannot.io import table_text

        if self._as_json:
            rows = frame.select("task", "label", "confidence").iter_rows()
            names = ("task", "label", "confidence")
            each = [dict(zip(names, (t, x or None, p), strict=True)) for t, x, p in rows]
            text = (", " if self.any and each else "") + json.dumps(each, allow_nan=False)[1:-1]
        else:
            text = table_text(frame, header=not self.any)
        with storage_errors(Path(tempfile.gettempdir())):
            self._kept.write(text)
        self.any = True

    def emit(self) -> None:
        """Print what was kept."""
        self._kept.seek(0)
        while text := self._kept.read(2**20):
            emit(text, end="")


def _show(outcome: Outcome, rows: _Rows, *, hard: bool, as_json: bool) -> None:
    """Print where the labels are, or the labels; and in one line what was done."""
    facts = dict(outcome.facts)
    if as_json and rows.any:
        document = json_text("aggregate", facts)
        emit(document.removesuffix("}") + ', "rows": [', end="")
        rows.emit()
        emit("]}")
    elif as_json:
        emit_json("aggregate", facts)
    else:
        if rows.any:
            rows.emit()
        else:
            emit(outcome.shown)
        note(_summary(facts, hard=hard))


def _summary(facts: Mapping[str, Any], *, hard: bool) -> str:
    """What was done, for a person."""
    n_partitions, undecided = facts.get("n_partitions"), facts["n_undecided"]
    return (
        f"{facts['n_answers']} answers of {facts['n_workers']} workers to {facts['n_tasks']} tasks"
        + (f", in {n_partitions} partitions" if n_partitions else "")
        + f" -> {'hard labels' if hard else 'probabilities'} over {facts['n_classes']} classes by"
        f" {facts['strategy']}"
        + (f", {undecided} undecided" if undecided else "")
        + (f"; resumed at iteration {facts['resumed_at']}" if facts.get("resumed_at") else "")
    )
