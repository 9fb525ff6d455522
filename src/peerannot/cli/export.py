"""``peerannot export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from peerannot.cli._common import (
    emit,
    emit_json,
    json_option,
    must_write_csv,
    note,
    progress_bar,
    spoken_warnings,
    spreadsheet_option,
)
from peerannot.cli._paths import LocalPath
from peerannot.cli._votes import answers_file_option, is_dataset, load_votes, reading_options

if TYPE_CHECKING:
    from peerannot.answers import Answers

__all__ = ["export"]


@click.command(
    epilog="Formats of answers: crowdkit, cleanlab, answers-json, worker-first, text-matrix; of"
    " labels: label-studio, huggingface, coco, imagefolder."
)
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@click.option("--to", "to", required=True, metavar="FORMAT", help="Format to write.")
@click.option(
    "--output",
    "-o",
    required=True,
    type=LocalPath(),
    help="File to write; a folder for huggingface and imagefolder.",
)
@click.option(
    "--strategy",
    "-s",
    help="Strategy that aggregates the labels, where the format has them; default:"
    " majority_voting.",
)
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="An option of the format.")
@answers_file_option
@reading_options()
@click.option("--force", is_flag=True, help="Overwrite the output.")
@spreadsheet_option
@json_option
def export(
    dataset: str,
    to: str,
    output: Path,
    strategy: str | None,
    options: tuple[str, ...],
    answers_file: str,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Write the answers of DATASET or FILE, or their aggregated labels, for another tool."""
    from peerannot._options import parse_pairs
    from peerannot.aggregation import build
    from peerannot.io import WRITERS, Export
    from peerannot.io import export as write

    writer = WRITERS[to]
    must_write_csv(output if writer.suffixes else None)
    extra = parse_pairs(options)
    votes = load_votes(dataset, answers_file=answers_file, **reading)
    result = None
    if strategy is not None or writer.needs_labels:
        fitted = build(strategy or "majority_voting")
        with spoken_warnings(), progress_bar(fitted.name) as progress:
            result = fitted.fit(votes.answers, progress=progress)
    files: dict[str, Path] = {}
    original: dict[str, str] = {}
    sources: dict[str, str] = {}
    if is_dataset(dataset):
        files = _images(Path(dataset), votes.answers)
        original, sources = _tasks(Path(dataset))
    job = Export(
        votes.answers, result, files, original, sources, votes.name, abstained=votes.abstained(),
        question=votes.question,
    )  # fmt: skip
    notes = write(job, output, to, force=force, **extra)
    if as_json:
        emit_json(
            "export",
            {
                "format": writer.name,
                "output": str(output),
                "strategy": None if result is None else result.strategy,
                "notes": notes,
                **votes.facts,
            },
        )
        return
    emit(str(output))
    for line in notes:
        note(line)


def _images(folder: Path, answers: Answers) -> dict[str, Path]:
    """Images in train/ by task; none where there is no such folder."""
    from peerannot.dataset import list_images
    from peerannot.errors import DataError

    try:
        images = list_images(folder, "train")
    except DataError:
        # Most formats do without; the one that cannot says so.
        return {}
    at = [(image.task(answers.tasks), image.path) for image in images]
    return {answers.tasks[position]: path for position, path in at if position >= 0}


def _tasks(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Ids and images that the tasks had before 'peerannot import', by key."""
    from peerannot.io import Source, read_rows

    path = folder / "tasks.csv"
    if not path.exists():
        return {}, {}
    rows = read_rows(Source.open(path), ("key", "task", "image"))
    return {r["key"]: r["task"] for r in rows}, {r["key"]: r["image"] for r in rows if r["image"]}
