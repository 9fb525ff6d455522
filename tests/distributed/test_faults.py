"""Workers that are killed, a scheduler that is lost, a host that is cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="needs the extra cluster")

import dask

import distributed
from helpers.on_workers import always_dies, dies_once, parts_of
from helpers.processes import deaf_address, iterations_saved, processes
from helpers.small_shards import assert_as_on_one_machine, shards
from helpers.waiting import PATIENCE, eventually
from peerannot.distributed import fit
from peerannot.errors import ClusterError, ExitCode

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and sessions of POSIX")
DS = "DS[max_iter=12,tol=0]"


@pytest.fixture(scope="module")
def on_processes() -> Iterator[Any]:
    """Two worker processes, each started again by its nanny when it dies."""
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
    )
    with local, distributed.Client(local) as client:
        yield client


@pytest.mark.parametrize("how_many", [1, 2])
def test_workers_killed_between_iterations(
    tmp_path: Path, on_processes: Any, how_many: int
) -> None:
    """One, or all at once, so that for a while there is none."""
    order = "shuffled" if how_many == 1 else "sorted"
    pattern, killed = shards(tmp_path / "in", order=order), []

    def progress(done: int, total: int | None = None, text: str = "") -> None:
        if total == 12 and done == 5 and not killed:
            killed.extend(sorted(on_processes.run(os.getpid).values())[:how_many])
            for process in killed:
                os.kill(process, signal.SIGKILL)

    done = fit(
        pattern, DS, output=tmp_path / "out", client=on_processes, partitions=3, progress=progress
    )
    assert len(killed) == how_many
    assert not set(killed) & set(on_processes.run(os.getpid).values())
    assert done.diagnostics.n_iter == 12
    assert_as_on_one_machine(tmp_path / "out", pattern, DS)


def test_a_worker_killed_in_the_midst_of_work(tmp_path: Path, on_processes: Any) -> None:
    """What the partition kept is worked out again from its beginning."""
    flag = tmp_path / "killed"
    flag.touch()
    parts = parts_of(on_processes, 3)
    assert [parts.advance(dies_once, str(flag), step) for step in (1, 2)] == [(6,), (18,)]
    flag.unlink()
    assert parts.advance(dies_once, str(flag), 3) == (36,)
    assert flag.exists()
    assert parts.advance(dies_once, str(flag), 1) == (42,)


def test_a_task_that_kills_its_workers_gives_up() -> None:
    """One that does not fit in memory would else be tried for ever."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as local,
        distributed.Client(local) as client,
        pytest.raises(ClusterError, match=r"2 workers died at the same task.*more partitions"),
    ):  # fmt: skip
        parts_of(client, 1).sum(always_dies)


def test_no_worker_is_an_error_in_time(tmp_path: Path) -> None:
    pattern = shards(tmp_path / "in")
    alone = distributed.LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
    )
    with alone, distributed.Client(alone) as client, pytest.raises(ClusterError, match="worker"):
        fit(pattern, DS, output=tmp_path / "out", client=client, patience=0.5)


def test_the_scheduler_is_lost_and_the_fit_resumed(tmp_path: Path) -> None:
    pattern, out, spec = shards(tmp_path / "in"), tmp_path / "out", "DS[max_iter=60,tol=0]"
    command = [
        "-m",
        "peerannot",
        "aggregate",
        pattern,
        "-s",
        spec,
        "--engine",
        "dask",
        "--output",
        out,
    ]
    with processes() as held:
        scheduler, address = held.scheduler("127.0.0.1")
        held.worker(address)
        run = held.start(*command, "--scheduler", address)
        eventually(lambda: iterations_saved(out) >= 5)
        scheduler.kill()
        _, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == ExitCode.CLUSTER
        assert err.startswith("Error: the connection to the scheduler was lost")
        assert err.count("\n") == 1 and "--resume" in err
    saved = iterations_saved(out)
    assert 5 <= saved < 60 and not (out / "manifest.json").exists()
    again = subprocess.run(
        [sys.executable, *command, "--workers", "1", "--resume", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    facts = json.loads(again.stdout)
    assert (facts["resumed_at"], facts["n_iter"]) == (saved, 60)
    assert_as_on_one_machine(out, pattern, spec)


def loops() -> int:
    return sum(thread.name == "IO loop" for thread in threading.enumerate())


def test_no_scheduler_there(tmp_path: Path) -> None:
    pattern, before = shards(tmp_path / "in"), loops()
    with (
        deaf_address() as address,
        pytest.raises(ClusterError, match=f"cannot reach the scheduler at {address}"),
    ):
        fit(pattern, DS, output=tmp_path / "out", scheduler=address, patience=1)
    assert loops() == before  # no thread of a client that reached nobody


# --- two hosts with addresses of their own --------------------------------------------------

HOSTS = {"a": "10.213.0.11", "b": "10.213.0.12"}
HEAD = "10.213.0.1"


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


@pytest.fixture
def network() -> Iterator[str]:
    """Three network namespaces: a head, and hosts a and b on its bridge; their prefix."""
    prefix = f"pt{os.getpid()}"
    made = []
    try:
        try:
            for name in ("head", *HOSTS):
                ip("netns", "add", f"{prefix}-{name}")
                made.append(f"{prefix}-{name}")
                ip("-n", f"{prefix}-{name}", "link", "set", "lo", "up")
            head = ["-n", f"{prefix}-head"]
            ip(*head, "link", "add", "name", "br0", "type", "bridge")
            ip(*head, "addr", "add", f"{HEAD}/24", "dev", "br0")
            ip(*head, "link", "set", "br0", "up")
            for name, address in HOSTS.items():
                host, cable = f"{prefix}-{name}", f"cable-{name}"
                ip("link", "add", "name", cable, "netns", f"{prefix}-head", "type", "veth",
                   "peer", "name", "eth", "netns", host)  # fmt: skip
                ip(*head, "link", "set", cable, "master", "br0", "up")
                ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth")
                ip("-n", host, "link", "set", "eth", "up")
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", None) or str(error)
            pytest.skip(f"network namespaces are not allowed here: {why.strip()}")
        yield prefix
    finally:
        for name in made:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


@pytest.mark.slow
def test_a_host_is_cut_off_and_restored(tmp_path: Path, network: str) -> None:
    pattern, out, spec = shards(tmp_path / "in"), tmp_path / "out", "DS[max_iter=400,tol=0]"
    head = ["ip", "netns", "exec", f"{network}-head"]
    with processes() as held:
        _, address = held.scheduler(HEAD, inside=head)
        for name in HOSTS:
            local = str(tmp_path / f"disk-{name}")
            held.worker(address, "--local-directory", local,
                        inside=["ip", "netns", "exec", f"{network}-{name}"])  # fmt: skip

        code = (
            "import sys\nfrom distributed import Client\n"
            f"with Client('{address}') as c:\n"
            "    for _ in sys.stdin: print(*c.nthreads(), flush=True)"
        )
        asked = held.start("-c", code, inside=head, stdin=subprocess.PIPE)
        assert asked.stdin is not None and asked.stdout is not None

        def hosts() -> set[str]:
            asked.stdin.write("\n")
            asked.stdin.flush()
            workers = asked.stdout.readline().split()
            return {worker.split("/")[2].split(":")[0] for worker in workers}

        eventually(lambda: hosts() == set(HOSTS.values()))
        run = held.start(
            "-m", "peerannot", "aggregate", pattern, "-s", spec, "--engine", "dask",
            "--output", out, "--scheduler", address, "--partitions", 4, inside=head,
        )  # fmt: skip
        eventually(lambda: iterations_saved(out) >= 5)
        ip("-n", f"{network}-head", "link", "set", "cable-a", "down")
        eventually(lambda: hosts() == {HOSTS["b"]})
        at = iterations_saved(out)
        eventually(lambda: iterations_saved(out) > at + 5)
        assert run.poll() is None
        ip("-n", f"{network}-head", "link", "set", "cable-a", "up")
        eventually(lambda: hosts() == set(HOSTS.values()))
        _, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, err
    assert_as_on_one_machine(out, pattern, spec)
