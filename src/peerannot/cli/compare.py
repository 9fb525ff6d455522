"""``peerannot compare``."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath
from peerannot.cli._strategy import strategies_option
from peerannot.cli._votes import answers_file_option, load_votes, reading_options, truth_keywords

if TYPE_CHECKING:
    from peerannot.selection import Behind, Comparison, Together

__all__ = ["compare"]

BEHIND = ("behind", "low", "high", "real")
SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("datasets", nargs=-1, metavar="[DATASET|FILE]...")
@strategies_option(more=". Default: all.")
@click.option(
    "--truth",
    "truths",
    multiple=True,
    type=LocalPath(exists=True, dir_okay=False),
    help="Known labels: a table with task and label, a .npy in the order of tasks, or JSON. Of"
    " several data sets, give one of each in their order.",
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
@answers_file_option
@click.option(
    "--figure",
    type=LocalPath(dir_okay=False),
    help="Draw the differences and their intervals here (.png, .svg, .pdf).",
)
@click.option("--force", is_flag=True, help="Overwrite the figure.")
@reading_options()
@json_option
def compare(
    datasets: tuple[str, ...],
    strategies: tuple[str, ...],
    truths: tuple[Path, ...],
    folds: int,
    seed: int,
    answers_file: str,
    figure: Path | None,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Compare strategies on the votes of DATASET or FILE, the best first.

    With --truth, or gold labels that came with the votes, by their scores against it. Without,
    by the mean log-probability that each gives to answers it has not seen, so that one can
    choose without any truth; 'peerannot aggregate -s auto' takes the first. Time and memory are
    those of one fit. Of several data sets, by the mean over them.

    "behind" is the difference to the first, with an interval over tasks; the intervals of all
    strategies hold together with 95 %. "real" is a difference whose interval leaves out 0.
    """
    from peerannot._figures import FIGURES
    from peerannot.io import may_write
    from peerannot.selection import compare as run
    from peerannot.selection import together
    from peerannot.selection.differences import draw_behind

    if figure is not None:
        may_write(figure, force=force, suffixes=FIGURES)
    elif force:
        raise click.UsageError("--force is for --figure")
    homes = datasets or (".",)
    if truths and len(truths) != len(homes):
        raise click.UsageError(
            f"{len(truths)} files of --truth for {len(homes)} data sets: give one of each, or none"
        )
    sets, facts = [], list[dict[str, Any]]()
    with spoken_warnings():
        for home, truth in zip(homes, truths or [None] * len(homes), strict=True):
            answers, known, read = _votes(home, truth, answers_file, reading)
            with progress_bar(f"compare {home}") as progress:
                rows = run(
                    answers, strategies or None, truth=known, folds=folds, seed=seed,
                    progress=progress,
                )  # fmt: skip
            sets.append(rows)
            facts.append({"by": _by(known), "results": [_facts(row) for row in rows], **read})
    found = together(sets, seed=seed) if len(sets) > 1 else []
    behind = [(r.strategy, r.behind) for r in found or sets[0] if r.behind is not None]
    if figure is not None and behind:
        by_truth = facts[0]["by"] == "truth"
        what = "accuracy" if by_truth else "log-probability of held-out answers"
        note(f"differences: {draw_behind(behind, figure, what=what)}")
    told = {"folds": folds, "seed": seed}
    for rows in sets:
        for row in rows:
            if row.problem is not None and not as_json:
                note(f"{row.strategy} left out: {row.problem}")
    if len(sets) == 1:
        first = sets[0][0]
        if as_json:
            best = first.strategy if first.problem is None else None
            emit_json("compare", {**told, "best": best, **facts[0]})
        else:
            _print_one(sets[0], by_truth=facts[0]["by"] == "truth")
        return
    if as_json:
        named = [{"dataset": home, **fact} for home, fact in zip(homes, facts, strict=True)]
        emit_json(
            "compare",
            {
                **told, "by": facts[0]["by"], "best": found[0].strategy,
                "results": [asdict(row) | {"real": row.behind.real} for row in found],
                "datasets": named,
            },
        )  # fmt: skip
        return
    names = [Path(home).resolve().name for home in homes]
    if len(set(names)) < len(names):
        names = [Path(home).resolve().parent.name for home in homes]
    _print_several(names, found)


def _by(known: Any) -> str:
    return "truth" if known is not None else "held-out answers"


def _votes(
    home: str, truth: Path | None, answers_file: str, reading: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Answers, known labels where there are some, and facts of the reading."""
    from peerannot.answers import gold_classes
    from peerannot.selection import read_truth

    votes = load_votes(home, answers_file=answers_file, truth=truth, **reading)
    if truth is not None:
        read = read_truth(truth, votes.answers, **truth_keywords(reading))
        if read.several:
            note(f"{truth}: {read.several} of its tasks have several labels, any of which is right")
        if read.missing:
            note(f"{truth}: {read.missing} of its tasks have no label")
        return votes.answers, read.classes, votes.facts
    if votes.gold:
        note(f"{len(votes.gold)} gold labels came with the votes; scores are against them")
        return votes.answers, gold_classes(votes.answers, votes.gold), votes.facts
    return votes.answers, None, votes.facts


def _facts(row: Comparison) -> dict[str, Any]:
    """A row as JSON has it."""
    facts = asdict(replace(row, values=None, sizes=None))
    del facts["values"], facts["sizes"]
    if row.behind is not None:
        facts["behind"]["real"] = row.behind.real
    return facts


def _print_one(rows: list[Comparison], *, by_truth: bool) -> None:
    from peerannot.cli._table import print_table

    columns = SCORES if by_truth else ("held-out log-probability", "standard error")
    print_table(
        ["strategy", *(c.replace("_", " ") for c in columns), *BEHIND, "seconds", "MB"],
        [_cells(row) for row in rows if row.problem is None],
    )


def _print_several(names: list[str], rows: list[Together]) -> None:
    from peerannot.cli._table import print_table

    print_table(
        ["strategy", *names, "mean", *BEHIND],
        [
            [row.strategy, *(f"{merit:.4f}" for merit in (*row.merits, row.mean)),
             *_behind(row.behind)]
            for row in rows
        ],
    )  # fmt: skip


def _behind(behind: Behind | None) -> list[str]:
    if behind is None:
        return [""] * len(BEHIND)
    numbers = (behind.value, behind.low, behind.high)
    return [*(f"{number:.4f}" for number in numbers), "yes" if behind.real else ""]


def _cells(row: Comparison) -> list[str]:
    if row.scores is not None:
        middle = [f"{getattr(row.scores, name):.4f}" for name in SCORES]
    else:
        middle = [f"{row.heldout:.4f}", f"{row.heldout_error:.4f}"]
    memory = "" if row.memory is None else f"{row.memory / 2**20:.0f}"
    return [row.strategy, *middle, *_behind(row.behind), f"{row.seconds:.2f}", memory]
