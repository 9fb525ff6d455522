"""Engine auto: from disk what does not fit in memory or is wanted in shards, else in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
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
ROW_BYTES = 6  # of the shortest row of text: a,b,c and the end of the line

MEMORY = Memory()


class Auto(Engine):
    """Engine memory; or disk, for Parquet, CSV and NDJSON that would not fit there, which is told.

    Shards whose result is wanted in shards, too, are fitted from disk whatever the memory is.
    """

    name: ClassVar[str] = "auto"
    takes: ClassVar[frozenset[str]] = MEMORY.takes | DISK.takes | {"memory_limit"}

    def run(self, request: Request) -> Outcome:
        room = available() if request.memory_limit is None else request.memory_limit
        need = bytes_needed(request, 0 if _in_shards(request) else room)
        if need is None:
            return MEMORY.run(request)
        fits = room is None or need <= room
        why = _not_from_disk(request)
        if room is not None and not fits:
            what = "fitted from disk" if why is None else f"still fitted in memory: {why}"
            sizes = f"the answers need about {_size(need)} of memory, there are {_size(room)}"
            request.tell(f"{sizes}; {what}")
        if why is None and (not fits or _in_shards(request)):
            return DISK.run(with_gold_read(request))
        return MEMORY.run(request)


def bytes_needed(request: Request, room: int | None = 0) -> int | None:
    """About what a fit in memory takes, of what can be fitted from disk; None of other data.

    Read off the footers of Parquet, or the start of a table of text: rows, and whether ids are
    numbers or texts. None, too, where text is so little that it fits in ``room`` whatever it is.
    """
    paths = request.paths()
    if paths is None or not all(map(_may_be_shards, paths)):
        return None
    if room != 0 and (room is None or _is_little(paths, room)):
        return None
    try:
        rows = Rows.open(paths, request.columns(), may_be_text=True)
        texts = bool(rows.texts) or _has_texts(rows)
    except (PeerannotError, pl.exceptions.PolarsError):
        # Nothing that engine disk takes, or faulty, of which the reader tells more.
        return None
    return rows.n_rows * (ANSWER_BYTES + TEXT_BYTES * texts)


def _has_texts(rows: Rows) -> bool:
    schema = pl.scan_parquet(rows.files[0]).collect_schema()
    return any(not schema[column].is_numeric() for column in rows.columns.values())


def _is_little(paths: Sequence[str | Path], room: int) -> bool:
    """Whether paths are single files of text that surely fit: what is typed in a minute is."""
    if not all(map(_is_text, paths)):
        return False
    with contextlib.suppress(OSError):
        size = sum(Path(path).stat().st_size for path in paths)
        return size // ROW_BYTES * (ANSWER_BYTES + TEXT_BYTES) <= room
    return False


def _may_be_shards(path: str | Path) -> bool:
    """Whether a path is worth a look; files of other formats would be read for it."""
    at = Path(path)
    if at.is_dir():
        return not (at / "metadata.json").exists() and any(at.glob("*.parquet"))
    if "://" in str(path):
        return False
    return _is_text(path) or at.suffix.lower() in (".parquet", ".pq", ".gz")


def _is_text(path: str | Path) -> bool:
    return Path(path).suffix.lower() in (".csv", ".tsv", ".ndjson", ".jsonl")


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
    """Whether the result is wanted in a folder of shards.

    Of tables of text, labels in a file are usual: a name with an ending may be a slip.
    """
    output = request.output
    if output is None or is_table(output):
        return False
    paths = request.paths() or []
    return not Path(output).suffix or not any(map(_is_text, paths))


def _size(n: int) -> str:
    return f"{n / 2**30:.1f} GiB" if n >= 2**29 else f"{n / 2**20:.1f} MiB"
