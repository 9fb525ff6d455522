"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from helpers.commands import Commands
from helpers.examples import examples
from helpers.waiting import PATIENCE

# Time says nothing about correctness here.
settings.register_profile(
    "peerannot",
    examples(100),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("peerannot")

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    # One thread a process: tests run side by side, and idle threads of PyTorch wait busily.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Hypothesis fails, once in many runs, where another thread draws from the global ``random``.
    if hasattr(getattr(item, "obj", None), "hypothesis"):
        left = [t.name for t in threading.enumerate() if t.name == "IO loop"]
        assert not left, "a cluster that an earlier test left is still running in this process"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real answers and images; tests that need it are skipped where it is absent."""
    home = Path(os.environ.get("PEERANNOT_TEST_DATA", ROOT.parent / "shared" / "datasets"))
    if not (home / "cifar10s").is_dir():
        pytest.skip("no real data: set PEERANNOT_TEST_DATA to the folder that holds cifar10s")
    return home


@pytest.fixture
def cifar10s(real_data: Path, tmp_path: Path) -> Path:
    """A writable copy of cifar10s, images linked."""
    target = tmp_path / "cifar10s"
    target.mkdir()
    for entry in (real_data / "cifar10s").iterdir():
        if entry.is_dir():
            (target / entry.name).symlink_to(entry, target_is_directory=True)
        else:
            shutil.copyfile(entry, target / entry.name)
    return target


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Starts commands, and other modules, without importing the library each time."""
    forked = Commands()
    yield forked
    forked.close()


@pytest.fixture
def run(commands: Commands) -> Run:
    """Run ``peerannot ARGS`` and return the finished process.

    It is forked from one that has imported the library; see `run_process` for a real start.
    """
    return checked(commands)


@pytest.fixture
def run_process() -> Run:
    """As `run`, started as a user would: for what a start decides, as the seed of hashes."""
    return checked(start)


def start(
    args: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "peerannot", *args]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE
    )


def checked(runs: Callable[..., subprocess.CompletedProcess[str]]) -> Run:
    def call(
        *args: object, cwd: Path | None = None, code: int | None = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        # What is in the environment may act on the start.
        run = start if env or not hasattr(os, "fork") else runs
        done = run([*map(str, args)], cwd or Path.cwd(), {**os.environ, **env})
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call
