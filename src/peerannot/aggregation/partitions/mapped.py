"""Partitions of answers in memory-mapped files: a chunk of tasks at a time is in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot._memory import available
from peerannot.aggregation.partitions.known import KnownLabels
from peerannot.aggregation.partitions.parts import Part, Shape, Work
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.answers import Answers, Ids

if TYPE_CHECKING:
    from peerannot.io.shards import Coded

__all__ = ["MappedParts"]


class MappedParts:
    """Chunks of tasks of coded answers, see `peerannot.aggregation.partitions.parts.Parts`.

    A partition is made anew whenever it is worked on, and its answers only as far as they are
    asked for; but the first ones stay, with all that was prepared and is kept, while they take
    less than ``room``. What the others keep with tasks goes to files next to the answers; `close`
    removes them.

    Attributes
    ----------
    home : Path
        Folder of these files.

    Parameters
    ----------
    coded
        The answers.
    room
        Bytes; a quarter of the memory that there is where that is less.
    """

    def __init__(self, coded: Coded, room: int) -> None:
        self._coded = coded
        self.shape = Shape(
            coded.n_tasks, coded.n_answers, coded.workers, coded.classes,
            weighted=coded.weight is not None,
        )  # fmt: skip
        self.pairs = Pairs.coded(
            np.empty(0, np.int32), coded.pair_worker, coded.pair_label, len(coded.workers),
            len(coded.classes), model="", columns=0,
        )  # fmt: skip
        self.home = Path(tempfile.mkdtemp(prefix="kept-", dir=coded.folder))
        # Files of what each partition keeps; no list: an array, not a tuple of some.
        self._kept: list[Any] = [None] * len(self)
        common = (coded, self.shape, coded.workers, coded.classes, *vars(self.pairs).values())
        self._shared = {id(thing) for thing in common}
        self._held: dict[int, tuple[Part, int]] = {}
        self._room = min(room, (available() or 0) // 4)
        self._none = np.full(int(np.diff(coded.chunks[:, 0]).max()), -1, np.int32)
        self._gold: NDArray[np.int32] | None = None
        self._shared.add(id(self._none))

    def __len__(self) -> int:
        return len(self._coded.chunks) - 1

    def __iter__(self) -> Iterator[Part]:
        return (self._part(c) for c in range(len(self)))

    def know(self, gold: KnownLabels) -> None:
        """Take known labels of tasks."""
        each = (gold.of_tasks(part.answers.tasks, part.first_task) for part in self)
        self._gold = np.concatenate(list(each))
        for part, size in self._held.values():
            self._save(part)
            self._room += size
        self._held.clear()
        self._shared.add(id(self._gold))

    def close(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.home, ignore_errors=True)

    def sum(self, work: Work, *given: Any) -> tuple[Any, ...]:
        return _added(self._settled(part, work(part, *given)) for part in self)

    def advance(self, work: Work, *given: Any) -> tuple[Any, ...]:
        return _added(self._advanced(part, *work(part, *given)) for part in self)

    def chain(self, work: Work, state: Any, *given: Any) -> Any:
        for part in self:
            state = work(part, state, *given)
        return state

    def _part(self, c: int) -> Part:
        if c in self._held:
            return self._held[c][0]
        answers = _MappedAnswers(self._coded, c)
        first = int(self._coded.chunks[c, 0])
        n = answers.n_tasks
        pairs = replace(self.pairs, of_answer=answers.pair)
        part = Part(c, first, answers, self._none[:n], self.shape, self._restored(c), pairs=pairs)
        if self._gold is not None:
            part.know(self._gold[first : first + n])
        return part

    def _advanced(self, part: Part, kept: Any, sums: tuple[Any, ...]) -> tuple[Any, ...]:
        part.kept = kept
        if part.index not in self._held:
            self._save(part)
        return self._settled(part, sums)

    def _settled(self, part: Part, sums: tuple[Any, ...]) -> tuple[Any, ...]:
        """Hold the partition where there is room for it."""
        _, before = self._held.get(part.index, (part, 0))
        size = _size(part, set(self._shared))
        if size - before <= self._room:
            self._room -= size - before
            self._held[part.index] = part, size
        elif before:
            self._save(part)
            self._room += before
            del self._held[part.index]
        return sums

    def _save(self, part: Part) -> None:
        kept = part.kept
        several = kept if isinstance(kept, tuple) else (kept,)
        files = []
        for i, array in enumerate(several):
            files.append(None if array is None else self.home / f"{part.index}-{i}.npy")
            if array is not None:
                np.save(self.home / f"{part.index}-{i}.npy", array, allow_pickle=False)
        self._kept[part.index] = tuple(files) if isinstance(kept, tuple) else files[0]

    def _restored(self, c: int) -> Any:
        files = self._kept[c]
        if isinstance(files, tuple):
            return tuple(_read(file) for file in files)
        return _read(files)


class _MappedAnswers(Answers):
    """The answers of a chunk of tasks; columns and ids are made when they are asked for."""

    def __init__(self, coded: Coded, c: int) -> None:
        ptr, pair = coded.chunk(c)
        known = {
            "_coded": coded, "_chunk": c, "task_ptr": _read_only(ptr), "workers": coded.workers,
            "classes": coded.classes, "weight": coded.chunk_weight(c),
            "pair": pair.astype(np.int32, copy=False),
        }  # fmt: skip
        self.__dict__.update(known)

    pair: NDArray[np.int32]
    _coded: Coded
    _chunk: int

    @property
    def n_tasks(self) -> int:
        return int(self.task_ptr.size - 1)

    @property
    def n_answers(self) -> int:
        return int(self.pair.size)

    @cached_property
    def tasks(self) -> Ids:
        ids = self._coded.chunk_ids(self._chunk)
        return Ids.of_column(ids.to_numpy() if ids.dtype.is_integer() else ids)

    @cached_property
    def task(self) -> NDArray[np.int32]:
        each = np.arange(self.n_tasks, dtype=np.int32)
        return _read_only(np.repeat(each, np.diff(self.task_ptr)))

    @cached_property
    def worker(self) -> NDArray[np.int32]:
        return _read_only(self._coded.pair_worker[self.pair])

    @cached_property
    def label(self) -> NDArray[np.int32]:
        return _read_only(self._coded.pair_label[self.pair])


def _added(results: Iterator[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The sum of what partitions gave, in their order; only the sum so far is held."""
    first = next(results)
    # What a partition gives may be part of it: the sum is an array of its own.
    total = [value.copy() if isinstance(value, np.ndarray) else value for value in first]
    for sums in results:
        for i, value in enumerate(sums):
            total[i] += value
    return tuple(total)


def _size(thing: Any, seen: set[int]) -> int:
    """Bytes of the arrays in something, but for those in files and what was seen."""
    while isinstance(thing, np.ndarray) and isinstance(thing.base, np.ndarray):
        thing = thing.base
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return 0 if isinstance(thing, np.memmap) else thing.nbytes
    if isinstance(thing, dict):
        return sum(_size(value, seen) for value in thing.values())
    if isinstance(thing, tuple | list):
        return sum(_size(value, seen) for value in thing)
    return _size(vars(thing), seen) if isinstance(thing, Answers) or is_dataclass(thing) else 0


def _read(file: Path | None) -> Any:
    return None if file is None else np.load(file, allow_pickle=False)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
