"""Rows in order, and what is done where a worker answered a task more than once."""

from __future__ import annotations

import warnings
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from peerannot.answers.ids import Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["DuplicatePolicy", "in_order"]

DuplicatePolicy = Literal["last", "first", "all", "error"]


def in_order(
    task: NDArray[np.int32],
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64] | None,
    tasks: Ids,
    workers: Ids,
    classes: Ids,
    duplicates: DuplicatePolicy,
    *,
    repeats: dict[str, int] | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Task, worker, label and weight of the rows that stay, in order of (task, worker).

    See `peerannot.Answers.from_codes`.
    """
    from peerannot.answers import _order

    if duplicates not in get_args(DuplicatePolicy):
        raise ParameterError(
            f"duplicates must be one of last, first, all, error, not {duplicates!r}"
        )
    task, worker, label = (np.ascontiguousarray(a, np.int32) for a in (task, worker, label))
    state = _order.state(task, worker)
    by_label = duplicates == "all"
    if state < 0 or (by_label and state == 0):
        task, worker, label, rows = _order.in_order(
            task, worker, label, tasks, by_label=by_label, wants_rows=weight is not None
        )
        weight = None if weight is None else weight[rows]
        state = _order.state(task, worker)
    if state == 0 and (duplicates != "all" or repeats is not None):
        exact = _order.repeats(task, worker, label, only_exact=True)
        # Exact repeats go first, so that "error" speaks of contradictions only.
        if duplicates == "error":
            task_, worker_, kept = task[~exact], worker[~exact], label[~exact]
            clash = _order.repeats(task_, worker_, kept, keep_last=False)
            if clash.any():
                row = int(np.flatnonzero(clash)[0])
                raise DataError(
                    f"answers: worker {workers[int(worker_[row])]!r} gave different answers to"
                    f" task {tasks[int(task_[row])]!r}; choose duplicates=last, first or all"
                )
            drop = exact
        else:
            drop = _order.repeats(task, worker, label, keep_last=duplicates != "first")
        n_exact = int(exact.sum())
        conflicts = int(drop.sum()) - n_exact
        if repeats is not None:
            repeats.update(exact=n_exact, contradicting=conflicts)
        elif conflicts > 0:
            warnings.warn(
                f"{conflicts} answers replaced by another answer of the same worker to the"
                f" same task (duplicates={duplicates})",
                DataWarning,
                stacklevel=4,
            )
        if duplicates != "all":
            task, worker, label = task[~drop], worker[~drop], label[~drop]
            weight = None if weight is None else weight[~drop]
    return task, worker, label, weight
