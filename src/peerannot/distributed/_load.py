"""From shards to partitions, on the workers. Every step can be done again from the shards."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from peerannot._sizes import Sizes
from peerannot.aggregation.partitions.parts import Part, Shape
from peerannot.answers import Answers, DuplicatePolicy, Meaning
from peerannot.distributed._checkpoint import FOLDER
from peerannot.distributed._store import Store, here, parquet
from peerannot.distributed._survey import Shard
from peerannot.errors import DataError
from peerannot.io.order import sort_key
from peerannot.io.rows import Rows
from peerannot.io.shards import Coding

__all__ = ["Loaded", "Vocabulary", "cut_shard", "join_pieces", "load_range", "part_of", "piece_of"]


@dataclass(frozen=True)
class Vocabulary:
    """What all partitions are coded with.

    It is read from the folder of the result: then the scheduler need not hold it, and the tasks
    that load partitions depend on nothing that would draw them to one worker.

    Attributes
    ----------
    store : Store
        Folder of the result.
    token : str
        Tells this run from others.
    kinds : mapping
        Type of tasks, workers and labels.
    wanted : list or int or None
        Classes that the user named.
    meaning : Meaning or None
        What the user says that labels are.
    duplicates : DuplicatePolicy
    columns : mapping
        Names of columns where they are not usual ones, and of weights where there are some.
    name : str
        Of the shards, for messages.
    sizes : Sizes
    """

    store: Store
    token: str
    kinds: Mapping[str, Any]
    wanted: Any
    meaning: Meaning | None
    duplicates: DuplicatePolicy
    columns: Mapping[str, str | None]
    name: str
    sizes: Sizes

    @property
    def weighted(self) -> bool:
        """Whether answers have weights."""
        return bool(self.columns.get("weight"))

    def nothing(self) -> pl.DataFrame:
        """Codes of no answers."""
        schema = {"task": self.kinds["task"], "worker": pl.Int32, "label": pl.Int32}
        return pl.DataFrame(schema=schema | ({"weight": pl.Float64} if self.weighted else {}))

    def write(self, workers: pl.Series, labels: pl.Series) -> None:
        """Write the distinct ids that occur."""
        for name, ids in (("workers", workers), ("labels", labels)):
            self.store.write(f"{FOLDER}/{name}.parquet", parquet(ids.to_frame("id")))

    def coding(self) -> Coding:
        """Read once a process."""
        with _reading:
            if self.token not in _codings:
                _codings.clear()
                workers, labels = (self._read(name) for name in ("workers", "labels"))
                _codings[self.token] = Coding(
                    workers,
                    labels,
                    self.wanted,
                    self.duplicates,
                    self.name,
                    self.meaning,
                    self.sizes,
                )
            return _codings[self.token]

    def _read(self, name: str) -> pl.Series:
        content = self.store.read(f"{FOLDER}/{name}.parquet")
        if content is None:
            raise DataError(
                f"{self.store.at(FOLDER)}: the vocabulary of {name} is not there; all workers must"
                " reach the output folder"
            )
        return pl.read_parquet(io.BytesIO(content))["id"]


_codings: dict[str, Coding] = {}
_reading = threading.Lock()


@dataclass
class Loaded:
    """The answers of one partition, before it is known how many tasks stand before it.

    Attributes
    ----------
    answers : Answers
    n_rows : int
        Rows read, with those dropped as repeated.
    """

    answers: Answers
    n_rows: int

    def __sizeof__(self) -> int:
        # A scheduler weighs by this whether to move a partition or the work.
        each = 12 if self.answers.weight is None else 20
        return each * self.answers.n_answers + 16 * self.answers.n_tasks

    def size(self) -> tuple[int, int, int]:
        """Tasks, answers, and rows dropped."""
        n = self.answers.n_answers
        return self.answers.n_tasks, n, self.n_rows - n


def load_range(
    readers: Sequence[tuple[Shard, bool]], low: Any, high: Any, vocabulary: Vocabulary
) -> Loaded:
    """The answers to the tasks of one range, from the shards that may have some.

    Parameters
    ----------
    readers
        Shards in their order, and whether all of their rows are of the range.
    low, high
        Key (`sort_key`) of the first task, and of the first of the next range; None at the ends.
    vocabulary
        What to code with.
    """
    coding = vocabulary.coding()
    blocks = []
    for shard, whole in readers:
        for block in _blocks(shard, vocabulary):
            mine = block if whole else block.filter(_within(sort_key(block["task"]), low, high))
            if mine.height:
                blocks.append(coding.codes(mine))
    return _loaded(blocks, vocabulary)


def cut_shard(shard: Shard, cuts: pl.Series, vocabulary: Vocabulary) -> list[pl.DataFrame]:
    """Codes of one shard in a frame for each range, in the order of its rows."""
    coding = vocabulary.coding()
    pieces: list[list[pl.DataFrame]] = [[] for _ in range(cuts.len() + 1)]
    for block in _blocks(shard, vocabulary):
        of = cuts.search_sorted(sort_key(block["task"]), side="right").alias("range")
        codes = coding.codes(block).with_columns(of)
        for (number,), some in codes.group_by("range", maintain_order=True):
            pieces[int(number)].append(some.drop("range"))
    return [pl.concat(own) if own else vocabulary.nothing() for own in pieces]


def piece_of(pieces: list[pl.DataFrame], number: int) -> pl.DataFrame:
    """The piece of one range, out of `cut_shard`."""
    return pieces[number]


def join_pieces(pieces: Sequence[pl.DataFrame], vocabulary: Vocabulary) -> Loaded:
    """The answers of one range, from the pieces of all shards in their order."""
    return _loaded([piece for piece in pieces if piece.height], vocabulary)


def part_of(loaded: Loaded, index: int, first_task: int, shape: Shape) -> Part:
    """A partition in its place."""
    answers = loaded.answers
    return Part(index, first_task, answers, np.full(answers.n_tasks, -1, np.int32), shape)


def _loaded(blocks: list[pl.DataFrame], vocabulary: Vocabulary) -> Loaded:
    coding = vocabulary.coding()
    if not blocks:
        return Loaded(coding.answers(vocabulary.nothing(), np.empty(0, np.int64))[1], 0)
    codes = pl.concat(blocks)
    blocks.clear()
    key = sort_key(codes["task"])
    if not key.is_sorted():
        codes = codes.with_columns(key=key).sort("key", maintain_order=True).drop("key")
    return Loaded(coding.answers(codes)[1], codes.height)


def _blocks(shard: Shard, vocabulary: Vocabulary) -> Iterator[pl.DataFrame]:
    with here(shard.url) as file:
        try:
            rows = Rows.open(file, vocabulary.columns, vocabulary.sizes)
            if rows.n_rows != shard.height:
                raise DataError(f"{file}: the file changed while it was read; run again")
            yield from rows.blocks(vocabulary.kinds)
        except DataError as error:
            raise DataError(str(error).replace(str(file), shard.url)) from None


def _within(key: pl.Series, low: Any, high: Any) -> pl.Series:
    inside = pl.Series([True]).new_from_index(0, key.len())
    if low is not None:
        inside &= key >= low
    if high is not None:
        inside &= key < high
    return inside
