"""Answers as ``{task: {worker: label}}``, the format of a dataset's ``answers.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers.ids import Ids
from peerannot.answers.labels import (
    BadLabel,
    Meaning,
    as_texts,
    code_labels,
    kind_of,
    rows_with_label,
    take,
)
from peerannot.errors import DataError

__all__ = ["columns_of_mapping"]


def columns_of_mapping(
    votes: Mapping[Any, Mapping[Any, Any]],
    classes: Iterable[Any] | int | None,
    labels: Meaning | None,
    where: str,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], Ids, Ids, Ids]:
    """Codes of task, worker and label, and their vocabularies; see `Answers.from_mapping`."""
    if not isinstance(votes, Mapping):
        raise DataError(f"{where}: expected {{task: {{worker: label}}}}, not a list or a value")
    rows = list(votes.values())
    if set(map(type, rows)) != {dict} and any(not isinstance(row, Mapping) for row in rows):
        task = next(t for t, row in votes.items() if not isinstance(row, Mapping))
        raise DataError(
            f"{where}: task {task!r} has {kind_of(votes[task])} instead of {{worker: label}}"
        )
    keys = as_texts(list(votes))
    given = list(chain.from_iterable(row.values() for row in rows))
    names = as_texts(list(chain.from_iterable(rows)))
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    task = np.repeat(np.arange(len(rows)), lengths)
    if classes is not None and not isinstance(classes, int | Ids):
        classes = list(classes)
    kept = rows_with_label(given, classes)
    if kept is not None:
        task, given, names = task[kept], take(given, kept), take(names, kept)

    def place(i: int) -> str:
        at = int(task[i])
        return f"task {keys[at]!r}, worker {names[i]!r}"

    try:
        label_code, class_ids = code_labels(given, classes, labels)
    except BadLabel as bad:
        raise bad.at(f"{where}: {place(bad.row)}") from None
    task_ids = Ids.sorted(keys)
    if len(task_ids) != len(keys):
        raise DataError(f"{where}: a task occurs twice")
    worker_ids = Ids.sorted(names)
    task_code = task_ids.codes(keys)[task]
    worker_code = worker_ids.codes(names)
    return task_code, worker_code, label_code, task_ids, worker_ids, class_ids
