"""``peerannot import``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from peerannot.cli._common import emit, emit_json, json_option, note
from peerannot.cli._paths import LocalPath
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
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--to", "target", required=True, type=LocalPath(), help="Dataset folder to make.")
@click.option(
    "--images",
    type=LocalPath(exists=True, file_okay=False),
    help="Folder with the images of the tasks.",
)
@click.option("--link", is_flag=True, help="Link images instead of copying them.")
@click.option("--name", help="Name of the data set; default: that of the folder.")
@reading_options()
@click.option("-P", "options", multiple=True, metavar="KEY=VALUE", help="As --read.")
@click.option("--append", is_flag=True, help="Add to the dataset that is there.")
@click.option("--force", is_flag=True, help="Overwrite a dataset that is there.")
@json_option
def import_(
    sources: tuple[str, ...],
    target: Path,
    images: Path | None,
    link: bool,
    name: str | None,
    options: tuple[str, ...],
    append: bool,
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Make a dataset folder of SOURCE, an export of a labelling tool or a table of answers.

    SOURCE is a file, a folder, a pattern, or - for standard input; its format is found by
    content. Several are one crowd, whatever their formats: the same id is the same task, the same
    worker. Answers go to answers.json, their weights, repeats and abstentions to
    details.parquet, known labels to gold.json, images to train/CLASS/ or train/unlabelled/. With
    --append, classes that are there keep their positions, and new ones follow.
    """
    from peerannot._lock import locked
    from peerannot._text import few
    from peerannot.errors import ParameterError
    from peerannot.io import read, write_dataset

    if link and images is None:
        raise click.UsageError("--link needs --images")
    if append and force:
        raise click.UsageError("--append keeps the dataset that --force overwrites: give one")
    reading["read"] += options
    keywords = read_keywords(reading)
    if append:
        # What is read, added to and written is one by one: two imports at once are both kept.
        click.get_current_context().with_resource(locked(target))
        before = _classes_of(target)
        imported = read([target, *sources], **keywords)
        kept = list(imported.answers.classes)[: len(before)]
        if kept != before:
            raise ParameterError(
                f"--classes: {target} has {few(before, 12)}; name these first, then new ones"
            )
    else:
        imported = read(sources if len(sources) > 1 else sources[0], **keywords)
    folder = write_dataset(
        imported, target, name=name, images=images, link=link, force=force, append=append
    )
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


def _classes_of(folder: Path) -> list[str]:
    """Classes of the dataset to add to."""
    from peerannot.dataset import Dataset
    from peerannot.errors import ParameterError

    if not (folder / "metadata.json").exists() or not (folder / "answers.json").exists():
        raise ParameterError(f"{folder}: no dataset to add to; drop --append to make one")
    return list(Dataset.open(folder).classes)
