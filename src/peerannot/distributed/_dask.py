"""Partitions on a Dask cluster.

Every iteration is one small graph: the parameters, one task a partition, and the sums in a tree.
A partition is worked on where it is, and its worker holds it in memory from the first iteration
to the last. The scheduler knows how each partition was made, so one that is lost with its worker
is made again from the shards on another.
"""

from __future__ import annotations

import contextlib
import copy
import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from importlib import import_module
from typing import Any

import numpy as np

from peerannot._compiled import with_threads
from peerannot._optional import require
from peerannot.distributed._checkpoint import FOLDER
from peerannot.distributed._parts import Part, Shape, Work
from peerannot.distributed._store import Store, npz
from peerannot.errors import ClusterError, DataError, PeerannotError

__all__ = ["DaskParts", "Graph", "Machine", "cluster"]

LOOK_ROUNDS = 20  # rounds of work from one look at where partitions are to the next
FAN = 2  # workers to which one hands on parameters
PATIENCE = 300.0  # seconds to wait for a worker where there is none
CONNECT = 15.0  # seconds to reach a scheduler
LOOK = 5.0  # seconds from one look at the workers to the next
RESUME = "what was saved is kept: run again with --resume (resume=True)"

# Compiled loops use the threads of a worker; two of them at once would only wait for each other.
_turn = threading.Lock()


class _Given:
    """Parameters of one iteration, which Dask need not look into."""

    __slots__ = ("values",)

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values

    def __sizeof__(self) -> int:
        return 64 + sum(getattr(value, "nbytes", 64) for value in self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Given, (self.values,))

    def __dask_tokenize__(self) -> str:
        # Else Dask would hash all parameters of every iteration to name the graph.
        return uuid.uuid4().hex


class _Homes:
    """Where the task of each key should run; the scheduler may choose others if that is gone."""

    def __init__(self, of: dict[Any, str]) -> None:
        self._of = of

    def __call__(self, key: Any) -> list[str]:
        home = self._of.get(key)
        return [] if home is None else [home]


class Graph:
    """Tasks to be sent together.

    Parameters
    ----------
    name
        What the tasks are called on the scheduler.
    """

    def __init__(self, name: str) -> None:
        self._name = f"peerannot-{name}-{uuid.uuid4().hex}"
        self._tasks: dict[Any, Any] = {}
        self.homes: dict[Any, str] = {}

    def add(self, function: Callable[..., Any], *arguments: Any, home: str | None = None) -> Any:
        """A task; arguments may be keys of others, futures, or lists of them. Its key.

        ``home`` is the worker that should run it, for tasks whose results stay: work follows them
        of itself. See `Machine.untie`.
        """
        key = (self._name, len(self._tasks))
        self._tasks[key] = (function, *arguments)
        if home is not None:
            self.homes[key] = home
        return key

    def tree(self, keys: Sequence[Any], join: Callable[..., Any] | None = None) -> Any:
        """Key of the sum of these keys, added pairwise as `add_pairwise` does."""
        level = list(keys)
        while len(level) > 1:
            pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
            level = [self.add(join or _add, *p) if len(p) == 2 else p[0] for p in pairs]
        return level[0]

    def send(self, client: Any, keys: Sequence[Any]) -> list[Any]:
        """Futures of some keys."""
        annotate: Any = import_module("dask").annotate
        with annotate(workers=_Homes(self.homes), allow_other_workers=True):
            futures: list[Any] = client.get(self._tasks, list(keys), sync=False)
        return futures


class Machine:
    """A client and its workers, and one line for whatever becomes of them.

    Parameters
    ----------
    client
        A `distributed.Client`.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    def workers(self) -> dict[str, int]:
        """Threads of each worker, by address, in order of address.

        Raises
        ------
        ClusterError
            The scheduler is gone, or no worker comes.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            with cluster_errors():
                found: dict[str, int] = dict(self.client.nthreads())
            if found:
                return dict(sorted(found.items()))
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"no worker for {PATIENCE:.0f} s: start some (dask worker ADDRESS); {RESUME}"
                )
            time.sleep(0.2)

    def wait(self, futures: Sequence[Any], told: Callable[[int], None] | None = None) -> list[Any]:
        """Results of futures.

        Parameters
        ----------
        futures
            On this cluster.
        told
            Told how many are done, from time to time.

        Raises
        ------
        ClusterError
            The scheduler is gone, or there is no worker, or workers die of a task.
        """
        self.settle(futures, told)
        with cluster_errors():
            results: list[Any] = self.client.gather(list(futures))
        return results

    def settle(
        self,
        futures: Sequence[Any],
        told: Callable[[int], None] | None = None,
        homes: dict[Any, str] | None = None,
    ) -> None:
        """Wait until futures are done, and leave their results where they are.

        ``homes`` are the workers to which tasks are tied meanwhile.
        """
        from distributed import TimeoutError as Late

        wait: Any = import_module("distributed").wait
        missing = 0.0
        with cluster_errors():
            while True:
                try:
                    with self.client.as_current():
                        wait(list(futures), timeout=LOOK)
                    return
                except (Late, TimeoutError):
                    if told is not None:
                        told(sum(future.done() for future in futures))
                there = self.client.nthreads()
                if homes and there and not there.keys() & set(homes.values()):
                    # Dask lets others do what is tied to workers that are gone, but not once
                    # there was no worker at all.
                    raise ClusterError("all workers died while the shards were loaded; run again")
                missing = 0.0 if there else missing + LOOK
                if missing >= PATIENCE:
                    raise ClusterError(
                        f"all workers are gone, and none came back for {PATIENCE:.0f} s; {RESUME}"
                    )

    def untie(self, homes: dict[Any, str]) -> None:
        """Let tasks that are done run on any worker, should they have to run again."""
        with cluster_errors():
            restrict = self.client.scheduler.set_restrictions
            self.client.sync(restrict, worker=dict.fromkeys(homes))


@contextlib.contextmanager
def cluster_errors() -> Iterator[None]:
    """Turn what happens to clusters into one line that says how to go on."""
    from distributed.client import ClosedClientError
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker, NoValidWorkerError

    try:
        yield
    except PeerannotError:
        raise
    except KilledWorker as error:
        raise ClusterError(
            f"{error.allowed_failures + 1} workers died at the same task, most likely for want of"
            f" memory: use more partitions or more memory a worker; {RESUME}"
        ) from None
    except NoValidWorkerError as error:
        raise ClusterError(f"no worker may do the work ({_line(error)}); {RESUME}") from None
    except (CancelledError, ClosedClientError, CommClosedError):
        raise ClusterError(f"the connection to the scheduler was lost; {RESUME}") from None
    except OSError as error:
        raise ClusterError(f"the cluster failed ({_line(error)}); {RESUME}") from None


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextlib.contextmanager
def cluster(
    scheduler: str | None, workers: int | None, client: Any | None = None
) -> Iterator[Machine]:
    """A client: the one given, one of a running scheduler, or of processes on this machine.

    Parameters
    ----------
    scheduler
        Address, ``tcp://HOST:PORT``.
    workers
        Processes to start here where there is no scheduler; by default 1. They share the cores.
    client
        Used as it is, and left open.

    Raises
    ------
    MissingDependencyError
        Dask is not installed.
    ClusterError
        The scheduler cannot be reached.
    """
    dask = require("dask", extra="cluster", feature="--engine dask")
    distributed = require("distributed", extra="cluster", feature="--engine dask")
    # Parameters of an iteration are part of its graph, whatever their size.
    quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
    with quiet, contextlib.ExitStack() as stack:
        if client is not None:
            yield Machine(client)
        elif scheduler is not None:
            try:
                own = distributed.Client(scheduler, timeout=CONNECT, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"cannot reach the scheduler at {scheduler} ({_line(error)}); start one with"
                    " dask scheduler, and workers with dask worker"
                ) from None
            stack.callback(_close, own)
            yield Machine(own)
        else:
            yield Machine(_processes(distributed, workers or 1, stack))


def _processes(distributed: Any, n: int, stack: contextlib.ExitStack) -> Any:
    from peerannot._compiled import threads

    each = max(1, threads() // n)
    local = distributed.LocalCluster(
        n_workers=n,
        threads_per_worker=each,
        processes=True,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
        silence_logs="CRITICAL",
        env={"POLARS_MAX_THREADS": str(each), "OMP_NUM_THREADS": str(each)},
    )
    stack.callback(local.close)
    own = distributed.Client(local, set_as_default=False)
    stack.callback(_close, own)
    return own


def _close(client: Any) -> None:
    # A client whose scheduler is gone has nobody to take leave of.
    with contextlib.suppress(Exception):
        client.close(timeout=2)


class DaskParts:
    """Partitions on the workers, see `peerannot.distributed._parts.Parts`.

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
        told = [graph.add(_second, key) for key in both]
        *futures, total = graph.send(self._machine.client, [*kept, graph.tree(told)])
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
        told = [done.add(_nothing, future) for future in kept]
        self._machine.wait(done.send(self._machine.client, [done.tree(told)]))
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


def _add(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _work(part: Part, kept: Any, work: Work, given: _Given) -> Any:
    from distributed import get_worker

    mine = copy.copy(part)
    mine.kept = kept
    with _turn, with_threads(get_worker().state.nthreads):
        return work(mine, *given.values)


def _link(part: Part, kept: Any, work: Work, state: _Given, given: _Given) -> _Given:
    return _Given((_work(part, kept, work, _Given((state.values[0], *given.values))),))


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
