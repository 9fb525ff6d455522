"""Where answers came from, and results as what came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.found import Found
from peerannot.errors import MissingDependencyError, ParameterError

__all__ = ["Origin", "build_frame", "id_column"]

KINDS = ("pandas", "polars", "pyarrow")


@dataclass(frozen=True)
class Origin:
    """What the answers came from, so that results go back as the same.

    Attributes
    ----------
    kind : str
        The library of the frame, as Narwhals names it; ``"numpy"`` for anything else.
    lazy : str or None
        The library of a lazy frame, which the results become.
    tasks, workers, classes : mapping
        The values that ids and names had in the data.
    rows : tuple of str or None
        Ids of the tasks in the order of the rows of a matrix, those without answers too.
    missing : object
        What stands for no label.
    """

    kind: str = "numpy"
    lazy: str | None = None
    tasks: Mapping[str, Any] = field(default_factory=dict)
    workers: Mapping[str, Any] = field(default_factory=dict)
    classes: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] | None = None
    missing: Any = None

    def labels(self, result: Found) -> Any:
        """The hard label of each task: a Series ``agg_label`` indexed by task for pandas, a frame
        of columns task and agg_label for others, an array for a matrix."""
        names = [*(self.classes.get(c, c) for c in result.classes), self.missing]
        ids, at = self._order(result)
        codes = np.where(at >= 0, result.labels[at], -1)
        labels = [names[c] for c in codes]
        if self.kind != "numpy":
            return self.frame({"task": ids, "agg_label": labels}, of="agg_label")
        if any(isinstance(label, str) or label is None for label in labels):
            return np.array(labels, dtype=object if None in labels else None)
        return np.array(labels)

    def probabilities(self, result: Found) -> Any:
        """The posterior: a frame indexed by task with a column a class, or an array."""
        ids, at = self._order(result)
        posterior = result.dense_posterior()
        if self.rows is not None:
            posterior = np.where((at >= 0)[:, None], posterior[at], np.nan)
        if self.kind == "numpy":
            return posterior
        names = [self.classes.get(c, c) for c in result.classes]
        shares = dict(zip(names, posterior.T, strict=True))
        return self.frame({id_column(result.classes): ids}, shares)

    def frame(
        self,
        columns: Mapping[str, Any],
        further: Mapping[Any, Any] | None = None,
        *,
        of: str | None = None,
    ) -> Any:
        """A frame of the library; its first column is the index where there is one.

        ``further`` are columns whose names may be any value; ``of`` is the column wanted alone
        where an index says what it is about.
        """
        import narwhals as nw

        texts = {str(name): column for name, column in (further or {}).items()}
        built = nw.from_dict({**columns, **texts}, backend=cast(Any, self.kind))
        if self.lazy is not None:
            return built.lazy(backend=cast(Any, self.lazy)).to_native()
        if not built.implementation.is_pandas_like():
            return built.to_native()
        indexed = nw.maybe_set_index(built, next(iter(columns)))
        if of is not None:
            return indexed[of].to_native()
        native = indexed.to_native()
        if further:
            native.columns = list(further)
        return native

    def named(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """A table with ids and labels as they were in the data."""
        known = {"task": self.tasks, "worker": self.workers, "label": self.classes}
        return {
            name: [known[name].get(v, v) for v in column] if name in known else column
            for name, column in columns.items()
        }

    def _order(self, result: Found) -> tuple[list[Any], NDArray[np.int64]]:
        """Ids as they came, and the position of each in the result, -1 where it has none."""
        ids = list(result.tasks if self.rows is None else self.rows)
        at = np.arange(len(ids))
        if self.rows is not None:
            at = result.tasks.codes(ids).astype(np.int64)
            answered = np.where(at >= 0, result.n_answers[at] > 0, False)
            at = np.where(answered, at, -1)
        return [self.tasks.get(i, i) for i in ids], at


def id_column(classes: Iterable[str]) -> str:
    """Name of the column of tasks beside columns of classes."""
    name = "task"
    while name in classes:
        name += "_"
    return name


def build_frame(columns: Mapping[str, Any], kind: str | None, origin: Origin) -> Any:
    """A table as a frame of a library, by default of the one that the data came in.

    Raises
    ------
    ParameterError
        The library is none of pandas, polars, pyarrow.
    MissingDependencyError
        It is not installed.
    """
    if kind is not None and kind not in KINDS:
        raise ParameterError(f"to_frame: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind is None:
        kind = "polars" if origin.kind == "numpy" else origin.kind
        return replace(origin, kind=kind).frame(origin.named(columns))
    try:
        import_module(kind)
    except ImportError:
        raise MissingDependencyError(f"to_frame: {kind} is not here: pip install {kind}") from None
    return Origin(kind).frame(origin.named(columns))
