"""A Dask cluster: graphs that are sent to it, and one line for whatever becomes of it."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from peerannot._optional import require
from peerannot.errors import ClusterError, ParameterError, PeerannotError

__all__ = ["Graph", "Machine", "cluster", "cluster_errors"]

CONNECT = 15.0  # seconds to reach a scheduler, at most
LOOK = 5.0  # seconds from one look at the workers to the next, at most
RESUME = "what was saved is kept: run again with --resume (resume=True)"


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
    patience
        Seconds to wait for a worker where there is none.
    """

    def __init__(self, client: Any, patience: float = 300.0) -> None:
        self.client, self.patience = client, patience

    def workers(self) -> dict[str, int]:
        """Threads of each worker, by address, in order of address.

        Raises
        ------
        ClusterError
            The scheduler is gone, or no worker comes.
        """
        deadline = time.monotonic() + self.patience
        while True:
            with cluster_errors():
                found: dict[str, int] = dict(self.client.nthreads())
            if found:
                return dict(sorted(found.items()))
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"no worker for {self.patience:.0f} s: start some (dask worker ADDRESS);"
                    f" {RESUME}"
                )
            time.sleep(0.2)

    def wait(
        self, futures: Sequence[Any], on_done: Callable[[int], None] | None = None
    ) -> list[Any]:
        """Results of futures.

        Parameters
        ----------
        futures
            On this cluster.
        on_done
            Told how many are done, from time to time.

        Raises
        ------
        ClusterError
            The scheduler is gone, or there is no worker, or workers die of a task.
        """
        self.settle(futures, on_done)
        with cluster_errors():
            results: list[Any] = self.client.gather(list(futures))
        return results

    def settle(
        self,
        futures: Sequence[Any],
        on_done: Callable[[int], None] | None = None,
        homes: dict[Any, str] | None = None,
    ) -> None:
        """Wait until futures are done, and leave their results where they are.

        ``homes`` are the workers to which tasks are tied meanwhile.
        """
        from distributed import TimeoutError as Late

        wait: Any = import_module("distributed").wait
        missing, look = 0.0, min(LOOK, self.patience)
        with cluster_errors():
            while True:
                try:
                    with self.client.as_current():
                        wait(list(futures), timeout=look)
                    return
                except (Late, TimeoutError):
                    if on_done is not None:
                        on_done(sum(future.done() for future in futures))
                there = self.client.nthreads()
                if homes and there and not there.keys() & set(homes.values()):
                    # Dask lets others do what is tied to workers that are gone, but not once
                    # there was no worker at all.
                    raise ClusterError("all workers died while the shards were loaded; run again")
                missing = 0.0 if there else missing + look
                if missing >= self.patience:
                    raise ClusterError(
                        f"all workers are gone, and none came back for {self.patience:.0f} s;"
                        f" {RESUME}"
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
    scheduler: str | None,
    workers: int | None,
    client: Any | None = None,
    patience: float = 300.0,
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
    patience
        Seconds to wait for a worker where there is none; for a scheduler 15 of them at most.

    Raises
    ------
    MissingDependencyError
        Dask is not installed.
    ParameterError
        The address cannot be one.
    ClusterError
        The scheduler cannot be reached.
    """
    if scheduler is not None:
        _check_address(scheduler)
    dask = require("dask", extra="cluster", feature="--engine dask")
    distributed = require("distributed", extra="cluster", feature="--engine dask")
    # Parameters of an iteration are part of its graph, whatever their size.
    quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
    with quiet, contextlib.ExitStack() as stack:
        if client is not None:
            yield Machine(client, patience)
        elif scheduler is not None:
            try:
                own = _connected(distributed, scheduler, min(CONNECT, patience))
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"cannot reach the scheduler at {scheduler} ({_line(error)}); start one with"
                    " dask scheduler, and workers with dask worker"
                ) from None
            stack.callback(_close, own)
            yield Machine(own, patience)
        else:
            yield Machine(_processes(distributed, workers or 1, stack), patience)


def _connected(distributed: Any, scheduler: str, seconds: float) -> Any:
    class Client(distributed.Client):  # type: ignore[misc]
        def start(self, **options: Any) -> None:
            try:
                super().start(**options)
            except BaseException:
                # Else the thread of a client that reached nobody would run for ever.
                self._loop_runner.stop()
                raise

    return Client(scheduler, timeout=seconds, set_as_default=False)


def _check_address(address: str) -> None:
    """Refuse at once what Dask would try to reach for half a minute, and then tell at length."""
    try:
        place = urlsplit(address if "://" in address else f"tcp://{address}")
        fine = bool(place.hostname) and place.port is not None
        if place.scheme not in ("tcp", "tls", "ws", "wss"):
            # Other transports (inproc, ucx) have addresses of their own.
            fine = bool(place.scheme) and bool(place.netloc)
    except ValueError:
        fine = False
    if not fine:
        raise ParameterError(f"--scheduler {address!r}: expected an address as tcp://HOST:PORT")


def _processes(distributed: Any, n: int, stack: contextlib.ExitStack) -> Any:
    from peerannot._threads import threads

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


def _add(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))
