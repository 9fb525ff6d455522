"""``peerannot aggregate``: parse, `peerannot.engines.run`, print."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    json_option,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._engines import PathOrUrl, engine_options, learning_options, without_logs
from peerannot.cli._votes import flag, is_dataset, reading_names, reading_options, request_fields

if TYPE_CHECKING:
    from peerannot.aggregation.request import Outcome, Request

__all__ = ["aggregate"]


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option(
    "--strategy",
    "-s",
    default="majority_voting",
    show_default=True,
    help='Strategy by name, options in brackets: "DS[max_iter=50]"; "auto" compares them on'
    " held-out answers and takes the best.",
)
@click.option(
    "-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the strategy."
)
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
    type=click.Path(dir_okay=False, path_type=Path),
    help="Metadata, when not DATASET/metadata.json.",
)
@click.option(
    "--path-remove",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Pruning file of tasks to leave out.",
)
@reading_options()
@click.option(
    "--output",
    "-o",
    type=PathOrUrl(),
    help="Write the table of labels here (.parquet, .csv, .tsv); default for a FILE: CSV to"
    " stdout. From --engine disk and dask: a folder.",
)
@click.option(
    "--workers-output",
    type=click.Path(dir_okay=False, path_type=Path),
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
    with quiet, spoken_warnings(), progress_bar(asked["strategy"]) as progress:
        request = _request(
            dataset, engine, as_json=as_json, hard=hard, progress=progress, **asked
        )  # fmt: skip
        outcome = run(request, engine)
    _show(outcome, hard=hard, as_json=as_json)


def _request(
    dataset: str, engine: str, *, strategy: str, options: tuple[str, ...], as_json: bool,
    metadata_path: Path | None, memory_limit: float | None, **asked: Any,
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
    if engine in ("disk", "dask"):
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
            "memory_limit": None if memory_limit is None else int(memory_limit * 2**30),
            "tell": note,
            "spell": flag,
        },
    )


def _show(outcome: Outcome, *, hard: bool, as_json: bool) -> None:
    """Print where the labels are, or the labels; and in one line what was done."""
    from peerannot.io import table_text

    facts, text = dict(outcome.facts), outcome.shown
    if not text:
        result: Any = outcome.result
        columns = result.label_file(hard=hard)
        if as_json:
            facts["rows"] = _rows(columns)
        else:
            text = table_text(columns).rstrip("\n")
    if as_json:
        emit_json("aggregate", facts)
        return
    emit(text)
    note(_summary(facts, hard=hard))


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of labels as JSON has them."""
    return [
        {"task": task, "label": label or None, "confidence": float(confidence)}
        for task, label, confidence in zip(
            columns["task"], columns["label"], columns["confidence"], strict=True
        )
    ]


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
