"""One look at all shards, by the workers: vocabularies, ranges of tasks, what is damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from peerannot._progress import silent
from peerannot._sizes import Sizes
from peerannot.distributed._store import here, is_remote
from peerannot.errors import PeerannotError
from peerannot.io.checksums import check_one
from peerannot.io.order import sort_key
from peerannot.io.rows import COLUMNS, Rows, survey

__all__ = ["Merged", "Shard", "merge", "plan", "survey_shard"]

MOST_READ = 2.0  # how often rows may be read so that a shuffle is avoided


@dataclass(frozen=True)
class Shard:
    """What is known of one shard.

    Attributes
    ----------
    url : str
    number : int
        Place in the order of shards.
    height : int
        Rows; of a damaged shard those that its footer tells, or -1.
    low, high : int or str or None
        The first and the last task, in the order of memory (`sort_key`).
    samples : Series
        Tasks at equal distances.
    fault : str or None
        Why it cannot be used.
    """

    url: str
    number: int
    height: int
    low: Any = None
    high: Any = None
    samples: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.Int64))
    fault: str | None = None


@dataclass(frozen=True)
class Merged:
    """What is known of several shards together.

    ``kinds`` are types that hold all of them: whole numbers, or strings where any has some.
    """

    shards: tuple[Shard, ...]
    kinds: Mapping[str, Any]
    workers: pl.Series
    labels: pl.Series


def survey_shard(
    url: str,
    number: int,
    columns: Mapping[str, str | None],
    sizes: Sizes,
    n_shards: int = 1,
    checksum: tuple[str, str] | None = None,
) -> Merged:
    """Look at one shard. A fault of its own is told, not raised: cost O(rows).

    ``n_shards`` share the samples; ``checksum`` is its SHA-256, and the list that has it.
    """
    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pl.Int64())
    none = pl.Series([], dtype=pl.Int64)
    height = -1
    try:
        with here(url) as file:
            try:
                rows = Rows.open(file, columns, sizes, may_be_empty=True)
                height = rows.n_rows
                if checksum is not None:
                    check_one(file, *checksum, shown=url)
                if height == 0:
                    return Merged((Shard(url, number, 0),), kinds, none, none)
                seen = survey(rows, silent)
            except PeerannotError as error:
                # Where a copy was read, the message has the name of the copy.
                why = str(error).replace(str(file), url)
                return Merged((Shard(url, number, height, fault=why),), kinds, none, none)
    except PeerannotError as error:
        if is_remote(url) and not isinstance(error, ValueError):
            raise
        return Merged((Shard(url, number, height, fault=str(error)),), kinds, none, none)
    task = pl.concat([s.cast(seen.kinds["task"]) for s in seen.samples])
    samples = max(sizes.samples // n_shards, sizes.least_samples)
    at = np.unique(np.linspace(0, task.len() - 1, min(samples, task.len())).astype(np.int64))
    shard = Shard(url, number, height, seen.low, seen.high, task.gather(at))
    return Merged((shard,), seen.kinds, seen.workers, seen.labels)


def merge(*several: Merged) -> Merged:
    """What is known of all of them together."""
    kinds = {
        what: pl.String()
        if any(m.kinds[what] == pl.String for m in several)
        else several[0].kinds[what]
        for what in COLUMNS
    }
    return Merged(
        tuple(sorted((s for m in several for s in m.shards), key=lambda s: s.number)),
        kinds,
        _union([m.workers for m in several], kinds["worker"]),
        _union([m.labels for m in several], kinds["label"]),
    )


def _union(parts: Sequence[pl.Series], kind: Any) -> pl.Series:
    return pl.concat([part.cast(kind) for part in parts]).unique().sort()


@dataclass(frozen=True)
class Layout:
    """How partitions are made of shards.

    Attributes
    ----------
    cuts : Series
        Key (`sort_key`) of the first task of each partition but the first.
    readers : list of list of (Shard, whole)
        Shards that each partition reads, and whether all of their rows are its own.
    shuffle : bool
        Each shard is instead cut into the ranges once, and the pieces are put together.
    """

    cuts: pl.Series
    readers: list[list[tuple[Shard, bool]]]
    shuffle: bool


def plan(shards: Sequence[Shard], kind: Any, n: int) -> Layout:
    """Ranges of tasks with about equal numbers of rows, at ends of shards where that is near.

    Parameters
    ----------
    shards
        Usable shards with rows.
    kind
        Type of the tasks.
    n
        Partitions wanted; there are fewer where tasks are few.
    """
    ranges = [_Range.of(shard, kind) for shard in shards]
    # A sample stands for this many rows of its shard.
    weight = np.concatenate([np.full(s.samples.len(), s.height / s.samples.len()) for s in shards])
    ranged = pl.DataFrame({"key": pl.concat([r.samples for r in ranges]), "rows": weight}).sort(
        "key", maintain_order=True
    )
    total = np.cumsum(ranged["rows"].to_numpy())
    goals = total[-1] * np.arange(1, n) / n
    at = np.searchsorted(total, goals, side="left").clip(0, ranged.height - 1)
    cuts = ranged["key"].gather(at).unique().sort()
    apart = sorted(ranges, key=lambda r: r.low)
    if all(a.high < b.low for a, b in pairwise(apart)):
        cuts = _snapped(cuts, apart, sum(s.height for s in shards) / n / 4)
    lows: list[Any] = [None, *cuts.to_list()]
    highs: list[Any] = [*cuts.to_list(), None]
    readers = [
        [
            (r.shard, (low is None or r.low >= low) and (high is None or r.high < high))
            for r in ranges
            if (high is None or r.low < high) and (low is None or r.high >= low)
        ]
        for low, high in zip(lows, highs, strict=True)
    ]
    read = sum(s.height for of_one in readers for s, _ in of_one)
    return Layout(cuts, readers, shuffle=read > MOST_READ * sum(s.height for s in shards))


@dataclass(frozen=True)
class _Range:
    """The tasks of a shard, by what sorts them as memory does."""

    shard: Shard
    low: Any
    high: Any
    samples: pl.Series

    @classmethod
    def of(cls, shard: Shard, kind: Any) -> _Range:
        low, high = sort_key(pl.Series([shard.low, shard.high]).cast(kind))
        return cls(shard, low, high, sort_key(shard.samples.cast(kind)))


def _snapped(cuts: pl.Series, apart: Sequence[_Range], slack: float) -> pl.Series:
    """Cuts moved to the end of a shard where no more than ``slack`` rows change sides."""
    moved = []
    for cut in cuts.to_list():
        inside = next((r for r in apart if r.low < cut <= r.high), None)
        if inside is not None:
            share = float((inside.samples < cut).mean() or 0.0)
            following = next((r.low for r in apart if r.low > inside.high), None)
            height = inside.shard.height
            if share * height <= slack:
                cut = inside.low
            elif (1 - share) * height <= slack and following is not None:
                cut = following
        moved.append(cut)
    kept = pl.Series(moved, dtype=cuts.dtype).unique().sort()
    return kept.filter(kept > apart[0].low)
