"""What is known beforehand of some tasks by name, before it is known which partition has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import few
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.answers import Answers, Ids, by_task, gold_classes, say_several
from peerannot.errors import DataError

__all__ = ["Gold", "GoldFile", "KnownLabels", "strangers"]


class GoldFile(Protocol):
    """Gold labels in a form that must know tasks and classes before it can be understood."""

    @property
    def names(self) -> Sequence[str]:
        """The tasks that it names."""

    def accepted(self, answers: Answers) -> NDArray[np.int32]:
        """Accepted classes of the tasks of some answers, as `gold_classes` gives them."""

    def digest(self) -> str:
        """SHA-256 of the content."""


# As strategies take them in memory, or a file; tasks of a file may have no answers.
Gold = Mapping[str, Any] | ArrayLike | GoldFile


@dataclass(frozen=True)
class KnownLabels:
    """Gold labels of tasks in any partition.

    Attributes
    ----------
    names : tuple of str, or None
        The tasks; None for all tasks in their order.
    accepted : int32 array (n, m)
        Classes of each of them, see `peerannot.answers.gold_classes`.
    """

    names: tuple[str, ...] | None
    accepted: NDArray[np.int32]

    @classmethod
    def of(cls, gold: Any, parts: Parts) -> KnownLabels:
        """Take gold labels (`Gold`) as `peerannot.answers.gold_classes` does.

        Raises
        ------
        DataError
            A label is not one of the classes, or no partition has a task.
        """
        n, classes = parts.shape.n_tasks, parts.shape.classes

        def these(tasks: Ids) -> Answers:
            return Answers.empty(tasks, Ids(0), classes)

        gold, names = by_task(gold), None
        if isinstance(gold, Mapping):
            named = {str(task): label for task, label in gold.items()}
            accepted = gold_classes(these(Ids(named)), named)
            unknown = strangers(parts, tuple(named))
            if unknown:
                raise DataError(f"gold: {len(unknown)} tasks have no answers entry: {few(unknown)}")
            names = tuple(named)
        elif hasattr(gold, "accepted"):
            lost = set(strangers(parts, gold.names))
            names = tuple(name for name in gold.names if name not in lost)
            accepted = gold.accepted(these(Ids(names)))
        else:
            accepted = gold_classes(these(Ids(n)), gold)
        say_several(accepted)
        return cls(names, accepted)

    def of_tasks(self, tasks: Ids, first: int) -> NDArray[np.int32]:
        """Classes of the tasks of a partition, of which ``first`` is the place of the first."""
        if self.names is None:
            return self.accepted[first : first + len(tasks)]
        if not self.names:
            return np.full((len(tasks), 1), -1, np.int32)
        import polars as pl

        names = pl.Series(self.names, dtype=pl.String)
        place = pl.Series(np.arange(len(names)))
        at = _texts(tasks).replace_strict(names, place, default=-1, return_dtype=pl.Int64)
        known = at.to_numpy()
        return np.where((known >= 0)[:, None], self.accepted[known], np.int32(-1))


def strangers(parts: Parts, names: Sequence[str]) -> list[str]:
    """The names that no task of any partition has."""
    if not names:
        return []
    (found,) = parts.sum(_found, tuple(names))
    return [name for name, times in zip(names, found, strict=True) if not times]


def _found(part: Part, names: tuple[str, ...]) -> tuple[Any]:
    import polars as pl

    there = pl.Series(names, dtype=pl.String).is_in(_texts(part.answers.tasks).implode())
    return (there.to_numpy().astype(np.int32),)


def _texts(ids: Ids) -> Any:
    import polars as pl

    return pl.Series(ids.column()).cast(pl.String)
