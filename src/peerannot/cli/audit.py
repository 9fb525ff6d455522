"""``peerannot audit``."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
)
from peerannot.cli._paths import LocalPath
from peerannot.cli._votes import answers_file_option, is_dataset, load_votes, reading_options

if TYPE_CHECKING:
    from peerannot.answers import Answers
    from peerannot.audit import Audit, Labelled, Share, Sheet

__all__ = ["audit"]

SHOWN = 20  # workers in the table on the terminal
FILE = LocalPath(dir_okay=False)


@click.command(epilog="Strategies and their options: peerannot agginfo -v")
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option("--n", type=click.IntRange(1), help="Draw so many tasks for an expert.")
@click.option(
    "--design",
    type=click.Choice(["random", "doubt"]),
    help="Draw at random, or tasks of doubtful labels more often.  [default: random]",
)
@click.option("--seed", type=click.IntRange(0), help="Seed of the drawing.  [default: 0]")
@click.option(
    "--extend",
    type=FILE,
    help="A sheet to go on from: its tasks and labels stay, and there are --n in all.",
)
@click.option("--result", type=FILE, help="A sheet that the expert filled in: estimate from it.")
@click.option(
    "--width",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="With --result: how many more labels until intervals are so wide at most, high - low.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="With --result or --extend: take the answers as they are now, where they changed since"
    " the drawing.",
)
@click.option(
    "--strategy",
    "-s",
    help="Strategy, options in brackets, whose labels are judged and whose doubt counts.  [default:"
    " the one of the drawing, else majority_voting]",
)
@click.option(
    "--labels-file",
    type=FILE,
    help="The same from a file: .npy that aggregate wrote, a table with task and label, or JSON.",
)
@answers_file_option
@reading_options()
@click.option(
    "--output",
    "-o",
    type=FILE,
    help="Sheet to write (.csv)  [default: audit.csv]; with --result, a table of the estimates"
    " (.csv, .parquet, .tsv).",
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@json_option
def audit(
    dataset: str,
    n: int | None,
    result: Path | None,
    extend: Path | None,
    answers_file: str,
    as_json: bool,
    design: str | None,
    seed: int | None,
    width: float | None,
    changed: bool,
    strategy: str | None,
    labels_file: Path | None,
    output: Path | None,
    force: bool,
    **reading: Any,
) -> None:
    """Have an expert judge some tasks of DATASET (default: this folder) or FILE, and estimate.

    First --n draws tasks and writes a sheet to fill in: the name of a class in the column label,
    or ? where it cannot be said, in the order of the rows; 'peerannot explore DATASET --audit
    SHEET' asks in the browser, without showing what the crowd said. Then --result estimates
    the share of right labels, the share of each class and the error rate of each worker, each
    with a 95 % interval that holds whatever the model and the crowd are worth.
    """
    _one_job(n, result, extend, design, seed, width, changed, strategy, labels_file)
    votes = load_votes(dataset, answers_file=answers_file, **reading)
    if result is not None:
        _estimate(
            votes.answers, votes.facts, result, strategy, labels_file,
            changed=changed, width=width, output=output, force=force, as_json=as_json,
        )  # fmt: skip
        return
    from peerannot.audit import doubt, draw, read_sheet, write_sheet
    from peerannot.errors import DataError
    from peerannot.io import may_write

    assert n is not None
    answers, before = votes.answers, None
    path = output or extend or Path("audit.csv")
    if path != extend:
        may_write(path, force=force, suffixes=(".csv",))
    if extend is not None:
        before = read_sheet(extend, answers, changed=changed)
        if before.design == "random" and (strategy or labels_file):
            raise click.UsageError(f"{extend} was drawn at random: leave out whose labels to doubt")
        design, seed, strategy = before.design, before.seed, strategy or before.strategy
    design, seed = design or "random", seed or 0
    sizes = None
    if design == "doubt":
        strategy = strategy or ("" if labels_file else "majority_voting")
        sizes = doubt(_labelled(answers, strategy, labels_file).confidence)
    drawing = draw(answers.n_tasks, n, seed=seed, sizes=sizes)
    if before is not None and not before.drawing.begins(drawing):
        raise DataError(
            f"{extend}: its tasks do not come first among {n:,}: n is lower than it was, or doubt"
            " is of other labels"
        )
    write_sheet(
        path, answers, drawing, design=design, seed=seed,
        strategy=strategy or "" if design == "doubt" else "", images=_images(dataset, answers),
        said=before.said if before is not None else {},
        others=before.others if before is not None else {},
    )  # fmt: skip
    if as_json:
        facts = {"sheet": str(path), "n": n, "n_tasks": answers.n_tasks, "design": design}
        emit_json("audit", {**facts, "seed": seed, **votes.facts})
        return
    emit(str(path))
    note(
        f"{n:,} of {answers.n_tasks:,} tasks to judge; fill in the column label (? where it cannot"
        " be said), from the first row on"
    )
    where = click.format_filename(path)
    if is_dataset(dataset):
        note(f"In the browser: peerannot explore {dataset} --audit {where}")
    note(f"Then: peerannot audit {dataset} --result {where}")


def _one_job(
    n: int | None,
    result: Path | None,
    extend: Path | None,
    design: str | None,
    seed: int | None,
    width: float | None,
    changed: bool,
    strategy: str | None,
    labels_file: Path | None,
) -> None:
    """Refuse options that would not act.

    Raises
    ------
    click.UsageError
    """
    if (n is None) == (result is None):
        raise click.UsageError("give either --n to draw tasks, or --result to estimate from them")
    if strategy is not None and labels_file is not None:
        raise click.UsageError("give either --strategy or --labels-file")
    drawing = {"--design": design, "--seed": seed, "--extend": extend}
    for name, value in drawing.items():
        if result is not None and value is not None:
            raise click.UsageError(f"{name} is for --n, not for --result")
        if extend is not None and value is not None and name != "--extend":
            raise click.UsageError(f"{name} is that of the sheet; leave it out with --extend")
    if n is not None and width is not None:
        raise click.UsageError("--width is for --result")
    if n is not None and changed and extend is None:
        raise click.UsageError("--changed is for --result or --extend")
    named = "--strategy" if strategy is not None else "--labels-file" if labels_file else ""
    if n is not None and named and design != "doubt" and extend is None:
        raise click.UsageError(f"{named} is for --design doubt, or for --result")


def _labelled(answers: Answers, strategy: str, labels_file: Path | None) -> Labelled:
    from peerannot.aggregation import build
    from peerannot.audit import Labelled, read_labelled

    if labels_file is not None:
        return read_labelled(labels_file, answers)
    with spoken_warnings(), progress_bar("fit") as progress:
        return Labelled.of(build(strategy).fit(answers, progress=progress), strategy)


def _images(dataset: str, answers: Answers) -> dict[int, Path]:
    """Images of tasks, where a data set has any."""
    from peerannot.dataset import Dataset
    from peerannot.dataset.images import images_of_tasks

    if not is_dataset(dataset) or not (Path(dataset) / "train").is_dir():
        return {}
    found = images_of_tasks(Dataset.open(dataset).images("train"), answers.tasks)
    return {i: path for i, path in enumerate(found) if path is not None}


def _estimate(
    answers: Answers,
    facts: Mapping[str, Any],
    result: Path,
    strategy: str | None,
    labels_file: Path | None,
    *,
    changed: bool,
    width: float | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    from peerannot.audit import estimate, read_sheet
    from peerannot.io import may_write, write_table

    if output is not None:
        may_write(output, force=force)
    sheet = read_sheet(result, answers, changed=changed)
    if sheet.design == "doubt" and not (strategy or labels_file or sheet.strategy):
        raise click.UsageError(
            f"{result} was drawn by doubt of a file's labels: give --labels-file or --strategy,"
            " whose labels are to be judged"
        )
    strategy = strategy or sheet.strategy or "majority_voting"
    labelled = _labelled(answers, strategy, labels_file)
    with progress_bar("audit") as progress:
        found = estimate(answers, labelled, sheet, progress=progress)
    rows = _rows(found)
    if output is not None:
        write_table(output, _columns(rows, width))
    if as_json:
        emit_json("audit", {**_document(found, sheet, labelled, width), **facts})
        return
    _print(found, rows, labelled, width)
    if output is not None:
        note(f"All estimates are in {output}")


def _rows(found: Audit) -> list[tuple[str, str, Share]]:
    """What each estimate is of: right, class or worker; its name; itself."""
    workers = sorted(found.errors.items(), key=lambda item: (-item[1].low, item[0]))
    return [
        ("right", "", found.right),
        *(("class", name, share) for name, share in found.classes.items()),
        *(("worker", name, share) for name, share in workers),
    ]


def _columns(rows: list[tuple[str, str, Share]], width: float | None) -> dict[str, Any]:
    facts = [share.as_dict() for _, _, share in rows]
    columns: dict[str, Any] = {
        "of": [of for of, _, _ in rows],
        "name": [name for _, name, _ in rows],
    }
    columns |= {key: [fact[key] for fact in facts] for key in facts[0]}
    if width is not None:
        columns["more"] = [share.more(width) for _, _, share in rows]
    return columns


def _document(
    found: Audit, sheet: Sheet, labelled: Labelled, width: float | None
) -> dict[str, Any]:
    def facts(share: Share) -> dict[str, Any]:
        more = {} if width is None else {"more": share.more(width)}
        return {**share.as_dict(), **more}

    return {
        "labels": labelled.name,
        "design": sheet.design,
        "level": found.right.level,
        "width": width,
        "judged": found.judged,
        "unsaid": found.unsaid,
        "waiting": found.waiting,
        "right": facts(found.right),
        "classes": {name: facts(share) for name, share in found.classes.items()},
        "workers": {name: facts(share) for name, share in found.errors.items()},
    }


def _print(
    found: Audit,
    rows: list[tuple[str, str, Share]],
    labelled: Labelled,
    width: float | None,
) -> None:
    from peerannot.cli._table import print_table

    def cells(name: str, share: Share) -> list[str]:
        value = "" if share.value is None else f"{share.value:.4f}"
        more = share.more(width) if width is not None else None
        least = [] if width is None else ["" if more is None else f"{more:,}"]
        return [name, value, f"{share.low:.4f}", f"{share.high:.4f}", f"{share.n:,}", *least]

    header = ["estimate", "low", "high", "judged", *([] if width is None else ["more"])]
    workers = [row for row in rows if row[0] == "worker"]
    print_table(
        ["share", *header],
        [
            cells("labels right" if of == "right" else f"class {name}", share)
            for of, name, share in rows
            if of != "worker"
        ],
    )
    print_table(
        ["errors of worker", *header], [cells(name, share) for _, name, share in workers[:SHOWN]]
    )
    said = f"; {found.unsaid:,} cannot be said, so shares are of tasks that can" * bool(
        found.unsaid
    )
    left = f"; {found.waiting:,} more are not judged yet" * bool(found.waiting)
    note(f"Labels of {labelled.name}; {found.judged:,} tasks judged{said}{left}")
    if len(workers) > SHOWN:
        note(f"{len(workers) - SHOWN:,} more workers: --output or --json has them")
    little = sum(share.too_few for _, _, share in workers)
    if little:
        note(f"Of {little:,} workers fewer than 10 answers were judged, too few to tell")
    note(
        "95 % intervals by prediction-powered inference: they hold whatever the model is worth, if"
        " the expert is right and judged every task that was drawn"
    )
    more = None if width is None else found.right.more(width)
    if more:
        total = math.ceil((found.judged + found.unsaid) * (found.right.n + more) / found.right.n)
        note(
            f"For an interval of the labels right that is {width:g} wide: {more:,} more, peerannot"
            f" audit --extend SHEET --n {total}"
        )
