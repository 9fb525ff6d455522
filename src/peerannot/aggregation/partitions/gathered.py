"""A fit on partitions as a result in memory, where all that is known of the tasks fits there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.partitions.mapped import MappedParts
from peerannot.aggregation.result import Result
from peerannot.answers import Ids
from peerannot.answers.digest import digest_of

if TYPE_CHECKING:
    from peerannot.io.shards import Coded

__all__ = ["gathered"]


@dataclass(frozen=True)
class _Counted:
    """What a result has of its answers, of which `Answers` would need all in memory."""

    tasks: Ids
    workers: Ids
    classes: Ids
    answers_per_task: NDArray[np.int64]
    answers_per_worker: NDArray[np.int64]
    sha256: str

    def digest(self) -> str:
        return self.sha256


def gathered(
    rule: Strategy, fit: Fit, of_tasks: Sequence[Fit], coded: Coded, parts: MappedParts
) -> Result:
    """The result that `Strategy.fit` gives, from what is known of the tasks of each partition.

    ``fit`` is what is known of workers and classes.
    """
    import polars as pl

    def column(name: str) -> Any:
        pieces = [getattr(each, name) for each in of_tasks]
        return None if pieces[0] is None else np.concatenate(pieces)

    added = {
        name: np.concatenate([each.task_columns[name] for each in of_tasks])
        for name in of_tasks[0].task_columns
    }
    whole = replace(
        fit, posterior=_stacked([each.posterior for each in of_tasks]), labels=column("labels"),
        confidence=column("confidence"), entropy=column("entropy"), task_columns=added,
    )  # fmt: skip
    ids = pl.concat([coded.chunk_ids(c) for c in range(len(parts))])
    tasks = Ids.of_column(ids.to_numpy() if ids.dtype.is_integer() else ids)
    counted: Any = _Counted(
        tasks, coded.workers, coded.classes, coded.size.astype(np.int64), coded.worker_answers,
        _digest(parts, (tasks, coded.workers, coded.classes), weighted=coded.weight is not None),
    )  # fmt: skip
    return rule.result_of(counted, whole)


def _stacked(posteriors: Sequence[Any]) -> Any:
    if isinstance(posteriors[0], np.ndarray):
        return np.concatenate(posteriors)
    from scipy.sparse import vstack

    return vstack(posteriors, format="csr")


def _digest(parts: MappedParts, vocabularies: Iterable[Ids], *, weighted: bool) -> str:
    """As `Answers.digest`, a partition at a time."""
    columns = (
        (part.answers.task + np.int32(part.first_task) for part in parts),
        (part.answers.worker for part in parts),
        (part.answers.label for part in parts),
        (part.answers.weights for part in parts) if weighted else None,
    )
    return digest_of(columns, vocabularies)
