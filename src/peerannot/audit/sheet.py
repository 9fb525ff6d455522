"""The sheet that an expert fills in, and the record of how its tasks were drawn.

``audit.csv`` has a row a task, in the order to judge them in: ``task``, ``label`` (empty),
``image`` where there is one, and ``probability``, that of being drawn. ``audit.design.json``
beside it is what estimates are made from: tasks, sizes, seed, and digests of the answers.

A cell of ``label`` that is empty is not judged yet, ``?`` means that it cannot be said. Further
columns are the expert's own and stay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._file_set import file_set, settle
from peerannot._files import Document, atomic_table, read_json, storage_errors, sync_folder
from peerannot._lock import locked
from peerannot._no_answer import is_no_answer
from peerannot._text import did_you_mean, few
from peerannot.answers import Answers, Ids
from peerannot.audit.drawing import DESIGNS, Drawing
from peerannot.errors import DataError, ParameterError
from peerannot.io import Source

__all__ = ["UNSAID", "Sheet", "digest_of_tasks", "read_sheet", "save_label", "write_sheet"]

UNSAID = "?"
_SCHEMA = "peerannot/audit-sheet/1"
_OURS = {"task", "label", "image", "probability"}
_AGAIN = "draw anew, or restore the file"


@dataclass(frozen=True, eq=False)
class Sheet:
    """A drawing and what the expert said so far.

    Attributes
    ----------
    path : Path
        The CSV.
    drawing : Drawing
    design : str
        One of `DESIGNS`.
    seed : int
    strategy : str
        Whose doubt the tasks were drawn by; empty where it was a file's, or nobody's.
    said : mapping of str to str
        From task to class name, or `UNSAID`; tasks not judged yet are absent.
    others : mapping of str to mapping
        The expert's own columns, each from task to cell.
    """

    path: Path
    drawing: Drawing
    design: str
    seed: int
    strategy: str
    said: Mapping[str, str]
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def design_path(path: Path) -> Path:
    """Where the record of a sheet is."""
    return path.with_suffix(".design.json")


def digest_of_tasks(answers: Answers) -> str:
    """SHA-256 of the ids of tasks and classes, whatever was answered."""
    return Answers.empty(answers.tasks, Ids([]), answers.classes).digest()


def write_sheet(
    path: Path,
    answers: Answers,
    drawing: Drawing,
    *,
    design: str,
    seed: int,
    strategy: str = "",
    images: Mapping[int, Path] | None = None,
    said: Mapping[str, str] | None = None,
    others: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write a sheet and its record, both or neither.

    Parameters
    ----------
    path
        The CSV; its name ends in ``.csv``.
    answers
        Whose tasks were drawn.
    drawing, design, seed, strategy, said, others
        As the attributes of `Sheet`.
    images
        From position of a task to its image.

    Raises
    ------
    ParameterError
        The name does not end in ``.csv``.
    DataError
        A class is named as what cannot be said is.
    StorageError
        The files cannot be written.
    """
    if UNSAID in answers.classes:
        raise DataError(
            f"a class is named {UNSAID!r}, which means cannot say in a sheet; rename it"
        )
    if path.suffix.lower() != ".csv":
        raise ParameterError(f"{path}: the name of a sheet must end in .csv")
    tasks = [answers.tasks[int(i)] for i in drawing.tasks]
    columns: dict[str, Any] = {"task": tasks, "label": [(said or {}).get(t, "") for t in tasks]}
    if images:
        found = [images.get(int(i)) for i in drawing.tasks]
        columns["image"] = ["" if image is None else image.as_posix() for image in found]
    columns["probability"] = drawing.probability
    for name, cells in (others or {}).items():
        columns[name] = [cells.get(task, "") for task in tasks]
    record = {
        "schema": _SCHEMA,
        "design": design,
        "seed": seed,
        "strategy": strategy,
        "n_tasks": answers.n_tasks,
        "answers_sha256": answers.digest(),
        "tasks_sha256": digest_of_tasks(answers),
        "tasks": tasks,
        "sizes": drawing.size.tolist(),
        "heavy": drawing.heavy.tolist(),
    }
    with file_set(path.parent) as files:
        files.add(path.name, columns)
        files.add(design_path(path).name, Document(record))


def read_sheet(path: str | Path, answers: Answers, *, changed: bool = False) -> Sheet:
    """Read a sheet back.

    Parameters
    ----------
    path
        The CSV.
    answers
        The answers that it was drawn from.
    changed
        Whether answers may be others by now; tasks and classes may not.

    Raises
    ------
    DataError
        A file is missing or damaged, answers changed, a row is missing or of a task that was not
        drawn, or a label is no class.
    """
    path = Path(path)
    if path.parent.is_dir():
        settle(path.parent)
    record, drawing = _read_record(path, answers, changed=changed)
    drawn = [answers.tasks[int(i)] for i in drawing.tasks]
    known, said, places = set(drawn), dict[str, str](), dict[str, str]()
    others: dict[str, dict[str, str]] = {}
    for place, row in _read_rows(path):
        task, label = _task(row, known), row["label"]
        label = label if label in answers.classes else label.strip()
        if task not in known:
            raise DataError(
                f"{place}: task {task!r} was not drawn"
                + (did_you_mean(task, drawn) or "; a spreadsheet may have changed it")
            )
        label = "" if label not in answers.classes and is_no_answer(label) else label
        if label not in ("", UNSAID) and label not in answers.classes:
            raise DataError(
                f"{place}: label {label!r} is not one of {few(answers.classes, 12)}"
                + (did_you_mean(label, answers.classes) or f"; {UNSAID} is for cannot say")
            )
        if label and said.get(task, label) != label:
            raise DataError(
                f"{place}: task {task!r} is {label!r} here and {said[task]!r} in {places[task]};"
                f" settle which, or write {UNSAID}"
            )
        places.setdefault(task, place)
        for name in [column for column in row if column not in _OURS]:
            others.setdefault(name, {})[task] = row[name]
        if label:
            said[task] = label
    lost = [task for task in drawn if task not in places]
    if lost:
        raise DataError(
            f"{path}: {len(lost)} of the {len(drawn)} tasks drawn have no row ({few(lost, 3)});"
            " restore them: leaving tasks out would bias the estimates"
        )
    return Sheet(path, drawing, record["design"], record["seed"], record["strategy"], said, others)


def save_label(path: Path, task: str, label: str | None) -> int:
    """Save what the expert said of a task, or with None forget it; the number of tasks judged.

    The sheet is read again under the lock of its folder, so that what others wrote to it stays;
    it is on the disk when this returns.

    Raises
    ------
    DataError
        The sheet is damaged, or has no such task.
    StorageError
        It cannot be written.
    """
    with locked(path.parent):
        rows = [row for _, row in _read_rows(path)]
        found = [row for row in rows if _task(row, {task}) == task]
        if not found:
            raise DataError(f"{path}: no row of task {task!r}")
        for row in found:
            row["label"] = label or ""
        frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
        with atomic_table(path) as handle:
            frame.write_csv(handle)
        sync_folder(path.parent)
        return len({row["task"] for row in rows if not is_no_answer(row["label"])})


def _task(row: Mapping[str, str], known: Collection[str]) -> str:
    """The task of a row; spaces around it count only where an id has them."""
    task = row["task"]
    return task if task in known else task.strip()


def _read_rows(path: Path) -> list[tuple[str, dict[str, str]]]:
    """All cells of a sheet as texts, a dictionary a row, each with its place."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; peerannot audit DATASET --n 100 makes a sheet")
    with storage_errors(path, "read"):
        if not path.read_bytes().strip():
            raise DataError(f"{path}: the file is empty; {_AGAIN}")
    source = Source.open(path)
    if source.shape != "table":
        raise DataError(f"{path}: not a table with columns task and label; {_AGAIN}")
    lost = [name for name in ("task", "label") if name not in source.header]
    if lost:
        raise DataError(f"{path}: no column {lost[0]!r}, only {few(source.header, 8)}; {_AGAIN}")
    return list(source.csv_rows())


def _read_record(path: Path, answers: Answers, *, changed: bool) -> tuple[dict[str, Any], Drawing]:
    where = design_path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; peerannot audit DATASET --n 100 makes a sheet")
    if not where.is_file():
        raise DataError(
            f"{where}: no such file, but it says how the tasks of {path.name} were drawn; {_AGAIN}"
        )
    record = read_json(where)
    drawing = _drawing(record, answers)
    if drawing is None:
        raise DataError(f"{where}: not the record of a drawing of these tasks; {_AGAIN}")
    if not changed and record["answers_sha256"] != answers.digest():
        raise DataError(
            f"{path}: the answers are not those that its tasks were drawn from; draw anew, or give"
            " --changed to judge what the answers are now"
        )
    return record, drawing


def _drawing(record: Any, answers: Answers) -> Drawing | None:
    """The drawing of a record; None where it is none, or of other tasks or classes."""
    try:
        if record["schema"] != _SCHEMA or record["tasks_sha256"] != digest_of_tasks(answers):
            return None
        tasks = answers.tasks.codes(list(map(str, record["tasks"]))).astype(np.int64)
        size, heavy = (np.array(record[name], np.float64) for name in ("sizes", "heavy"))
        texts = (record["strategy"], record["answers_sha256"])
        right = (
            record["design"] in DESIGNS
            and all(isinstance(text, str) for text in texts)
            and type(record["seed"]) is int
            and tasks.size > 0
            and size.shape == tasks.shape
            and heavy.ndim == 1
            and len(set(tasks.tolist())) == tasks.size
            and bool((tasks >= 0).all())
            and _are_sizes(size)
            and _are_sizes(heavy)
        )
    except (KeyError, TypeError, ValueError):
        return None
    return Drawing(tasks, size, heavy) if right else None


def _are_sizes(values: NDArray[np.float64]) -> bool:
    return bool(((values > 0) & (values <= 1)).all())
