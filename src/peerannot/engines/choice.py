"""Engine auto: from disk what does not fit in memory or is wanted in shards, else in memory."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl

from peerannot._memory import available
from peerannot.aggregation.partitions.out_of_core import DISK
from peerannot.aggregation.request import Engine, Outcome, Request
from peerannot.engines.memory import Memory
from peerannot.engines.reading import with_gold_read
from peerannot.errors import PeerannotError
from peerannot.io import is_table
from peerannot.io.rows import Rows

__all__ = ["Auto", "bytes_needed"]

# At the height of a fit in memory of 5 million answers, ten classes and five answers a task,
# the table of labels written: 118 bytes an answer where ids are numbers, 152 where they are texts.
ANSWER_BYTES, TEXT_BYTES = 120, 35

MEMORY = Memory()


class Auto(Engine):
    """Engine memory; or disk, for shards of Parquet that would not fit there, which is told.

    Shards whose result is wanted in shards, too, are fitted from disk whatever the memory is.
    """

    name: ClassVar[str] = "auto"
    takes: ClassVar[frozenset[str]] = MEMORY.takes | DISK.takes | {"memory_limit"}

    def run(self, request: Request) -> Outcome:
        need = bytes_needed(request)
        if need is None:
            return MEMORY.run(request)
        room = available() if request.memory_limit is None else request.memory_limit
        fits = room is None or need <= room
        why = _not_from_disk(request)
        if room is not None and not fits:
            what = "fitted from disk" if why is None else f"still fitted in memory: {why}"
            sizes = f"the answers need about {_size(need)} of memory, there are {_size(room)}"
            request.tell(f"{sizes}; {what}")
        if why is None and (not fits or _in_shards(request)):
            return DISK.run(with_gold_read(request))
        return MEMORY.run(request)


def bytes_needed(request: Request) -> int | None:
    """About what a fit in memory of shards of Parquet takes; None of other data.

    Read off the footers of the shards: rows, and whether ids are numbers or texts.
    """
    paths = request.paths()
    if paths is None or not all(map(_may_be_shards, paths)):
        return None
    try:
        rows = Rows.open(paths, request.columns())
        schema = pl.scan_parquet(rows.files[0]).collect_schema()
    except (PeerannotError, pl.exceptions.PolarsError):
        # Not shards, or faulty ones, of which the reader tells more.
        return None
    texts = any(not schema[column].is_numeric() for column in rows.columns.values())
    return rows.n_rows * (ANSWER_BYTES + TEXT_BYTES * texts)


def _may_be_shards(path: str | Path) -> bool:
    """Whether a path is worth a look; files of other formats would be read for it."""
    at = Path(path)
    if at.is_dir():
        return not (at / "metadata.json").exists() and any(at.glob("*.parquet"))
    return "://" not in str(path) and at.suffix.lower() in (".parquet", ".pq")


def _not_from_disk(request: Request) -> str | None:
    """Why engine disk cannot do what was asked; None where it can."""
    unfit = [name for name in DISK.not_taken(request) if name != "memory_limit"]
    if unfit:
        return f"{request.spell(unfit[0])} is not for engine disk"
    strategy = request.strategy
    if strategy is None:
        return "engine disk takes one strategy"
    if not strategy.runs_on_partitions() or strategy.needs_all_tasks() is not None:
        return f"{strategy.name} needs all tasks in memory"
    return None


def _in_shards(request: Request) -> bool:
    """Whether the result is wanted in a folder of shards."""
    return request.output is not None and not is_table(request.output)


def _size(n: int) -> str:
    return f"{n / 2**30:.1f} GiB" if n >= 2**29 else f"{n / 2**20:.1f} MiB"
