"""A result in shards: what is in its folder, whoever writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot._version import __version__
from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.result import Diagnostics, Result

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "MOST_COLUMNS",
    "LeftOut",
    "ShardedResult",
    "manifest_of",
    "task_frame",
    "worker_frame",
]

MOST_COLUMNS = 1000  # classes up to which a posterior is written as columns


@dataclass(frozen=True)
class LeftOut:
    """A shard of answers that was not used.

    Attributes
    ----------
    file : str
    reason : str
    n_rows : int or None
        Rows that its footer tells, where that can be read.
    """

    file: str
    reason: str
    n_rows: int | None


@dataclass(frozen=True)
class ShardedResult:
    """What was fitted to shards of answers, and where it is.

    Attributes
    ----------
    folder : str
        Path or URL of a folder with ``tasks/part-*.parquet`` (task, label, confidence,
        n_answers, and a column ``p_CLASS`` for each class unless hard labels were asked for;
        label is null where undecided), ``workers.parquet`` (worker, n_answers, skill),
        ``confusion.npy`` (n_workers, true, answered) where the model has it, and
        ``manifest.json``, which is written last. Empty where one table was written.
    strategy : str
    n_tasks, n_workers, n_classes, n_answers, n_undecided : int
    mean_confidence : float
    diagnostics : Diagnostics
    n_shards, n_checked : int
        Shards of answers, and those that were compared with a checksum.
    n_partitions : int
        Pieces in which the answers were worked on.
    resumed_at : int
        Iterations of an earlier run that were not done again.
    left_out : tuple of LeftOut
        Shards that were not used, see ``skip_bad_shards``.
    table : str
        Path of the one table of labels (`Found.label_file`) that engine disk wrote instead.
    in_memory : Result or None
        What engine disk found, where nothing was to be written.
    """

    folder: str
    strategy: str
    n_tasks: int
    n_workers: int
    n_classes: int
    n_answers: int
    n_undecided: int
    mean_confidence: float
    diagnostics: Diagnostics = field(repr=False)
    n_shards: int
    n_checked: int
    n_partitions: int
    resumed_at: int = 0
    left_out: tuple[LeftOut, ...] = field(default=())
    table: str = ""
    in_memory: Result | None = field(default=None, repr=False)

    def facts(self) -> dict[str, Any]:
        """All of it as JSON has it, but for the objective and where nothing was written."""
        left_out = [vars(shard) for shard in self.left_out]
        facts = {**vars(self), **vars(self.diagnostics), "left_out": left_out}
        for name in ("diagnostics", "in_memory", "objective", "notes"):
            del facts[name]
        found = self.diagnostics.notes.get("calibration")
        if found is not None:
            facts["calibration"] = found
        return {k: v for k, v in facts.items() if v != "" or k not in ("folder", "table")}


def task_frame(
    task: Any,
    n_answers: NDArray[Any],
    classes: Sequence[str],
    labels: NDArray[np.int32],
    confidence: NDArray[np.float64],
    posterior: Any | None,
) -> pl.DataFrame:
    """Rows of ``tasks/part-*.parquet``, see `ShardedResult`."""
    import polars as pl

    if posterior is not None and not isinstance(posterior, np.ndarray):
        posterior = posterior.toarray()
    names = pl.Series([*classes, None], dtype=pl.String)
    columns = {
        "task": task,
        "label": names.gather(np.where(labels < 0, len(classes), labels)),
        "confidence": confidence,
        "n_answers": n_answers,
    }
    if posterior is not None:
        columns |= {f"p_{name}": posterior[:, k] for k, name in enumerate(classes)}
    return pl.DataFrame(columns)


def worker_frame(workers: Iterable[str], n_answers: NDArray[np.int64], fit: Fit) -> pl.DataFrame:
    """The table ``workers.parquet``, see `ShardedResult`."""
    import polars as pl

    columns: dict[str, Any] = {"worker": list(workers), "n_answers": n_answers}
    if fit.skill is not None:
        columns["skill"] = fit.skill
    return pl.DataFrame({**columns, **fit.worker_columns})


def manifest_of(
    result: ShardedResult, rule: Strategy, fit: Fit, *, hard: bool, classes: Iterable[str],
    n_dropped: int, parts: Sequence[str], sums: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """What ``manifest.json`` says, see `ShardedResult`; ``sums`` are checksums of the files."""
    counted = ("n_tasks", "n_workers", "n_answers", "n_undecided", "n_shards", "n_checked",
               "n_partitions")  # fmt: skip
    diagnostics = fit.diagnostics
    return {
        "schema": "peerannot/shards/1",
        "version": __version__,
        "strategy": rule.name,
        "options": asdict(rule),
        "hard": hard,
        **{name: getattr(result, name) for name in counted},
        "n_dropped": n_dropped,
        "left_out": [vars(shard) for shard in result.left_out],
        "classes": list(classes),
        "prior": None if fit.prior is None else fit.prior.tolist(),
        "n_iter": diagnostics.n_iter,
        "converged": diagnostics.converged,
        "objective": list(diagnostics.objective),
        "notes": dict(diagnostics.notes),
        "parts": list(parts),
        "sha256": dict(sorted(sums.items())),
    }
