"""Votes from a dataset folder or from a file, with what comes beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerannot._file_set import settle
from peerannot._files import read_json
from peerannot.answers import Answers, gold_names
from peerannot.dataset import Dataset, read_removed
from peerannot.errors import DataError, ParameterError
from peerannot.io._read import ImportReport, detect, read
from peerannot.io._source import Source

__all__ = ["Votes", "is_dataset", "load_votes"]


@dataclass(frozen=True)
class Votes:
    """Answers, known labels that came with them, and the name of where they are from.

    ``report`` tells what became of the rows of a file, None of a dataset folder; ``abstained``
    gives the task and the worker of each abstention, ``question`` how the tool that they are from
    names what was asked.
    """

    answers: Answers
    gold: Mapping[str, Any]
    name: str
    report: ImportReport | None = None
    question: Mapping[str, str] = field(default_factory=dict)
    abstained: Callable[[], list[tuple[str, str]]] = list

    @property
    def facts(self) -> dict[str, Any]:
        """What ``--json`` tells of the reading of a file."""
        return {} if self.report is None else {"reading": self.report.as_dict()}


def is_dataset(path: str | Path, *, metadata: str | Path | None = None) -> bool:
    """Whether a path names a dataset folder, as against a file, a pattern or an export."""
    at = Path(path)
    if not at.is_dir():
        return False
    settle(at)
    bare = metadata is None and not (at / "metadata.json").exists()
    return not (bare and (any(at.rglob("*.parquet")) or _is_export(at)))


def _is_export(folder: Path) -> bool:
    """Whether a folder holds an export of a tool, such as one file a task."""
    if (folder / "answers.json").exists():
        return False
    try:
        return bool(detect(Source.open(folder), {}))
    except ParameterError:
        return True
    except DataError:
        return False


def load_votes(
    path: Any,
    *,
    answers_file: str = "answers.json",
    metadata: str | Path | None = None,
    path_remove: str | Path | None = None,
    spell: Callable[[str], str] = str,
    **reading: Any,
) -> Votes:
    """Read the votes of a dataset folder or of a file.

    Parameters
    ----------
    path
        A dataset folder, or what `peerannot.io.read` takes.
    answers_file, metadata
        Of a dataset folder: the file of votes, in it or anywhere, and metadata elsewhere.
    path_remove
        Pruning file of tasks to leave out.
    spell
        How messages write the name of an option.
    **reading
        Options of `peerannot.io.read`, for files.

    Raises
    ------
    DataError
        The votes are not usable.
    ParameterError
        An option of files was given for a folder, or the other way round.
    """
    removed = None if path_remove is None else Path(path_remove)
    if isinstance(path, str | Path) and is_dataset(path, metadata=metadata):
        if reading:
            raise ParameterError(
                f"{spell(next(iter(reading)))} is for a file of votes; {path} is a dataset folder"
            )
        folder = Dataset.open(path, metadata_path=metadata)
        answers = folder.answers(answers_file, path_remove=removed)

        def abstained() -> list[tuple[str, str]]:
            details = folder.details() if answers_file == "answers.json" else None
            return [] if details is None else details.abstained().rows()

        gold = _saved_gold(folder.path / "gold.json", answers)
        asked = read_json(folder.path / "metadata.json") if metadata is None else {}
        question = asked.get("question", {})
        return Votes(answers, gold, folder.name, question=question, abstained=abstained)
    if metadata is not None or answers_file != "answers.json":
        names = " and ".join(map(spell, ("metadata", "answers_file")))
        raise ParameterError(f"{names} are for dataset folders")
    imported = read(path, **reading)
    answers = imported.answers
    if removed is not None:
        _, keys = read_removed(removed)
        if keys is None:
            raise ParameterError(f"{removed} has no keys of tasks, only positions of images")
        answers = answers.without_tasks(keys)
    first = path[0] if isinstance(path, list | tuple) else path
    name = Path(str(first)).name.partition(".")[0] or "answers"
    return Votes(
        answers, imported.gold, name, imported.report, imported.question, imported.abstained.rows
    )


def _saved_gold(path: Path, answers: Answers) -> dict[str, Any]:
    """Known labels that 'import' or 'explore' left in a dataset folder, of tasks that are here."""
    if not path.exists():
        return {}
    known = gold_names(read_json(path), answers.classes, str(path))
    return {task: label for task, label in known.items() if task in answers.tasks}
