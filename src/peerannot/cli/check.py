"""``peerannot check``."""

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
from peerannot.cli._paths import LocalPath
from peerannot.cli._strategy import parameters_option, strategy_option
from peerannot.cli._votes import answers_file_option, load_votes, reading_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peerannot.predictive import ModelCheck

__all__ = ["check"]

_WORST_SHOWN = 10


@click.command(
    epilog="Strategies that can be checked, and why not the others: docs/capabilities.md"
)
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@strategy_option()
@parameters_option
@click.option(
    "--replicates",
    type=click.IntRange(19),
    default=199,
    show_default=True,
    help="Sets of answers to draw from the model; the smallest p-value is 1/(replicates + 1).",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws."
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Probability to reject anything of a true model.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of wrong labels beyond what the model says, above which a misfit matters.",
)
@click.option(
    "--min-shared",
    type=click.IntRange(2),
    default=10,
    show_default=True,
    help="Fewest tasks that a pair of workers must share to be looked at.",
)
@click.option(
    "--most-answers",
    type=click.IntRange(2),
    default=100_000,
    show_default=True,
    help="With more answers, tasks are drawn at random.",
)
@click.option(
    "--output",
    "-o",
    type=LocalPath(file_okay=False),
    help="Folder to write check.json, tables and, with matplotlib, check.png in.",
)
@click.option("--strict", is_flag=True, help="Fail (exit code 7) where the model fails.")
@answers_file_option
@reading_options()
@spreadsheet_option
@json_option
def check(
    dataset: str,
    strategy: str,
    options: tuple[str, ...],
    output: Path | None,
    strict: bool,
    answers_file: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Check whether the model of a strategy fits the votes of DATASET or FILE.

    Answers are drawn from the fitted model and compared with the votes: whether tasks differ in
    difficulty, workers depend on each other, or skills are not as the model has them; for which
    tasks and workers; and which strategy drops the assumption that fails. The model passes where
    no misfit matters to the labels by more than --tolerance.
    """
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.errors import MisfitError
    from peerannot.predictive import check_model

    asked = {
        name: values.pop(name)
        for name in (
            "replicates", "seed", "level", "tolerance", "min_shared", "most_answers",
        )
    }  # fmt: skip
    rule = build(strategy, parse_pairs(options))
    votes = load_votes(dataset, answers_file=answers_file, **values)
    with spoken_warnings(), progress_bar(f"check {rule.name}") as progress:
        found = check_model(votes.answers, rule, progress=progress, **asked)
    written = [] if output is None else found.save(output, picture=_can_draw())
    if as_json:
        emit_json("check", {
            **found.as_dict(),
            "worst": {name: _rows(found, name) for name in ("tasks", "pairs", "workers")},
            "files": [str(path) for path in written],
            **votes.facts,
        })  # fmt: skip
    else:
        _show(found, written)
    if strict and not found.passed:
        failing = ", ".join(a.name for a in found.assumptions if a.matters)
        raise MisfitError(
            f"{rule.name} does not fit ({failing}); take a strategy that relaxes this, or drop"
            " --strict"
        )


def _can_draw() -> bool:
    from importlib.util import find_spec

    if find_spec("matplotlib") is not None:
        return True
    note("no picture: pip install 'peerannot[report]' for check.png")
    return False


def _rows(found: ModelCheck, name: str) -> list[dict[str, Any]]:
    """The worst rows of a table that are flagged."""
    table: Mapping[str, Any] = getattr(found, f"{name.removesuffix('s')}_table")
    n = min(int(sum(table["flagged"])), _WORST_SHOWN)
    columns = {
        key: column[:n].tolist() if hasattr(column, "tolist") else column[:n]
        for key, column in table.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _show(found: ModelCheck, written: list[Path]) -> None:
    from peerannot.cli._table import print_table

    print_table(
        ["statistic", "assumption", "observed", "replicates", "p", "corrected"],
        [
            [
                s.name, s.assumption, f"{s.observed:.4g}", f"{s.expected:.4g} ± {s.spread:.2g}",
                f"{s.p_value:.3f}", f"{s.p_adjusted:.3f}",
            ]
            for s in found.statistics
        ],
    )  # fmt: skip
    for text in found.sentences():
        emit(text)
    emit(f"{found.strategy} {found.verdict()}")
    for name in ("tasks", "pairs", "workers"):
        rows = _rows(found, name)
        if rows:
            keys = ("first", "second") if name == "pairs" else (name.removesuffix("s"),)
            worst = ", ".join(" and ".join(str(row[key]) for key in keys) for row in rows)
            note(f"worst {name}: {worst}")
    for path in written:
        note(str(path))
    drawn = (
        f", drawn of {found.of_answers} to {found.of_tasks}"
        if found.n_answers < found.of_answers
        else ""
    )
    note(
        f"{found.n_answers} answers to {found.n_tasks} tasks{drawn}; {found.replicates} replicates;"
        f" {found.votes_worth:.2f} of a vote is what one of several on a task is worth"
    )
