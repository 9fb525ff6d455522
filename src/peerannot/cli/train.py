"""``peerannot train``."""

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

__all__ = ["train"]


@click.command(cls=EqualsCommand, epilog="Networks: peerannot modelinfo [PATTERN]")
@click.argument("datapath", default=".", type=LocalPath(exists=True, file_okay=False))
@click.option(
    "--output-name", "-o", help="Name of the files written; by default that of the labels."
)
@click.option(
    "--labels",
    type=LocalPath(dir_okay=False),
    help="Labels to train on, a .npy file of `peerannot aggregate`.",
)
@dataset_options
@training_options
@spreadsheet_option
@json_option
def train(
    datapath: Path,
    output_name: str | None,
    labels: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a network on labels of the images in DATAPATH (default: this folder).

    Writes best_models/MODEL/NAME.pth and results/NAME.json.
    """
    options = take_options(values)
    if labels is None:
        raise click.UsageError(
            f"--labels is missing; make labels with `peerannot aggregate {datapath} -s DS`, then"
            f" give --labels {datapath / 'labels'}/labels_..._DS.npy"
        )
    from peerannot.learning import train as train_on_labels

    with first_process_prints(options), spoken_warnings(), progress_bar("train") as progress:
        report = train_on_labels(
            datapath,
            labels=labels,
            options=options,
            output_name=output_name,
            progress=progress,
            **values,
        )
        show_report("train", report, as_json)
