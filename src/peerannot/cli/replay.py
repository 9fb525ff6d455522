"""``peerannot replay``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit_json,
    json_option,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._curves import CurveFiles, curve_options
from peerannot.cli._paths import LocalPath
from peerannot.cli._strategy import strategy_option
from peerannot.cli._votes import (
    answers_file_option,
    load_votes,
    reading_options,
    truth_keywords,
    truth_option,
)

if TYPE_CHECKING:
    from peerannot.replay import Replay

__all__ = ["replay"]

FILE = LocalPath(dir_okay=False)


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@truth_option
@click.option(
    "--policy",
    "-p",
    "policies",
    multiple=True,
    default=("mutual-information",),
    show_default=True,
    help="Policy by name, options in brackets; repeatable. uniform is always there.",
)
@strategy_option()
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="Campaigns a policy."
)
@click.option(
    "--start",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Answers to each task, drawn at random, before a policy chooses.",
)
@click.option(
    "--batch", type=click.IntRange(1), help="Answers a round.  [default: a fortieth of all]"
)
@click.option(
    "--stop",
    "rules",
    multiple=True,
    metavar="RULE=VALUE",
    help="When a task is done, as next has it; repeatable.  [default: sure=0.99]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="How much less accuracy than that of all answers counts as the same.",
)
@click.option(
    "--probabilities",
    type=FILE,
    multiple=True,
    help="What a classifier that has not seen these answers says of each task, for the policy"
    " activelab: as next has it; repeatable.",
)
@answers_file_option
@reading_options()
@curve_options
@spreadsheet_option
@json_option
def replay(
    dataset: str,
    truth: Path,
    policies: tuple[str, ...],
    strategy: str,
    seeds: int,
    start: int,
    batch: int | None,
    rules: tuple[str, ...],
    tolerance: float,
    probabilities: tuple[Path, ...],
    answers_file: str,
    output: Path | None,
    figure: Path | None,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Replay the campaign of DATASET (default: this folder) or FILE with other choices.

    Each policy starts from nothing and asks, round after round, for answers that exist, and the
    strategy is fitted again. Told are the share of right labels against answers, how many
    answers a policy saves at the accuracy of all of them, and what the rules to stop come to.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.allocation import Stop, read_probabilities
    from peerannot.allocation import build as build_policy
    from peerannot.replay import draw_replay
    from peerannot.replay import replay as run
    from peerannot.selection import read_truth

    files = CurveFiles(output, figure, force)
    chosen, rule = [build_policy(policy) for policy in policies], build(strategy)
    stop = Stop.of(parse_pairs(rules, where="--stop"))
    votes = load_votes(dataset, answers_file=answers_file, truth=truth, **reading)
    answers, said = votes.answers, None
    if probabilities:
        answers, said = read_probabilities(probabilities, answers)
    known = read_truth(truth, answers, **truth_keywords(reading))
    with spoken_warnings(), progress_bar("replay") as progress:
        found = run(
            answers, known.classes, chosen, strategy=rule, seeds=seeds, start=start,
            batch=batch, stop=stop, tolerance=tolerance, probabilities=said, progress=progress,
        )  # fmt: skip
    files.write(found.table, lambda path: draw_replay(found, path))
    if as_json:
        emit_json("replay", {**found.as_dict(), **votes.facts})
    else:
        _show(found)
    files.tell()


def _show(found: Replay) -> None:
    from peerannot.cli._table import print_table

    n = found.n_answers
    print_table(
        ["policy", "area", "saved", "when done: saved", "accuracy", "claimed"],
        [
            [
                row.policy,
                _pair(row.area, row.area_interval, ".4f"),
                "0 %" if row.reached is None else _pair(row.saved, row.saved_interval, ".0%"),
                "never" if row.stopped is None else f"{1 - row.stopped / n:.0%}",
                _pair(row.stopped_accuracy, row.stopped_interval, ".4f"),
                "" if row.stopped_expected is None else f"{row.stopped_expected:.4f}",
            ]
            for row in found.summary
        ],
    )
    less = f" less {found.tolerance:g}" if found.tolerance else ""
    note(
        f"{found.strategy} with all {n:,} answers: {found.accuracy:.4f} of {found.n_truth:,} tasks"
        f" with truth right; saved: share of answers not needed for this accuracy{less}; intervals"
        " (95 %) over seeds"
    )
    for row in found.summary:
        if row.reached is None:
            note(f"{row.policy} has this accuracy with all answers only")


def _pair(value: float | None, ends: tuple[float, float] | None, form: str) -> str:
    if value is None:
        return ""
    text = f"{value:{form}}"
    return text if ends is None else f"{text} ({ends[0]:{form}} to {ends[1]:{form}})"
