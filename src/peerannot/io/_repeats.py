"""Several answers of a worker to a task: in which order, and how many agree or contradict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot.answers import DuplicatePolicy, Ids
from peerannot.errors import DataError

__all__ = ["Repeats", "by_time", "refuse_contradictions"]

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

    exact: int = 0
    contradicting: int = 0
    timed: bool = False

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
    pair = (task.astype(np.int64) << 32) | worker.astype(np.int64)
    rows = pl.DataFrame({"pair": pair, "label": label}).with_row_index("row")
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
