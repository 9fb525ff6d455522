"""Partitions on a Dask cluster.

Every iteration is one small graph: the parameters, one task a partition, and the sums in a tree.
A partition is worked on where it is, and its worker holds it in memory from the first iteration
to the last. The scheduler knows how each partition was made, so one that is lost with its worker
is made again from the shards on another.
"""

from __future__ import annotations

import copy
import io
import threading
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from peerannot._sizes import Sizes, sizes, with_sizes
from peerannot._threads import with_threads
from peerannot.aggregation.partitions.known import KnownLabels
from peerannot.aggregation.partitions.parts import Part, Shape, Work
from peerannot.distributed._checkpoint import FOLDER
from peerannot.distributed._cluster import Graph, Machine, cluster_errors
from peerannot.distributed._store import Store, npz
from peerannot.errors import DataError

__all__ = ["DaskParts"]

LOOK_ROUNDS = 20  # rounds of work from one look at where partitions are to the next
FAN = 2  # workers to which one hands on parameters

# Compiled loops use the threads of a worker; two of them at once would only wait for each other.
_turn = threading.Lock()


class _Given:
    """Parameters of one iteration, which Dask need not look into; and the sizes it goes by."""

    __slots__ = ("sizes", "values")

    def __init__(self, values: tuple[Any, ...], wanted: Sizes | None = None) -> None:
        self.values, self.sizes = values, wanted or sizes()

    def __sizeof__(self) -> int:
        return 64 + sum(getattr(value, "nbytes", 64) for value in self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Given, (self.values, self.sizes))

    def __dask_tokenize__(self) -> str:
        # Else Dask would hash all parameters of every iteration to name the graph.
        return uuid.uuid4().hex


class DaskParts:
    """Partitions on the workers, see `peerannot.aggregation.partitions.parts.Parts`.

    No work is tied to a worker: Dask runs it where its partition is, and work tied to one that is
    gone would wait for ever once all workers have been away.

    Parameters
    ----------
    machine
        Where they are.
    parts
        Futures of `Part`.
    shape
        What is known of all answers.
    """

    pairs = None

    def __init__(self, machine: Machine, parts: Sequence[Any], shape: Shape) -> None:
        self._machine, self._parts = machine, list(parts)
        self._kept: list[Any] = [None] * len(self._parts)
        self._shape = shape
        self._homes: list[str] = []
        self._rounds = 0
        self._changed = False
        self._saved_as: str | None = None

    @property
    def shape(self) -> Shape:
        return self._shape

    def __len__(self) -> int:
        return len(self._parts)

    def know(self, gold: KnownLabels) -> None:
        """Take known labels of tasks."""
        graph = Graph("gold")
        shared = graph.add(_same, _Given((gold,)))
        keys = [graph.add(_knowing, part, shared) for part in self._parts]
        self._parts = graph.send(self._machine.client, keys)
        self._machine.settle(self._parts)

    def sum(self, work: Work, *given: Any) -> tuple[Any, ...]:
        graph = Graph(_name(work))
        keys = self._each(graph, _work, work, given)
        (found,) = self._machine.wait(graph.send(self._machine.client, [graph.tree(keys)]))
        total: tuple[Any, ...] = found
        return total

    def advance(self, work: Work, *given: Any) -> tuple[Any, ...]:
        graph = Graph(_name(work))
        both = self._each(graph, _work, work, given)
        kept = [graph.add(_first, key) for key in both]
        halves = [graph.add(_second, key) for key in both]
        *futures, total = graph.send(self._machine.client, [*kept, graph.tree(halves)])
        (found,) = self._machine.wait([total])
        self._kept, self._changed = futures, True
        sums: tuple[Any, ...] = found
        return sums

    def chain(self, work: Work, state: Any, *given: Any) -> Any:
        graph = Graph(_name(work))
        shared = graph.add(_same, _Given(given))
        at = graph.add(_same, _Given((state,)))
        for part, kept in zip(self._parts, self._kept, strict=True):
            at = graph.add(_link, part, kept, work, at, shared)
        (found,) = self._machine.wait(graph.send(self._machine.client, [at]))
        return found.values[0]

    def each(self, work: Work, *given: Any) -> list[Any]:
        """``work(part, *given)`` of every partition, not added up."""
        graph = Graph(_name(work))
        keys = self._each(graph, _work, work, given)
        return self._machine.wait(graph.send(self._machine.client, keys))

    def save_kept(self, store: Store, n_iter: int) -> str | None:
        """Write what the partitions keep; from then on it is known by its file.

        What it was made from need then not be remembered, so that the history of a partition
        stays as short as the time between two checkpoints.
        """
        if self._changed:
            name = f"kept-{n_iter}"
            self.each(_save_kept, store, name)
            self.restore_kept(store, name)
        return self._saved_as

    def restore_kept(self, store: Store, name: str) -> None:
        """Take what an earlier run, or this one, saved."""
        graph = Graph("restore")
        # The partition is not needed, but where it is its numbers should be.
        keys = [graph.add(_load_kept, part, store, name) for part in self._parts]
        kept = graph.send(self._machine.client, keys)
        done = Graph("restored")
        ends = [done.add(_nothing, future) for future in kept]
        self._machine.wait(done.send(self._machine.client, [done.tree(ends)]))
        self._kept, self._saved_as, self._changed = kept, name, False

    def _each(self, graph: Graph, run: Any, work: Work, given: tuple[Any, ...]) -> list[Any]:
        # One copy of the parameters a worker, whatever the number of its partitions, and handed
        # on in a tree, so that nobody sends them more than `FAN` times.
        copies: list[Any] = []
        of_home: dict[str, Any] = {}
        homes = self._where()
        for home, part in zip(homes, self._parts, strict=True):
            if home not in of_home:
                before = copies[(len(copies) - 1) // FAN] if copies else _Given(given)
                of_home[home] = graph.add(_beside, part, before)
                copies.append(of_home[home])
        rows = zip(self._parts, self._kept, homes, strict=True)
        return [graph.add(run, part, kept, work, of_home[home]) for part, kept, home in rows]

    def _where(self) -> list[str]:
        """Worker of each partition, as it was some rounds ago; only what is sent hangs on it."""
        if self._rounds % LOOK_ROUNDS == 0 or not all(self._homes):
            with cluster_errors():
                held = self._machine.client.who_has(self._parts)
            self._homes = [next(iter(held.get(part.key) or ("",))) for part in self._parts]
        self._rounds += 1
        return self._homes


def _beside(part: Part, given: _Given) -> _Given:
    """The parameters, on the worker that holds the partition."""
    return given


def _knowing(part: Part, given: _Given) -> Part:
    mine = copy.copy(part)
    mine.know(given.values[0].of_tasks(part.answers.tasks, part.first_task))
    return mine


def _name(work: Work) -> str:
    return str(getattr(work, "__name__", "work")).strip("_").replace("_", "-")


def _same(value: Any) -> Any:
    return value


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _second(pair: tuple[Any, Any]) -> Any:
    return pair[1]


def _nothing(value: Any) -> tuple[int]:
    return (0,)


def _work(part: Part, kept: Any, work: Work, given: _Given) -> Any:
    from distributed import get_worker

    mine = copy.copy(part)
    mine.kept = kept
    with _turn, with_threads(get_worker().state.nthreads), with_sizes(given.sizes):
        return work(mine, *given.values)


def _link(part: Part, kept: Any, work: Work, state: _Given, given: _Given) -> _Given:
    whole = _Given((state.values[0], *given.values), given.sizes)
    return _Given((_work(part, kept, work, whole),), given.sizes)


def _save_kept(part: Part, store: Store, name: str) -> None:
    kept = part.kept
    several = kept if isinstance(kept, tuple) else (kept,)
    arrays = {f"a{i}": np.asarray(value) for i, value in enumerate(several) if value is not None}
    facts = {"form": np.array(_form(kept)), "n": np.array(len(several))}
    store.write(f"{FOLDER}/{name}-{part.index:05d}.npz", npz({**facts, **arrays}))


def _form(kept: Any) -> str:
    return "none" if kept is None else "tuple" if isinstance(kept, tuple) else "one"


def _load_kept(part: Part, store: Store, name: str) -> Any:
    file = f"{FOLDER}/{name}-{part.index:05d}.npz"
    content = store.read(file)
    try:
        with np.load(io.BytesIO(content or b""), allow_pickle=False) as held:
            form, n = str(held["form"]), int(held["n"])
            several = tuple(held[f"a{i}"] if f"a{i}" in held.files else None for i in range(n))
    except Exception:
        raise DataError(
            f"{store.at(file)}: a part of the checkpoint is missing or damaged; drop --resume to"
            " begin anew"
        ) from None
    return several if form == "tuple" else None if form == "none" else several[0]
