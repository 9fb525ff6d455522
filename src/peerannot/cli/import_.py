"""``peerannot import``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from peerannot.cli._common import emit, emit_json, json_option, note
from peerannot.cli._votes import read_keywords, reading_options, say

__all__ = ["import_"]


class _ImportCommand(click.Command):
    """A command whose help ends with the formats that there are."""

    @property
    def epilog(self) -> str:
        # Only help asks for it: the formats are not loaded to start.
        from peerannot.io import FORMATS

        return f"Formats: {', '.join(FORMATS)}; what each holds is in docs/formats.md."

    @epilog.setter
    def epilog(self, value: str | None) -> None:
        """Click sets one; there is only this."""


@click.command("import", cls=_ImportCommand)
@click.argument("source")
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="Dataset folder to make."
)
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the images of the tasks.",
)
@click.option("--link", is_flag=True, help="Link images instead of copying them.")
@click.option("--name", help="Name of the data set; default: that of the folder.")
@reading_options()
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="As --read.")
@click.option("--force", is_flag=True, help="Overwrite a dataset that is there.")
@json_option
def import_(
    source: str,
    target: Path,
    images: Path | None,
    link: bool,
    name: str | None,
    options: tuple[str, ...],
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Make a dataset folder of SOURCE, an export of a labelling tool or a table of answers.

    SOURCE is a file, a folder, a pattern, or - for standard input; its format is found by
    content. Answers go to answers.json, known labels to gold.json, images to train/CLASS/ or
    train/unlabelled/.
    """
    from peerannot.io import read, write_dataset

    if link and images is None:
        raise click.UsageError("--link needs --images")
    reading["read"] += options
    imported = read(source, **read_keywords(reading))
    folder = write_dataset(imported, target, name=name, images=images, link=link, force=force)
    report, answers = imported.report, imported.answers
    facts = say(report)
    if as_json:
        emit_json(
            "import",
            {
                "dataset": str(folder.path),
                "format": report.format,
                "rows": report.rows,
                "kept": report.kept,
                "dropped": dict(report.dropped),
                "gold": report.gold,
                "n_tasks": answers.n_tasks,
                "n_workers": answers.n_workers,
                "classes": list(answers.classes),
                "images": folder.images,
                "tasks_without_image": list(folder.without_image),
                "tasks_numbered": folder.numbered,
                **facts,
            },
        )
        return
    emit(str(folder.path))
    note(f"{answers.n_tasks} tasks, {answers.n_workers} workers, {answers.n_classes} classes")
    if images is not None:
        lost = len(folder.without_image)
        note(f"{folder.images} images" + (f"; {lost} tasks have none" if lost else ""))
    if folder.numbered:
        note("tasks are numbered, since their ids cannot be in file names; see tasks.csv")
