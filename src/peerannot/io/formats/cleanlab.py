"""cleanlab's wide matrix: a row a task, a column a worker, empty where there is no answer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._source import Source, check_header
from peerannot.io.base import FORMATS, NO, PLAUSIBLE, Format, Votes
from peerannot.io.formats.table import (
    LABEL,
    TASK,
    WORKER,
    column_names,
    find_column,
    pick,
    polars_errors,
)

__all__ = ["Cleanlab"]

INDEX = ("", "index", "id", "Unnamed: 0", *TASK)


@FORMATS.register("cleanlab", "wide")
@dataclass(frozen=True, kw_only=True)
class Cleanlab(Format):
    """A wide table (CSV, TSV, Parquet, or a 2-d ``.npy``), NaN or empty where nothing was said.

    Column names are workers. A first column without a name, or named index, id or task, holds
    the tasks, else rows are numbered from 0. Whole numbers that became floats (``1.0``, because
    NaN is a float) are whole numbers again.

    Parameters
    ----------
    task_col
        Column of the tasks.
    """

    task_col: str | None = option(None, help="column of the task")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "npy":
            return PLAUSIBLE
        if source.shape not in ("table", "parquet"):
            return NO
        columns = column_names(source)
        if len(columns) < 2 or any(
            find_column(columns, None, names) is not None for names in (WORKER, LABEL)
        ):
            return NO
        return PLAUSIBLE if _looks_wide(source) else NO

    def read(self, source: Source) -> Votes:
        frame = _npy(source) if source.shape == "npy" else _frame(source)
        columns = frame.columns
        if any(dtype.is_nested() or dtype == pl.Object for dtype in frame.dtypes):
            raise DataError(f"{source.name}: a cell holds a list or an object, expected one label")
        index = find_column(columns[:1], None, INDEX)
        if self.task_col is not None:
            index = pick(source.name, columns, self.task_col, INDEX, "task")
        tasks = (
            [str(i) for i in range(frame.height)]
            if index is None
            else frame[index].cast(pl.String).to_list()
        )
        if any(task in (None, "") for task in tasks):
            raise DataError(f"{source.name} row {tasks.index(None) + 1 if None in tasks else 1}:"
                            " the task is missing")  # fmt: skip
        if len(set(tasks)) < len(tasks):
            twice = next(t for i, t in enumerate(tasks) if t in tasks[:i])
            raise DataError(f"{source.name}: the task {twice!r} has two rows")
        workers = [c for c in columns if c != index]
        if not workers or not tasks:
            raise DataError(f"{source.name}: no workers or no tasks in it")
        task, worker, label = _melt(frame.select(workers))
        texts = pl.Series(tasks)
        long = pl.DataFrame(
            {
                "task": texts.gather(task),
                "worker": pl.Series(workers).gather(worker),
                "label": label,
            }
        )
        place: Callable[[int], str] = lambda i: (  # noqa: E731
            f"{source.name} row {int(task[i]) + 1} column {workers[int(worker[i])]!r}"
        )
        # An array of whole numbers holds positions of classes; cells of a table are names.
        coded = source.shape == "npy" and bool(long["label"].str.contains(r"^-?[0-9]+$").all())
        return Votes(long, place, tasks=tuple(tasks), matrix=True, coded=coded)


def _melt(frame: pl.DataFrame) -> tuple[Any, Any, pl.Series]:
    """Row, column and text of each cell that is filled, in the order of rows."""
    tasks, workers, labels = [], [], []
    for j, name in enumerate(frame.columns):
        column = frame[name]
        if column.dtype.is_float():
            column = column.fill_nan(None)
        text = column.cast(pl.String)
        # 1.0 is 1 that had to become a float beside NaN.
        text = text.str.replace(r"^(-?\d+)\.0+$", "$1")
        filled = text.is_not_null() & (text != "")
        rows = filled.arg_true().to_numpy()
        tasks.append(rows)
        workers.append(np.full(rows.size, j))
        labels.append(text.filter(filled))
    task, worker = np.concatenate(tasks), np.concatenate(workers)
    order = np.lexsort((worker, task))
    return task[order], worker[order], pl.concat(labels).gather(order)


def _frame(source: Source) -> pl.DataFrame:
    if source.shape == "parquet":
        file: Any = list(source.files) or io.BytesIO(source.content_bytes())
        try:
            return pl.read_parquet(file)
        except polars_errors as error:
            raise DataError(f"{source.name}: cannot be read as Parquet ({error})") from None
    rows = [row for _, row in source.csv_lists()]
    check_header(source.name, rows[0] if rows else ())
    header = rows[0] if rows else []
    return pl.DataFrame(rows[1:], schema=dict.fromkeys(header, pl.String), orient="row")


def _npy(source: Source) -> pl.DataFrame:
    array = source.array()
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(f"{source.name}: expected a matrix of numbers, tasks x workers")
    return pl.DataFrame({str(j): array[:, j].astype(np.float64) for j in range(array.shape[1])})


def _looks_wide(source: Source) -> bool:
    """Labels as numbers and at least one empty cell: nothing else says that a table is wide."""
    text = {
        "separator": source.separator,
        "infer_schema": False,
        "truncate_ragged_lines": True,
        "encoding": "utf8-lossy",
    }
    try:
        if source.shape == "parquet":
            whole: Any = source.files[0] if source.files else io.BytesIO(source.content_bytes())
            head = pl.read_parquet(whole, n_rows=100)
        else:
            head = pl.read_csv(io.BytesIO(source.head), n_rows=100, **text)  # type: ignore[arg-type]
    except polars_errors:
        return False
    cells = head[:, 1:]
    if any(isinstance(dtype, pl.List | pl.Struct | pl.Array) for dtype in cells.dtypes):
        return False
    texts = [(t or "nan").lower() for c in cells for t in c.cast(pl.String).to_list()]
    filled = [t for t in texts if t != "nan"]
    number = re.compile(r"\d+(\.0+)?")
    return 0 < len(filled) < len(texts) and all(map(number.fullmatch, filled))
