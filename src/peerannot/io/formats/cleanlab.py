"""cleanlab's wide matrix: a row a task, a column a worker, empty where there is no answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from peerannot._no_answer import WIDE_BLANK, is_no_answer
from peerannot._options import option
from peerannot.errors import DataError
from peerannot.io._raters import Wide, find_raters, looks_wide, named_columns
from peerannot.io._source import Source
from peerannot.io.base import FORMATS, NO, PLAUSIBLE, Format, Votes
from peerannot.io.formats.table import column_names, whole
from peerannot.io.sample import sample, texts

__all__ = ["Cleanlab"]


@FORMATS.register("cleanlab", "wide")
@dataclass(frozen=True, kw_only=True)
class Cleanlab(Format):
    """A wide table (CSV, TSV, Parquet, or a 2-d ``.npy``), NaN or empty where nothing was said.

    Column names are workers: those columns whose cells share values. A column named task, id,
    index, image or filename, without a name, or whose values all differ, holds the tasks, else
    rows are numbered from 0. Whole numbers that became floats (``1.0``, because NaN is a float)
    are whole numbers again; -1 among whole numbers from 0 is no answer, and so are nan and none
    in any case.

    Parameters
    ----------
    task_col
        Column of the tasks.
    worker_col
        Columns of the workers, with commas between.
    gold_col
        Column of known labels of the tasks; ``none`` where there are none.
    """

    task_col: str = option("", help="column of the task")
    worker_col: str = option("", help="columns of the workers, with commas between")
    gold_col: str = option("", help='column of the task\'s known label, or "none"')

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape == "npy":
            return PLAUSIBLE
        if source.shape not in ("table", "parquet"):
            return NO
        columns = column_names(source)
        if len(columns) < 2:
            return NO
        named = named_columns(columns, given.get("worker_col", ""))
        if len(named) > 1 and set(named) <= set(columns):
            return PLAUSIBLE
        return PLAUSIBLE if looks_wide(columns, sample(source, columns, wide=True)) else NO

    def read(self, source: Source) -> Votes:
        if source.shape == "npy":
            frame = _npy(source)
            wide = Wide(None, tuple(frame.columns), None, (), {})
        else:
            frame = whole(source)
            wide = find_raters(
                source.name, frame.columns, sample(source, tuple(frame.columns), wide=True),
                task=self.task_col, workers=self.worker_col, gold=self.gold_col,
            )  # fmt: skip
        if any(frame[c].dtype.is_nested() or frame[c].dtype == pl.Object for c in wide.workers):
            raise DataError(f"{source.name}: a cell holds a list or an object, expected one label")
        kinds = {frame[c].dtype for c in wide.workers}
        ordered = next(iter(kinds)) if len(kinds) == 1 else None
        tasks = _tasks(source, frame, wide.task)
        if not wide.workers or not tasks:
            raise DataError(f"{source.name}: no workers or no tasks in it")
        task, worker, label = _melt(frame.select(wide.workers))
        long = pl.DataFrame(
            {
                "task": pl.Series(tasks).gather(task),
                "worker": pl.Series(wide.workers).gather(worker),
                "label": label,
            }
        )
        gold = {}
        if wide.gold is not None:
            known = texts(frame[wide.gold]).to_list()
            gold = {t: y for t, y in zip(tasks, known, strict=True) if not is_no_answer(y)}
        place: Callable[[int], str] = lambda i: (  # noqa: E731
            f"{source.name} row {int(task[i]) + 1} column {wide.workers[int(worker[i])]!r}"
        )
        # An array of whole numbers holds positions of classes; cells of a table are names.
        coded = source.shape == "npy" and bool(long["label"].str.contains(r"^-?[0-9]+$").all())
        return Votes(
            long,
            place,
            tasks=tuple(tasks),
            # Columns of one order (ordered Categoricals, Enums) say all classes and their order.
            classes=tuple(ordered.categories) if isinstance(ordered, pl.Enum) else None,
            gold=gold,
            matrix=True,
            blank=WIDE_BLANK,
            coded=coded,
            guessed=dict(wide.guessed),
            ignored=wide.ignored,
            notes=list(wide.notes),
        )


def _tasks(source: Source, frame: pl.DataFrame, column: str | None) -> list[str]:
    if column is None:
        return [str(i) for i in range(frame.height)]
    tasks: list[str] = texts(frame[column]).to_list()
    lost = next((i for i, task in enumerate(tasks) if task in (None, "")), None)
    if lost is not None:
        raise DataError(f"{source.name} row {lost + 1}: the task is missing")
    if len(set(tasks)) < len(tasks):
        twice, _ = Counter(tasks).most_common(1)[0]
        raise DataError(f"{source.name}: the task {twice!r} has two rows")
    return tasks


def _melt(frame: pl.DataFrame) -> tuple[Any, Any, pl.Series]:
    """Row, column and text of each cell that is filled, in the order of rows."""
    tasks, workers, labels = [], [], []
    for j, name in enumerate(frame.columns):
        text = texts(frame[name]).str.replace(r"^(-?\d+)\.0+$", "$1")
        filled = text.is_not_null() & (text != "")
        rows = filled.arg_true().to_numpy()
        tasks.append(rows)
        workers.append(np.full(rows.size, j))
        labels.append(text.filter(filled))
    task, worker = np.concatenate(tasks), np.concatenate(workers)
    order = np.lexsort((worker, task))
    return task[order], worker[order], pl.concat(labels).gather(order)


def _npy(source: Source) -> pl.DataFrame:
    array = source.array()
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(f"{source.name}: expected a matrix of numbers, tasks x workers")
    return pl.DataFrame({str(j): array[:, j].astype(np.float64) for j in range(array.shape[1])})
