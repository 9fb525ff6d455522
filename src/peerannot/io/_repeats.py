"""Several answers of a worker to a task: in which order, and how many agree or contradict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot.answers import DuplicatePolicy, Ids
from peerannot.errors import DataError

__all__ = ["Repeats", "by_time", "count_repeats", "refuse_contradictions"]

EXACT = "the same answer of the same worker again"


@dataclass(frozen=True)
class Repeats:
    """Rows beside the first of a worker to a task.

    Attributes
    ----------
    exact : int
        Those with a label that the worker has given to the task before.
    contradicting : int
        The others.
    timed : bool
        Whether rows are in order of time.
    """

    exact: int
    contradicting: int
    timed: bool

    def dropped(self, policy: DuplicatePolicy) -> dict[str, int]:
        """Rows that the policy leaves out, by reason; none where there are none."""
        newer, older = ("a newer", "an older") if self.timed else ("a later", "an earlier")
        kept = newer if policy == "last" else older
        reason = f"contradicts {kept} answer of the same worker"
        found = {EXACT: self.exact, reason: self.contradicting}
        return {} if policy == "all" else {why: n for why, n in found.items() if n}

    def note(self, policy: DuplicatePolicy) -> str:
        """What is to be said where repeats are kept; empty where there are none."""
        n = self.exact + self.contradicting
        if policy != "all" or not n:
            return ""
        return (
            f"{n} repeated answers kept, {self.contradicting} of them contradict (duplicates=all)"
        )


def by_time(
    frame: pl.DataFrame, place: Callable[[int], str]
) -> tuple[pl.DataFrame, Callable[[int], str]]:
    """Rows in order of their time, those without one first, and the place of a row."""
    frame = frame.with_row_index("_row").sort("time", maintain_order=True, nulls_last=False)
    rows = frame["_row"]
    return frame.drop("_row"), lambda row: place(int(rows[row]))


def _pairs(task: NDArray[np.int32], worker: NDArray[np.int32]) -> NDArray[np.int64]:
    return (task.astype(np.int64) << 32) | worker.astype(np.int64)


def count_repeats(
    task: NDArray[np.int32], worker: NDArray[np.int32], label: NDArray[np.int32], timed: bool
) -> Repeats:
    """Count the repeats among coded rows; two hash sets of the rows."""
    if not task.size:
        return Repeats(0, 0, timed)
    n_workers, n_labels = int(worker.max()) + 1, int(label.max()) + 1
    pair = task.astype(np.int64) * n_workers + worker  # below 2**62, as codes are int32
    pairs = pl.Series(pair).n_unique()
    if (int(task.max()) + 1) * n_workers * n_labels < 2**63:
        # One number a row is hashed many times faster than two columns.
        distinct = pl.Series(pair * n_labels + label).n_unique()
    else:
        distinct = pl.DataFrame({"pair": pair, "label": label}).n_unique()
    return Repeats(task.size - distinct, distinct - pairs, timed)


def refuse_contradictions(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    names: tuple[Ids, Ids, Ids],
    place: Callable[[int], str],
) -> None:
    """Refuse different answers of a worker to a task.

    Raises
    ------
    DataError
        There are some; the message has the places of the first two.
    """
    rows = pl.DataFrame({"pair": _pairs(task, worker), "label": label}).with_row_index("row")
    first = pl.col("label").first().over("pair")
    clash = rows.filter(pl.col("label") != first)
    if not clash.height:
        return
    row = int(clash["row"][0])
    before = int(rows.filter(pl.col("pair") == clash["pair"][0])["row"][0])
    tasks, workers, labels = names
    raise DataError(
        f"{place(row)}: worker {workers[int(worker[row])]!r} gave {labels[int(label[row])]!r} to"
        f" task {tasks[int(task[row])]!r}, but {labels[int(label[before])]!r} at {place(before)};"
        " give --duplicates last, first or all"
    )
