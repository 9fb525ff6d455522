"""``peerannot compare``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._votes import load_votes, reading_options, truth_keywords

if TYPE_CHECKING:
    from peerannot.selection import Comparison

__all__ = ["compare"]

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option(
    "--strategy",
    "-s",
    "strategies",
    multiple=True,
    help="Strategy by name, options in brackets; repeat it for more. Default: all.",
)
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Known labels: a table with task and label, a .npy in the order of tasks, or JSON.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Folds of held-out answers, where there is no truth.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed that answers are dealt into folds with.",
)
@click.option(
    "--answers-file", default="answers.json", show_default=True, help="File of votes in DATASET."
)
@reading_options()
@json_option
def compare(
    dataset: str,
    strategies: tuple[str, ...],
    truth: Path | None,
    folds: int,
    seed: int,
    answers_file: str,
    as_json: bool,
    **reading: Any,
) -> None:
    """Compare strategies on the votes of DATASET or FILE, the best first.

    With --truth, or gold labels that came with the votes, by their scores against it. Without,
    by the mean log-probability that each gives to answers it has not seen, so that one can
    choose without any truth; 'peerannot aggregate -s auto' takes the first. Time and memory are
    those of one fit.
    """
    from peerannot.answers import gold_classes
    from peerannot.selection import compare as run
    from peerannot.selection import read_truth

    votes = load_votes(dataset, answers_file=answers_file, truth=truth, **reading)
    known: Any = None
    if truth is not None:
        read = read_truth(truth, votes.answers, **truth_keywords(reading))
        known = read.classes
        if read.several:
            note(f"{truth}: {read.several} of its tasks have several labels, any of which is right")
        if read.missing:
            note(f"{truth}: {read.missing} of its tasks have no label")
    elif votes.gold:
        known = gold_classes(votes.answers, votes.gold)
        note(f"{len(votes.gold)} gold labels came with the votes; scores are against them")
    with spoken_warnings(), progress_bar("compare") as progress:
        rows = run(
            votes.answers, strategies or None, truth=known, folds=folds, seed=seed,
            progress=progress,
        )  # fmt: skip
    if as_json:
        emit_json(
            "compare",
            {
                "by": "truth" if known is not None else "held-out answers",
                "folds": folds,
                "seed": seed,
                "best": rows[0].strategy if rows[0].problem is None else None,
                "results": [asdict(row) for row in rows],
                **votes.facts,
            },
        )
        return
    from peerannot.cli._table import print_table

    columns = SCORES if known is not None else ("held-out log-probability", "standard error")
    print_table(
        ["strategy", *(c.replace("_", " ") for c in columns), "seconds", "MB"],
        [_cells(row) for row in rows if row.problem is None],
    )
    for row in rows:
        if row.problem is not None:
            note(f"{row.strategy} left out: {row.problem}")


def _cells(row: Comparison) -> list[str]:
    if row.scores is not None:
        middle = [f"{getattr(row.scores, name):.4f}" for name in SCORES]
    else:
        middle = [f"{row.heldout:.4f}", f"{row.heldout_error:.4f}"]
    memory = "" if row.memory is None else f"{row.memory / 2**20:.0f}"
    return [row.strategy, *middle, f"{row.seconds:.2f}", memory]
