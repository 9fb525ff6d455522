"""``peerannot evaluate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath
from peerannot.cli._strategy import strategies_option
from peerannot.cli._votes import (
    answers_file_option,
    load_votes,
    reading_options,
    truth_keywords,
    truth_option,
)

if TYPE_CHECKING:
    from peerannot.selection import Comparison

__all__ = ["evaluate"]

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece", "decided")


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@truth_option
@strategies_option("majority_voting", more=', "all" for all.')
@answers_file_option
@click.option(
    "--calibrate",
    is_flag=True,
    help="Score what is calibrated by held-out answers, too, as aggregate --calibrate has it.",
)
@click.option(
    "--figure",
    type=LocalPath(dir_okay=False),
    help="Draw the reliability diagrams here (.png, .svg, .pdf).",
)
@click.option("--force", is_flag=True, help="Overwrite the figure.")
@reading_options()
@json_option
def evaluate(
    dataset: str,
    truth: Path,
    strategies: tuple[str, ...],
    answers_file: str,
    calibrate: bool,
    figure: Path | None,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Score strategies on the votes of DATASET or FILE against known labels.

    Accuracy (a task with m classes tied for the first place counts 1/m), balanced accuracy,
    macro F1, log loss, Brier score and expected calibration error of the posterior, and the
    share of tasks decided.
    """
    from peerannot._figures import FIGURES
    from peerannot.io import may_write
    from peerannot.selection import compare, draw_reliability, read_truth

    if figure is not None:
        may_write(figure, force=force, suffixes=FIGURES)
    elif force:
        raise click.UsageError("--force is for --figure")
    votes = load_votes(dataset, answers_file=answers_file, truth=truth, **reading)
    known = read_truth(truth, votes.answers, **truth_keywords(reading))
    names = None if "all" in strategies else strategies
    with spoken_warnings(), progress_bar("evaluate") as progress:
        rows = compare(
            votes.answers, names, truth=known.classes, calibrate=calibrate, progress=progress
        )
    drawn = [row.reliability for row in rows if row.reliability is not None]
    if figure is not None and drawn:
        note(f"reliability: {draw_reliability(drawn, figure)}")
    if as_json:
        results = [
            {"strategy": row.strategy, "problem": row.problem}
            | ({} if row.scores is None else row.scores.as_dict())
            | _calibrated(row)
            for row in rows
        ]
        emit_json(
            "evaluate",
            {
                "n_truth": known.known,
                "n_truth_of_several_labels": known.several,
                "n_truth_without_answers": known.without_answers,
                "n_truth_without_label": known.missing,
                "results": results,
                **votes.facts,
            },
        )
        return
    from peerannot.cli._table import print_table

    print_table(
        ["strategy", *(m.replace("_", " ") for m in METRICS)],
        [
            [name, *(f"{getattr(scores, m):.4f}" for m in METRICS)]
            for row in rows
            for name, scores in ((row.strategy, row.scores), ("  calibrated", row.calibrated))
            if scores is not None
        ],
    )
    for row in rows:
        if row.calibration is not None:
            note(f"{row.strategy} calibrated: {row.calibration}")
    for row in rows:
        if row.problem is not None:
            note(f"{row.strategy} left out: {row.problem}")
    lost = known.without_answers
    missing = f"; {known.missing} have no label" if known.missing else ""
    several = (
        f"; {known.several} have several labels, any of which is right" if known.several else ""
    )
    lost_too = f"; {lost} more have no answers" if lost else ""
    note(f"{known.known} tasks with truth{several}{lost_too}{missing}")


def _calibrated(row: Comparison) -> dict[str, Any]:
    """What JSON tells of the calibrated scores, and of confidence against truth."""
    if row.reliability is None:
        return {}
    facts: dict[str, Any] = {"reliability": list(map(asdict, row.reliability.before))}
    if row.calibration is not None and row.calibrated is not None:
        facts["calibrated"] = row.calibrated.as_dict() | {
            "reliability": list(map(asdict, row.reliability.after)),
            "calibration": row.calibration.as_dict(),
        }
    return facts
