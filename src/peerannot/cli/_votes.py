"""Votes from a dataset folder or from a file: what every command that reads votes shares."""

from __future__ import annotations

import glob
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from peerannot.cli._common import note
from peerannot.cli._paths import LocalPath

if TYPE_CHECKING:
    from peerannot.io import ImportReport
    from peerannot.io.votes import Votes

__all__ = [
    "answers_file_option",
    "flag",
    "is_dataset",
    "load_votes",
    "only_for_files",
    "read_keywords",
    "reading_names",
    "reading_options",
    "request_fields",
    "say",
    "truth_keywords",
    "truth_option",
    "without_truth",
]

F = TypeVar("F", bound=Callable[..., Any])

_FOR_TRUTH = ("task_col", "label_col", "labels")
_OF_EVERY_FORMAT = ("format", "classes", "labels", "duplicates")
# What the library calls otherwise.
_COLUMNS = {
    "task": "task_col", "worker": "worker_col", "label": "label_col", "weights": "weight_col",
}  # fmt: skip
_FLAGS = {**_COLUMNS, "metadata": "metadata_path"}

# The name of each is that of a keyword of `peerannot.io.read` or of an option of a format, so a
# new one needs no more than its entry here; --read is taken apart by `read_keywords`.
_OPTIONS: dict[str, Callable[..., Any]] = {
    "format": click.option("--format", metavar="NAME", help="Format of FILE; default: found."),
    "classes": click.option(
        "--classes",
        metavar="FILE|A,B,C|K",
        help="Class names in order, or their number; default: the labels that occur.",
    ),
    "labels": click.option(
        "--labels",
        type=click.Choice(["codes", "names"]),
        help="Whether labels are positions of the classes or their names; default: numbers of JSON"
        " are positions, cells of tables names.",
    ),
    "task_col": click.option("--task-col", metavar="NAME", help="Column of the task."),
    "worker_col": click.option("--worker-col", metavar="NAME", help="Column of the worker."),
    "label_col": click.option("--label-col", metavar="NAME", help="Column of the label."),
    "weight_col": click.option(
        "--weight-col", metavar="NAME", help="Column of the weight of an answer."
    ),
    "gold_col": click.option(
        "--gold-col", metavar="NAME", help="Column of known labels of the tasks."
    ),
    "time_col": click.option(
        "--time-col",
        metavar="NAME",
        help="Column of the time of an answer; the last is the newest.",
    ),
    "control": click.option(
        "--control", metavar="NAME", help="The question, where there are several."
    ),
    "worker": click.option(
        "--worker",
        multiple=True,
        metavar="NAME",
        help="Who answered, where the format does not say; repeat it for several files.",
    ),
    "worker_from": click.option(
        "--worker-from",
        type=click.Choice(["dir", "job", "file"]),
        help="What names the worker: the folder of a file (LabelMe), its job or name (CVAT).",
    ),
    "duplicates": click.option(
        "--duplicates",
        type=click.Choice(["last", "first", "all", "error"]),
        help="Which of several answers of a worker to a task counts.  [default: last]",
    ),
    "where": click.option(
        "--where",
        multiple=True,
        metavar="COLUMN=VALUE",
        help="Read only the rows that have this value; repeatable.",
    ),
    "sheet": click.option(
        "--sheet", metavar="NAME", help="Sheet of an Excel workbook, by name or number."
    ),
    "no_answer": click.option(
        "--no-answer",
        multiple=True,
        metavar="LABEL",
        help="A label that stands for no answer, as empty cells and NA do; repeatable.",
    ),
    "normalize_labels": click.option(
        "--normalize-labels",
        is_flag=True,
        help="Merge labels that differ only in case, spaces or composed accents.",
    ),
    "read": click.option(
        "--read", multiple=True, metavar="KEY=VALUE", help="An option of the format; repeatable."
    ),
}


def answers_file_option(function: F) -> F:
    """``--answers-file``: which file of a data set has the votes."""
    decorate = click.option(
        "--answers-file",
        default="answers.json",
        show_default=True,
        help="File of votes in DATASET.",
    )
    return decorate(function)


def truth_option(function: F) -> F:
    """``--truth``, where a command is about known labels."""
    decorate = click.option(
        "--truth",
        required=True,
        type=LocalPath(exists=True, dir_okay=False),
        help="Known labels: a table with task and label, a .npy in the order of tasks, or JSON.",
    )
    return decorate(function)


def reading_options(*, without: Collection[str] = ()) -> Callable[[F], F]:
    """Options that say how a FILE of votes is read; ``without`` names those that clash."""

    def decorate(function: F) -> F:
        for name in reversed(_OPTIONS):
            if name not in without:
                function = _OPTIONS[name](function)
        return function

    return decorate


def reading_names() -> tuple[str, ...]:
    """Names of the parameters of `reading_options`."""
    return tuple(_OPTIONS)


def read_keywords(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What `reading_options` gave, as keywords of `peerannot.io.read`.

    Raises
    ------
    ParameterError
        A pair is not ``key=value``, or an option is given twice.
    """
    from peerannot._options import parse_pairs
    from peerannot.errors import ParameterError
    from peerannot.io import read_classes

    keywords = {name: value for name, value in _given(reading).items() if name != "read"}
    for key, value in parse_pairs(reading.get("read", ()), where="--read").items():
        name = key.replace("-", "_")
        if name in keywords:
            raise ParameterError(f"--read: {key} is given twice")
        keywords[name] = value
    if isinstance(keywords.get("worker"), tuple):
        # One is of all files, several are one a file.
        several = keywords["worker"]
        keywords["worker"] = several[0] if len(several) == 1 else list(several)
    if "classes" in keywords:
        keywords["classes"] = read_classes(keywords["classes"])
    return keywords


def _given(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What the user typed; options that were not are None, empty, or a flag that is off."""
    return {k: v for k, v in reading.items() if v is not None and v is not False and v != ()}


def is_dataset(path: str, *, metadata: Path | None = None) -> bool:
    """Whether an argument names a dataset folder, as against a file, a pattern or an export.

    Raises
    ------
    click.BadParameter
        It names nothing.
    """
    from peerannot.io import votes

    at = Path(path)
    if path != "-" and not at.exists() and not glob.has_magic(path):
        raise click.BadParameter(f"no such folder or file: {path}", param_hint="'DATASET'")
    return votes.is_dataset(at, metadata=metadata)


def only_for_files(reading: Mapping[str, Any], path: str) -> None:
    """Refuse options of files where a dataset folder was given.

    Raises
    ------
    click.UsageError
    """
    for name in _given(reading):
        raise click.UsageError(f"{flag(name)} is for a file of votes; {path} is a dataset folder")


def truth_keywords(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What `reading_options` gave, as keywords of `peerannot.selection.read_truth`."""
    return {name: reading.get(name) for name in _FOR_TRUTH}


def without_truth(reading: Mapping[str, Any], truth: Path | None) -> dict[str, Any]:
    """The options less those that a file of truth takes too, where there is one."""
    return {k: v for k, v in reading.items() if truth is None or k not in _FOR_TRUTH}


def load_votes(
    path: str,
    *,
    answers_file: str = "answers.json",
    metadata: Path | None = None,
    path_remove: Path | None = None,
    truth: Path | None = None,
    **reading: Any,
) -> Votes:
    """Read the votes of a dataset folder or of a file; some options may be for a file of truth.

    Raises
    ------
    DataError
        The votes are not usable.
    ParameterError
        An option of files was given for a folder, or the other way round.
    """
    from peerannot.io import votes

    in_folder = is_dataset(path, metadata=metadata)
    given = _given(without_truth(reading, truth)) if in_folder else read_keywords(reading)
    found = votes.load_votes(
        path, answers_file=answers_file, metadata=metadata, path_remove=path_remove, spell=flag,
        **given,
    )  # fmt: skip
    if found.report is not None:
        say(found.report)
    return found


def say(report: ImportReport) -> dict[str, Any]:
    """Tell on stderr what became of the rows of a file; the same as facts for ``--json``."""
    for line in report.lines():
        note(line)
    return {"reading": report.as_dict()}


def flag(name: str) -> str:
    """How the command line writes an option of the library."""
    return "--" + _FLAGS.get(name, name).removeprefix("read.").replace("_", "-")


def request_fields(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What `reading_options` gave, as fields of `peerannot.aggregation.request.Request`.

    Raises
    ------
    ParameterError
        See `read_keywords`.
    """
    keywords = read_keywords(reading)
    columns = {name: keywords.pop(column, None) for name, column in _COLUMNS.items()}
    whole = {name: keywords.pop(name, None) for name in _OF_EVERY_FORMAT}
    return {**columns, **whole, "read": keywords}
