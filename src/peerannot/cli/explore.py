"""``peerannot explore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from peerannot.cli._common import emit, note, progress_bar, spoken_warnings
from peerannot.cli._paths import LocalPath
from peerannot.cli.report import source_options

if TYPE_CHECKING:
    from peerannot.dataset import Dataset
    from peerannot.report import Explorer

__all__ = ["explore"]

_FLAGS = {"strategies": "strategy", "n_tasks": "tasks", "replicates": "check"}


@click.command()
@click.argument("dataset", default=".", type=LocalPath(exists=True, file_okay=False))
@source_options
@click.option(
    "--audit",
    "sheet",
    type=LocalPath(dir_okay=False),
    help="Judge the tasks of this sheet of 'peerannot audit' instead, without what the crowd said.",
)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on.  [default: a free one]",
)
@click.pass_context
def explore(
    ctx: click.Context,
    dataset: Path,
    strategies: tuple[str, ...],
    main: str | None,
    n_tasks: int,
    answers_file: str,
    metadata_path: Path | None,
    replicates: int | None,
    no_images: bool,
    sheet: Path | None,
    no_browser: bool,
    port: int,
) -> None:
    """Look at DATASET (default: this folder) in the browser, and correct labels.

    Corrected labels are saved as gold in DATASET/gold.json, those of an audit in its sheet. The
    page is served to this machine alone, under an address with a random token.
    """
    from peerannot.dataset import Dataset
    from peerannot.report import GOLD, Explorer, draw, read_source

    folder = Dataset.open(dataset, metadata_path=metadata_path)
    if sheet is not None:
        for name in ("strategies", "main", "n_tasks", "replicates"):
            if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                flag = "--" + _FLAGS.get(name, name)
                raise click.UsageError(
                    f"{flag} is of the crowd's labels: leave it out with --audit"
                )
        _judge(folder, answers_file, sheet, images=not no_images, no_browser=no_browser, port=port)
        return
    with spoken_warnings(), progress_bar("explore") as progress:
        source = read_source(
            folder,
            strategies=strategies,
            main=main,
            answers_file=answers_file,
            images=not no_images,
            check=replicates,
            progress=progress,
        )
        page = draw(source, n_tasks=n_tasks, editable=True, progress=progress)
    for text in page.notes:
        note(f"Note: {text}")
    answers = source.answers
    explorer = Explorer(page.content, dataset / GOLD, answers.tasks, answers.classes, port)
    _serve(explorer, "gold labels", no_browser=no_browser)


def _judge(
    folder: Dataset, answers_file: str, path: Path, *, images: bool, no_browser: bool, port: int
) -> None:
    from peerannot.audit import read_sheet
    from peerannot.dataset.images import images_of_tasks
    from peerannot.report import AuditExplorer, draw_audit

    answers = folder.answers(answers_file)
    sheet = read_sheet(path, answers, changed=True)
    pictures = None
    if images and (folder.path / "train").is_dir():
        pictures = images_of_tasks(folder.images("train"), answers.tasks)
    with progress_bar("explore") as progress:
        page = draw_audit(folder.name, answers, sheet, pictures, progress=progress)
    for text in page.notes:
        note(f"Note: {text}")
    explorer = AuditExplorer(page.content, sheet, answers, port=port)
    _serve(explorer, "labels", no_browser=no_browser)


def _serve(explorer: Explorer, saved: str, *, no_browser: bool) -> None:
    import webbrowser

    emit(explorer.url)
    note("Press Ctrl-C to stop; what you choose is saved as it is chosen.")
    if not no_browser:
        webbrowser.open(explorer.url)
    try:
        explorer.serve()
    except KeyboardInterrupt:
        note(f"Stopped; {saved} are in {explorer.gold}" if explorer.gold.exists() else "Stopped")
