"""``peerannot budget``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
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
)

if TYPE_CHECKING:
    from peerannot.budget import Forecast

__all__ = ["budget"]


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option(
    "--target-accuracy",
    "target",
    type=click.FloatRange(0, 1, min_open=True),
    help="Tell how many answers more this needs.",
)
@click.option(
    "--truth",
    "--gold",
    "truth",
    type=LocalPath(exists=True, dir_okay=False),
    help="Known labels of some tasks; without, accuracy is what the strategy claims, calibrated.",
)
@click.option(
    "--policy",
    "-p",
    "policies",
    multiple=True,
    default=("mutual-information",),
    show_default=True,
    help="Policy by which more are asked for, options in brackets; repeatable.",
)
@strategy_option()
@click.option(
    "--more", type=click.IntRange(1), help="Further answers to look at.  [default: as many again]"
)
@click.option(
    "--price",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="What an answer costs.",
)
@click.option(
    "--seeds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Orders of thinning, and simulated campaigns a policy.",
)
@answers_file_option
@reading_options()
@curve_options
@spreadsheet_option
@json_option
def budget(
    dataset: str,
    target: float | None,
    truth: Path | None,
    policies: tuple[str, ...],
    strategy: str,
    more: int | None,
    price: float,
    seeds: int,
    answers_file: str,
    output: Path | None,
    figure: Path | None,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Forecast what further answers to DATASET (default: this folder) or FILE would bring.

    The answers at hand are thinned, the strategy is fitted to fewer and fewer of them, and the
    curve of accuracy against answers is continued; and the fitted model is asked for more
    answers, by each policy.
    """
    from peerannot.aggregation import build
    from peerannot.allocation import build as build_policy
    from peerannot.budget import forecast
    from peerannot.selection import read_truth

    files = CurveFiles(output, figure, force)
    chosen, rule = [build_policy(policy) for policy in policies], build(strategy)
    votes = load_votes(dataset, answers_file=answers_file, truth=truth, **reading)
    known = None
    if truth is not None:
        known = read_truth(truth, votes.answers, **truth_keywords(reading)).classes
    with spoken_warnings(), progress_bar("budget") as progress:
        found = forecast(
            votes.answers, target=target, truth=known, strategy=rule, policies=chosen, more=more,
            price=price, seeds=seeds, progress=progress,
        )  # fmt: skip
    files.write(found.table, found.draw)
    if as_json:
        emit_json("budget", {**found.as_dict(), **votes.facts})
    else:
        _show(found)
    files.tell()


def _show(found: Forecast) -> None:
    from peerannot.cli._table import print_table

    print_table(
        ["further answers", "cost", *(curve.by for curve in found.curves)],
        [
            [
                f"{more:,.0f}", f"{more * found.price:,.6g}",
                *(
                    f"{curve.accuracy[i]:.3f} ({curve.low[i]:.3f} to {curve.high[i]:.3f})"
                    for curve in found.curves
                ),
            ]
            for i, more in enumerate(found.curves[0].more)
        ],
    )  # fmt: skip
    emit(found.sentence())
    known = (
        f"accuracy on {found.n_truth:,} tasks with truth"
        if found.by == "truth"
        else "accuracy as the strategy claims it, calibrated by held-out answers; better: --truth"
    )
    drawn = f"; {found.n_used:,} of {found.n_tasks:,} tasks drawn" * (found.n_used < found.n_tasks)
    note(f"{known}; 95 % intervals{drawn}")
