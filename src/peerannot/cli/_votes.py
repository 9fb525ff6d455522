"""Votes from a dataset folder or from a file: what aggregate, evaluate and compare share."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peerannot.answers import Answers

__all__ = ["Votes", "column_options", "is_dataset", "load_votes", "shard_reading"]

F = TypeVar("F", bound=Callable[..., Any])

_COLUMNS = (
    click.option("--task-col", metavar="NAME", help="Column of the task, in a FILE."),
    click.option("--worker-col", metavar="NAME", help="Column of the worker, in a FILE."),
    click.option("--label-col", metavar="NAME", help="Column of the label, in a FILE."),
    click.option(
        "--classes",
        metavar="FILE|A,B,C|K",
        help="Class names in order, or their number; default: the labels that occur in FILE.",
    ),
    click.option("--format", "format_", metavar="NAME", help="Format of FILE; default: found."),
)


def column_options(function: F) -> F:
    """Options that say how a FILE of votes is read."""
    for decorate in reversed(_COLUMNS):
        function = decorate(function)
    return function


@dataclass(frozen=True)
class Votes:
    """Answers, known labels that came with them, and the name of where they are from."""

    answers: Answers
    gold: Mapping[str, Any]
    name: str


def is_dataset(path: str, *, metadata: Path | None = None) -> bool:
    """Whether an argument names a dataset folder, as against a file, a pattern or shards.

    Raises
    ------
    click.BadParameter
        It names nothing.
    """
    at = Path(path)
    if at.is_dir():
        bare = metadata is None and not (at / "metadata.json").exists()
        return not (bare and any(at.rglob("*.parquet")))
    if path != "-" and not at.exists() and not glob.has_magic(path):
        raise click.BadParameter(f"no such folder or file: {path}", param_hint="'DATASET'")
    return False


def load_votes(
    path: str,
    *,
    answers_file: str = "answers.json",
    metadata: Path | None = None,
    path_remove: Path | None = None,
    format_: str | None = None,
    classes: str | None = None,
    **columns: Any,
) -> Votes:
    """Read the votes of a dataset folder or of a file.

    Raises
    ------
    DataError
        The votes are not usable.
    click.UsageError
        An option of files was given for a folder, or the other way round.
    """
    for_files = {"--format": format_, "--classes": classes}
    for_files |= {f"--{key.replace('_', '-')}": value for key, value in columns.items()}
    if is_dataset(path, metadata=metadata):
        from peerannot.dataset import Dataset

        given = [key for key, value in for_files.items() if value is not None]
        if given:
            raise click.UsageError(f"{given[0]} is for a file of votes; {path} is a dataset folder")
        folder = Dataset.open(path, metadata_path=metadata)
        answers = folder.answers(answers_file, path_remove=path_remove)
        return Votes(answers, _saved_gold(folder.path / "gold.json", answers), folder.name)
    from peerannot.dataset import read_removed
    from peerannot.io import read, read_classes

    if metadata is not None or answers_file != "answers.json":
        raise click.UsageError("--metadata_path and --answers-file are for dataset folders")
    imported = read(
        path,
        format=format_,
        classes=None if classes is None else read_classes(classes),
        **columns,
    )
    answers = imported.answers
    if path_remove is not None:
        _, keys = read_removed(path_remove)
        if keys is None:
            raise click.UsageError(f"{path_remove} has no keys of tasks, only positions of images")
        answers = answers.without_tasks(keys)
    return Votes(answers, imported.gold, Path(path).name.partition(".")[0] or "answers")


def shard_reading(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What `column_options` gave, as fits of shards take it."""
    from peerannot.io import read_classes

    classes = reading.get("classes")
    columns = {name: reading.get(name) for name in ("task_col", "worker_col", "label_col")}
    return {"classes": None if classes is None else read_classes(classes), **columns}


def _saved_gold(path: Path, answers: Answers) -> dict[str, Any]:
    """Known labels that 'import' or 'explore' left in a dataset folder, of tasks that are here."""
    from peerannot._files import read_json
    from peerannot.errors import DataError

    if not path.exists():
        return {}
    known = read_json(path)
    if not isinstance(known, dict):
        raise DataError(f"{path}: expected a JSON object from task to class")
    return {task: label for task, label in known.items() if task in answers.tasks}
