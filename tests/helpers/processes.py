"""Schedulers and workers as processes of their own, as on other machines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from peerannot.distributed._checkpoint import read_checkpoint
from peerannot.distributed._store import Store

__all__ = ["Processes", "eventually", "free_port", "iterations_saved", "processes"]

# A lost connection is noticed in seconds instead of half a minute.
QUICK = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
    "OMP_NUM_THREADS": "1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true value of ``what()``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen in {seconds} s")


def iterations_saved(output: Path) -> int:
    """Iterations that the last checkpoint in a folder of results has; 0 where there is none."""
    return max((saved.n_iter for saved in read_checkpoint(Store(output), {})), default=0)


class Processes:
    """Processes that end with the test."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[str]] = []

    def start(self, *args: object, inside: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Run ``python ARGS``; ``inside`` stands before it."""
        process = subprocess.Popen(
            [*inside, sys.executable, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **QUICK},
            start_new_session=True,
        )
        self.all.append(process)
        return process

    def scheduler(self, host: str, port: int, inside: Sequence[str] = ()) -> subprocess.Popen[str]:
        started = self.start(
            "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", port,
            "--dashboard-address", f"{host}:0", inside=inside,
        )  # fmt: skip
        assert started.stderr is not None
        for line in started.stderr:
            if "Scheduler at" in line:
                return started
        raise AssertionError("the scheduler did not start")

    def worker(self, host: str, port: int, *more: str, inside: Sequence[str] = ()) -> None:
        """A worker that is started again whenever it gives up, as by a supervisor."""
        command = [
            sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{host}:{port}",
            "--nthreads", "1", "--no-dashboard", "--no-nanny", *more,
        ]  # fmt: skip
        code = f"import subprocess\nwhile True: subprocess.run({command!r})"
        self.start("-c", code, inside=inside)


@contextmanager
def processes() -> Iterator[Processes]:
    """Processes, with their children, are killed at the end."""
    held = Processes()
    try:
        yield held
    finally:
        for process in held.all:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
        for process in held.all:
            process.communicate(timeout=30)
