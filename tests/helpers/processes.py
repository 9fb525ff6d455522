"""Schedulers and workers as processes of their own, as on other machines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.waiting import PATIENCE
from peerannot.distributed._checkpoint import read_checkpoint
from peerannot.distributed._store import Store

__all__ = ["Processes", "deaf_address", "iterations_saved", "processes"]

# A lost connection is noticed in seconds instead of half a minute.
QUICK = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def deaf_address() -> Iterator[str]:
    """An address where nobody listens, taken so that nobody will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{held.getsockname()[1]}"


def iterations_saved(output: Path) -> int:
    """Iterations that the last checkpoint in a folder of results has; 0 where there is none."""
    return max((saved.n_iter for saved in read_checkpoint(Store(output), {})), default=0)


class Processes:
    """Processes that end with the test."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[str]] = []

    def start(
        self, *args: object, inside: Sequence[str] = (), stdin: int | None = None
    ) -> subprocess.Popen[str]:
        """Run ``python ARGS``; ``inside`` stands before it."""
        process = subprocess.Popen(
            [*inside, sys.executable, *map(str, args)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **QUICK},
            start_new_session=True,
        )
        self.all.append(process)
        return process

    def scheduler(self, host: str, inside: Sequence[str] = ()) -> tuple[subprocess.Popen[str], str]:
        """A scheduler, and its address."""
        started = self.start(
            "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", 0,
            "--dashboard-address", f"{host}:0", inside=inside,
        )  # fmt: skip
        assert started.stderr is not None
        for line in started.stderr:
            if "Scheduler at" in line:
                return started, line.split()[-1]
        raise AssertionError("the scheduler did not start")

    def worker(self, address: str, *more: str, inside: Sequence[str] = ()) -> None:
        """A worker that is started again whenever it gives up, as by a supervisor."""
        command = [
            sys.executable, "-m", "distributed.cli.dask_worker", address,
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
            process.communicate(timeout=PATIENCE)
