"""``peerannot report``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from peerannot.cli._common import emit, emit_json, json_option, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath
from peerannot.cli._votes import is_dataset, load_votes, only_for_files, reading_options

__all__ = ["report", "source_options"]

F = TypeVar("F", bound=Callable[..., Any])


def source_options(function: F) -> F:
    """What ``report`` and ``explore`` are drawn from."""
    for decorate in reversed(
        (
            click.option(
                "--strategy",
                "-s",
                "strategies",
                multiple=True,
                help="A strategy to compare; repeat it. By default the usual ones.",
            ),
            click.option(
                "--main",
                help='Strategy whose labels are shown; "auto": the one that predicts held-out'
                " answers best. By default Dawid-Skene where there are enough answers for it,"
                " else GLAD.",
            ),
            click.option(
                "--tasks",
                "n_tasks",
                type=click.IntRange(min=1),
                default=1000,
                show_default=True,
                help="Most tasks in the explorer, the most uncertain first.",
            ),
            click.option(
                "--answers-file",
                default="answers.json",
                show_default=True,
                help="File of votes, inside DATASET or anywhere.",
            ),
            click.option(
                "--metadata-path",
                type=LocalPath(dir_okay=False),
                help="Metadata, when not DATASET/metadata.json.",
            ),
            click.option(
                "--check",
                "replicates",
                type=click.IntRange(min=0),
                help="Replicates of the check whether the model fits, 19 or more, as 'peerannot"
                " check' has them; 0 for no check.  [default: 39 on at most 10,000 answers, about a"
                " second]",
            ),
            click.option("--no-images", is_flag=True, help="Leave the images out."),
        )
    ):
        function = decorate(function)
    return function


@click.command()
@click.argument("dataset", default=".", metavar="[DATASET|FILE]")
@source_options
@reading_options()
@click.option(
    "--output",
    "-o",
    type=LocalPath(dir_okay=False),
    help="File to write.  [default: DATASET/report.html, or NAME-report.html of a FILE]",
)
@json_option
def report(
    dataset: str,
    strategies: tuple[str, ...],
    main: str | None,
    n_tasks: int,
    answers_file: str,
    metadata_path: Path | None,
    replicates: int | None,
    no_images: bool,
    output: Path | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Draw a report of DATASET (default: this folder), or of a FILE of votes, as one HTML file.

    It shows the votes, the agreement, the classes and their confusions, the workers, strategies
    compared, whether the model fits, the judges where workers are models, and every task with its
    image and votes. The file loads nothing from elsewhere.
    """
    from peerannot._files import atomic_write
    from peerannot.dataset import bad_images
    from peerannot.report import draw, read_source

    where, facts = _source(dataset, metadata_path, answers_file, reading)
    with spoken_warnings(), progress_bar("report") as progress:
        source = read_source(
            where,
            strategies=strategies,
            main=main,
            answers_file=answers_file,
            images=not no_images,
            check=replicates,
            progress=progress,
        )
        page = draw(source, n_tasks=n_tasks, progress=progress)
    path = output or (
        Path(f"{source.name}-report.html") if facts else Path(dataset) / "report.html"
    )
    with atomic_write(path) as handle:
        handle.write(page.content)
    if as_json:
        emit_json(
            "report",
            {
                "report": str(path),
                "bytes": len(page.content),
                "strategies": list(source.results),
                "main": source.main,
                "n_tasks": source.answers.n_tasks,
                "n_tasks_shown": min(n_tasks, source.answers.n_tasks),
                "notes": page.notes,
                **bad_images(page.bad),
                **facts,
            },
        )
        return
    emit(str(path))
    for text in page.notes:
        note(f"Note: {text}")
    size = f"{len(page.content) / 1e6:.1f} MB"
    note(f"{size}, labels of {source.title(source.main)}; open it in a browser")


def _source(
    path: str, metadata: Path | None, answers_file: str, reading: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """The data set, or the votes of a file and facts of how it was read."""
    from peerannot.dataset import Dataset
    from peerannot.report import Named

    if is_dataset(path, metadata=metadata):
        only_for_files(reading, path)
        return Dataset.open(path, metadata_path=metadata), {}
    votes = load_votes(path, answers_file=answers_file, metadata=metadata, **reading)
    return Named(votes.name, votes.answers, votes.gold), votes.facts
