"""What to ask next, as labelling tools take it: files to load into them.

=============== ======================== =======================================================
format          file                     content
=============== ======================== =======================================================
``csv``         .csv, .tsv               a row a pair, in order: task, worker, gain, cost, reason
``parquet``     .parquet                 the same
``ndjson``      .ndjson, .jsonl          the same, an object a line
``label-studio`` .json                   a task each, in order, with its label as a prediction
``mturk``       .csv                     a row an answer to ask for: task, and data about it
=============== ======================== =======================================================

The columns of a list of tasks (``image_url``, ...) are added to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._files import atomic_write, json_bytes
from peerannot._options import from_text
from peerannot._text import did_you_mean, few
from peerannot.aggregation import Result
from peerannot.allocation.plan import Plan
from peerannot.allocation.tasks import TaskList
from peerannot.answers import Answers
from peerannot.errors import ParameterError
from peerannot.io import WRITERS, Export, write_table

__all__ = ["FORMATS", "Handed", "format_of", "hand"]


@dataclass(frozen=True, eq=False)
class Handed:
    """What is handed to a tool.

    Attributes
    ----------
    plan : Plan
    answers : Answers
        Those of the plan's result.
    tasks : TaskList
    options : mapping of str to str
        Options of the format: those of ``export`` for ``label-studio``.
    """

    plan: Plan
    answers: Answers
    tasks: TaskList = field(default_factory=TaskList)
    options: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """`Plan.table`, with the columns of the list of tasks."""
        table = self.plan.table()
        data = [self.tasks.of(task) for task in table["task"]]
        for name in self.tasks.columns:
            # Where the list has a column of such a name, ours is what is asked.
            table.setdefault(name, [row[name] for row in data])
        return table

    @property
    def asked(self) -> NDArray[np.int64]:
        """Tasks that are asked, each once, in the order in which they are first."""
        return np.array(list(dict.fromkeys(pick.task for pick in self.plan.picks)), np.int64)


@dataclass(frozen=True, eq=False)
class _Some:
    """Labels of some tasks of a result, for a writer of labels."""

    result: Result
    at: NDArray[np.int64]

    @property
    def strategy(self) -> str:
        return self.result.strategy

    @property
    def labels(self) -> NDArray[np.int32]:
        # What nobody has answered yet has no label to show.
        return np.where(self.result.n_answers > 0, self.result.labels, np.int32(-1))[self.at]

    @property
    def confidence(self) -> NDArray[np.float64]:
        return self.result.confidence[self.at]

    def dense_posterior(self) -> NDArray[np.float64]:
        return self.result.dense_posterior()[self.at]


def _table(path: Path, handed: Handed) -> None:
    write_table(path, handed.table())


def _ndjson(path: Path, handed: Handed) -> None:
    table = handed.table()
    rows = zip(*table.values(), strict=True)
    with atomic_write(path) as handle:
        for row in rows:
            handle.write(json_bytes(dict(zip(table, row, strict=True)), indent=None))


def _label_studio(path: Path, handed: Handed) -> None:
    at, ids = handed.asked, handed.plan.result.tasks
    writer = from_text(WRITERS["label-studio"], handed.options)
    key = getattr(writer, "data_key", "image")
    images = {ids[int(i)]: handed.tasks.of(ids[int(i)]).get(key, "") for i in at}
    job = Export(
        handed.answers.of_tasks(at), _Some(handed.plan.result, at),
        sources={task: image for task, image in images.items() if image},
    )  # fmt: skip
    writer.write(job, path)


def _mturk(path: Path, handed: Handed) -> None:
    table = handed.table()
    columns = {name: table[name] for name in ("task", *handed.tasks.columns)}
    for name in columns:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ParameterError(
                f"mturk: {name!r} cannot be a variable of a HIT's layout; name columns with"
                " letters, digits and _"
            )
    write_table(path, columns)


FORMATS: Mapping[str, tuple[tuple[str, ...], Callable[[Path, Handed], None]]] = {
    "csv": ((".csv", ".tsv"), _table),
    "parquet": ((".parquet",), _table),
    "ndjson": ((".ndjson", ".jsonl"), _ndjson),
    "label-studio": ((".json",), _label_studio),
    "mturk": ((".csv",), _mturk),
}


def format_of(path: Path, named: str | None = None) -> str:
    """The format of a file: the one that is named, else by its ending.

    Raises
    ------
    ParameterError
        There is no such format, or the file cannot have this ending.
    """
    ending = path.suffix.lower()
    if named is not None:
        name = named.casefold()
        if name not in FORMATS:
            raise ParameterError(
                f"no format {named!r}{did_you_mean(name, FORMATS)}; there are {few(FORMATS, 9)}"
            )
        endings = FORMATS[name][0]
    else:
        name = next((n for n, (endings, _) in FORMATS.items() if ending in endings), "")
        endings = tuple(dict.fromkeys(e for some, _ in FORMATS.values() for e in some))
    if ending not in endings:
        raise ParameterError(f"{path}: the name must end in {few(endings, 9)}")
    return name


def hand(path: Path, handed: Handed, format: str | None = None) -> None:
    """Write what to ask next into a file, whole or not at all.

    Raises
    ------
    ParameterError
        See `format_of`; an option of the format is unknown, or a column cannot be in it.
    StorageError
        The file cannot be written.
    """
    name = format_of(path, format)
    if handed.options and name != "label-studio":
        raise ParameterError(f"{name} has no options")
    FORMATS[name][1](path, handed)
