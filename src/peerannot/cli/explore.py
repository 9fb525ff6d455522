"""``peerannot explore``."""

from __future__ import annotations

from pathlib import Path

import click

from peerannot.cli._common import emit, note, progress_bar, spoken_warnings
from peerannot.cli.report import source_options

__all__ = ["explore"]


@click.command()
@click.argument(
    "dataset", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@source_options
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on.  [default: a free one]",
)
def explore(
    dataset: Path,
    strategies: tuple[str, ...],
    main: str | None,
    n_tasks: int,
    answers_file: str,
    metadata_path: Path | None,
    no_images: bool,
    no_browser: bool,
    port: int,
) -> None:
    """Look at DATASET (default: this folder) in the browser, and correct labels.

    Corrected labels are saved as gold in DATASET/gold.json. The page is served to this machine
    alone, under an address with a random token.
    """
    import webbrowser

    from peerannot.dataset import Dataset
    from peerannot.report import GOLD, Explorer, draw, read_source

    folder = Dataset.open(dataset, metadata_path=metadata_path)
    with spoken_warnings(), progress_bar("explore") as progress:
        source = read_source(
            folder,
            strategies=strategies,
            main=main,
            answers_file=answers_file,
            images=not no_images,
            progress=progress,
        )
        page = draw(source, n_tasks=n_tasks, editable=True, progress=progress)
    for text in page.notes:
        note(f"Note: {text}")
    answers = source.answers
    explorer = Explorer(page.content, dataset / GOLD, answers.tasks, answers.classes, port)
    emit(explorer.url)
    note("Press Ctrl-C to stop; corrections are saved as they are made.")
    if not no_browser:
        webbrowser.open(explorer.url)
    try:
        explorer.serve()
    except KeyboardInterrupt:
        note(
            f"Stopped; gold labels are in {explorer.gold}" if explorer.gold.exists() else "Stopped"
        )
