"""How much is held and worked on at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from peerannot._memory import TABLE_BYTES

__all__ = ["USUAL", "Sizes", "sizes", "with_sizes"]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is held and worked on at a time.

    The defaults are for machines of 4 GiB and more. Other sizes take other memory and time; but
    for ``single`` and ``dense``, results differ in the rounding of sums alone. Those two count for
    every engine, the others for shards, on engines disk and dask.

    Attributes
    ----------
    single : int
        Answers from which models of confusion matrices take tables and exponentials of their
        iterations in single precision: posteriors are then within about 1e-7.
    dense : int
        Bytes of a posterior over which rows hold only the classes that the task received.
    block : int
        Rows of shards read at a time.
    text : int
        Bytes of a table of text read at a time.
    sorted_rows : int
        Rows of a range of tasks that is sorted in memory, where shards are out of order.
    samples : int
        Tasks looked at, in all, to cut ranges of about equal numbers of rows.
    least_samples : int
        Tasks looked at in each shard at least, for a cluster.
    step : int
        Entries of a mapped file worked on at a time.
    chunk_cells : int
        Tasks times classes of a chunk of tasks, about: numbers of a posterior.
    least_chunk, most_chunk : int
        Answers of a chunk, whatever the number of classes.
    marked : int
        Combinations of worker and label up to which a table marks those that occur.
    span : int
        Span of whole numbers up to which a table gives their codes.
    held : int
        Bytes of chunks that stay in memory; a quarter of what is free where that is less.
    partition_rows : int
        Rows of a partition of a cluster, about, however few workers there are.
    part : int
        Tasks of a shard of the result, about.
    """

    single: int = 500_000
    dense: int = TABLE_BYTES
    block: int = 2**22
    text: int = 2**26
    sorted_rows: int = 2**23
    samples: int = 2**18
    least_samples: int = 64
    step: int = 2**22
    chunk_cells: int = 2**24
    least_chunk: int = 2**14
    most_chunk: int = 2**23
    marked: int = 2**28
    span: int = 2**26
    held: int = 2**29
    partition_rows: int = 2**25
    part: int = 2**21


USUAL = Sizes()

_current: ContextVar[Sizes] = ContextVar("sizes", default=USUAL)


def sizes() -> Sizes:
    """The sizes that fits which start here go by."""
    return _current.get()


@contextlib.contextmanager
def with_sizes(wanted: Sizes) -> Iterator[None]:
    """Let fits that start in this thread go by other sizes."""
    token = _current.set(wanted)
    try:
        yield
    finally:
        _current.reset(token)
