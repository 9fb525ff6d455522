"""``peerannot demo``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from peerannot.cli._common import emit, emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath

__all__ = ["demo"]


@click.command()
@click.argument("folder", default="demo", type=LocalPath(file_okay=False))
@click.option("--epochs", default=10, show_default=True, help="Training epochs of each network.")
@click.option("--seed", default=0, show_default=True, help="Seed of the crowd and the training.")
@json_option
def demo(folder: Path, epochs: int, seed: int, as_json: bool) -> None:
    """Build the demo data set in FOLDER and run the main job on it.

    1,000 handwritten digits, labelled by a simulated crowd with known faults, are aggregated by
    five strategies; networks are trained on the labels and on the votes; a report is written.
    """
    from peerannot.demo import run_demo

    with spoken_warnings(), progress_bar("demo") as progress:
        report = run_demo(folder, epochs=epochs, seed=seed, progress=progress)
    if as_json:
        emit_json("demo", {**asdict(report), "folder": str(folder), "page": str(report.page)})
        return
    emit(
        f"{report.n_answers:,} answers of {report.n_workers} workers to {report.n_tasks:,} images;"
        f" {report.answer_accuracy:.1%} of the answers are right."
    )
    emit(f"\n{'strategy':<12}{'labels right':>14}{'test images right':>20}")
    for row in report.rows:
        labels = "(votes)" if row.label_accuracy is None else f"{row.label_accuracy:.1%}"
        tested = "" if row.test_accuracy is None else f"{row.test_accuracy:.1%}"
        emit(f"{row.strategy:<12}{labels:>14}{tested:>20}")
    emit(f"\nleast trusted workers: {', '.join(report.least_trusted)}")
    emit(f"most ambiguous tasks:  {', '.join(report.most_ambiguous)}")
    emit(f"\nreport: {report.page}")
    note(f"everything is in {folder}/; try: peerannot aggregate {folder} -s WDS")
