"""Who can be asked about what, from tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._text import did_you_mean
from peerannot.answers import Ids
from peerannot.errors import DataError
from peerannot.io import Source, read_columns
from peerannot.io.formats.table import column_names

__all__ = ["Listed", "has_column", "read_listed", "read_pairs", "read_workers"]

TASK = ("task", "task_id", "item", "item_id", "image", "id")
WORKER = ("worker", "worker_id", "annotator", "id")


@dataclass(frozen=True)
class Listed:
    """Ids of a table, and numbers of some of its columns."""

    names: list[str]
    numbers: dict[str, list[float]]


def has_column(path: str | Path, column: str) -> bool:
    """Whether a table has a column."""
    return column in column_names(Source.open(path))


def read_listed(path: str | Path, columns: Collection[str] = ()) -> Listed:
    """Ids of workers, and columns of numbers.

    Parameters
    ----------
    path
        A table with a column ``worker``.
    columns
        Names of columns of numbers.

    Raises
    ------
    DataError
        It is no such table, or a cell is no number.
    """
    wanted: dict[str, tuple[str, ...]] = {"id": WORKER}
    wanted |= {f"column {name}": (name,) for name in columns}
    frame, place = read_columns(Source.open(path), wanted)
    numbers: dict[str, list[float]] = {name: [] for name in columns}
    for name in columns:
        for row, text in enumerate(frame[f"column {name}"]):
            try:
                numbers[name].append(float(text))
            except ValueError:
                raise DataError(f"{place(row)}: {name} must be a number, not {text!r}") from None
    return Listed(frame["id"].to_list(), numbers)


def read_workers(path: str | Path, cost: str | None = None) -> tuple[list[str], list[float] | None]:
    """Ids of workers, and what an answer of each costs.

    Parameters
    ----------
    path
        A table with a column ``worker``.
    cost
        Column of the costs; None where all cost the same.

    Raises
    ------
    DataError
        See `read_listed`.
    """
    found = read_listed(path, [] if cost is None else [cost])
    return found.names, None if cost is None else found.numbers[cost]


def read_pairs(
    path: str | Path, tasks: Sequence[str], workers: Sequence[str], known: Collection[str]
) -> Any:
    """Pairs of a table as a sparse matrix of true, (tasks, workers).

    Parameters
    ----------
    path
        A table with columns ``task`` and ``worker``.
    known
        Other workers that there are; their pairs are left out.

    Raises
    ------
    DataError
        It is no such table, or a task or a worker is not known at all.
    """
    from scipy.sparse import csr_array

    frame, place = read_columns(Source.open(path), {"task": TASK, "worker": WORKER})
    found = []
    for column, ids, others in (("task", tasks, ()), ("worker", workers, known)):
        names = frame[column].to_list()
        at = Ids(ids).codes(names)
        for row in np.flatnonzero(at < 0).tolist():
            if names[row] not in others:
                near = did_you_mean(names[row], [*ids, *others])
                raise DataError(f"{place(row)}: there is no {column} {names[row]!r}{near}")
        found.append(at)
    here = (found[0] >= 0) & (found[1] >= 0)
    cells = np.unique(np.stack((found[0][here], found[1][here])), axis=1)
    ones = np.ones(cells.shape[1], np.bool_)
    return csr_array((ones, (cells[0], cells[1])), shape=(len(tasks), len(workers)))
