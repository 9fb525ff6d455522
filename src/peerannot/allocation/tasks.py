"""All tasks that can be asked about, from a table, with what tools are to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from peerannot.aggregation.online.memory import KeptRows
from peerannot.answers import Answers, Ids
from peerannot.io import Source, read_columns
from peerannot.io.formats.table import column_names, scan

__all__ = ["TaskList", "read_tasks"]

TASK = ("task", "task_id", "item", "item_id", "id")


@dataclass(frozen=True)
class TaskList:
    """Tasks, and columns of data about them.

    Attributes
    ----------
    ids : Ids
    columns : mapping of name to list of str
        In order of the tasks; empty texts where nothing is said.
    """

    ids: Ids = field(default_factory=lambda: Ids(0))
    columns: Mapping[str, list[str]] = field(default_factory=dict)

    def of(self, task: str) -> dict[str, str]:
        """What is known of a task; empty texts where it is not in the list."""
        at = self.ids.index_of.get(task)
        return {name: "" if at is None else column[at] for name, column in self.columns.items()}

    def added_to(self, answers: Answers) -> Answers:
        """The same answers, with the tasks that have none yet, in the order of ids."""
        if not len(self.ids):
            return answers
        rows, _ = KeptRows(answers, "all").add(Answers.empty(self.ids, Ids(0), answers.classes))
        return rows.answers


def read_tasks(path: str | Path) -> TaskList:
    """Read a table with a column ``task``, a row a task; other columns are data about it.

    Raises
    ------
    DataError
        It is no such table, or a task is there twice.
    """
    source = Source.open(path)
    frame, _ = read_columns(source, {"task": TASK})
    ids = Ids(frame["task"].to_list())
    others = [c for c in column_names(source) if c.casefold() not in TASK]
    if not others:
        return TaskList(ids)
    data, _ = scan(source, {name: name for name in others})
    texts = data.select(pl.col(others).cast(pl.String).fill_null(""))
    return TaskList(ids, {name: texts[name].to_list() for name in others})
