"""Who the workers of a data set are: ``workers.csv``, a row a worker.

Columns ``worker`` and ``kind`` (``human`` or ``model``), and ``group`` where some are known to be
alike, such as judges of one family of models. Workers without a row are human and alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from peerannot._text import did_you_mean, few
from peerannot.answers import Ids
from peerannot.errors import DataError, ParameterError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["KINDS", "WORKERS", "Roster", "named_models", "read_roster", "worker_table"]

WORKERS = "workers.csv"
KINDS = ("human", "model")


@dataclass(frozen=True)
class Roster:
    """Kinds and groups of workers, by id.

    Attributes
    ----------
    kinds : dict
        ``human`` or ``model``.
    groups : dict
        Name of the group, of those who have one.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    def of(self, workers: Ids) -> list[str]:
        """The kind of each worker; ``human`` where it is not told."""
        return [self.kinds.get(worker, "human") for worker in workers]


def worker_table(path: Path, column: str) -> pl.DataFrame:
    """A CSV file of texts with a column ``worker`` and another.

    Raises
    ------
    DataError
        There is no such file, it is no CSV file, or has no such columns.
    """
    import polars as pl

    try:
        frame = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: not a CSV file: {str(error).splitlines()[0]}") from None
    if not {"worker", column} <= set(frame.columns):
        raise DataError(f"{path}: needs columns worker and {column}, has {few(frame.columns)}")
    return frame


def read_roster(path: Path) -> Roster:
    """Read a ``workers.csv``; an empty roster where there is none.

    Raises
    ------
    DataError
        It is no CSV file, has no such columns, a worker twice, or another kind.
    """
    if not path.exists():
        return Roster()
    frame = worker_table(path, "kind")
    kinds: dict[str, str] = {}
    for row, (worker, kind) in enumerate(zip(frame["worker"], frame["kind"], strict=True), 2):
        said = (kind or "human").strip().casefold()
        if said not in KINDS:
            raise DataError(f"{path} line {row}: kind must be human or model, not {kind!r}")
        if worker is None or worker in kinds:
            what = "a row without a worker" if worker is None else f"{worker!r} a second time"
            raise DataError(f"{path} line {row}: {what}; each worker has one row")
        kinds[worker] = said
    groups: dict[str, str] = {}
    if "group" in frame.columns:
        given = frame.drop_nulls("group")
        groups = dict(zip(given["worker"], given["group"], strict=True))
    return Roster(kinds, groups)


def named_models(names: Iterable[str], workers: Ids, known: Roster) -> Roster:
    """The roster where these workers, and they alone, are models.

    Raises
    ------
    ParameterError
        One of them has no answers.
    """
    models = [name.strip() for name in names if name.strip()]
    for name in models:
        if name not in workers:
            near = did_you_mean(name, list(workers)[:10_000])
            raise ParameterError(f"--models: no answers of a worker {name!r}" + near)
    return Roster(dict.fromkeys(models, "model"), known.groups)
