"""``peerannot aggregate-deep``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from peerannot.cli._common import (
    EqualsCommand,
    json_option,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._paths import LocalPath
from peerannot.cli._training import (
    dataset_options,
    first_process_prints,
    show_report,
    take_options,
    training_options,
)
from peerannot.learning import strategy_names

__all__ = ["aggregate_deep"]


@click.command(
    "aggregate-deep", cls=EqualsCommand, epilog="Networks: peerannot modelinfo [PATTERN]"
)
@click.argument("dataset", default=".", type=LocalPath(exists=True, file_okay=False))
@click.option(
    "--output-name",
    "-o",
    help="Name of the files written; by default those of dataset and strategy.",
)
@click.option(
    "--strategy",
    "-s",
    default="conal",
    show_default=True,
    help='Strategy, options in brackets: "CoNAL[scale=1e-4]". There are: '
    + ", ".join(strategy_names())
    + ".",
)
@click.option(
    "--answers",
    type=LocalPath(dir_okay=False),
    help="The votes, when not DATASET/answers.json.",
)
@dataset_options
@training_options
@spreadsheet_option
@json_option
def aggregate_deep(
    dataset: Path,
    output_name: str | None,
    strategy: str,
    answers: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a network on the votes in DATASET (default: this folder), with a model of the workers.

    Writes best_models/NAME.pth, results/NAME.json, and what was learned of the workers as
    results/NAME_workers.csv and results/NAME_confusion.npy.
    """
    options = take_options(values)
    from peerannot.learning import train_on_votes

    with first_process_prints(options), spoken_warnings(), progress_bar(strategy) as progress:
        report = train_on_votes(
            dataset,
            strategy=strategy,
            answers=answers,
            options=options,
            output_name=output_name,
            progress=progress,
            **values,
        )
        show_report("aggregate-deep", report, as_json)
