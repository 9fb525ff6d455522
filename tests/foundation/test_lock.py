"""One writer a folder: waits, says so, ends with its process, and does without locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.waiting import PATIENCE, eventually
from peerannot import _lock
from peerannot.answers import Ids
from peerannot.errors import ExitCode, ParameterError, StorageError
from peerannot.report import save_correction

_HOLD = (
    "import sys, time; from pathlib import Path; from peerannot._lock import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a folder until its input is closed."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield process
        if process.poll() is None:
            process.kill()


def test_a_lock_leaves_nothing_and_can_be_taken_twice_by_its_thread(tmp_path):
    with _lock.locked(tmp_path):
        with _lock.locked(tmp_path / "." / ""):
            assert (tmp_path / _lock.LOCK_FILE).read_text().split()[0] == str(os.getpid())
        assert (tmp_path / _lock.LOCK_FILE).exists()
    assert not list(tmp_path.iterdir())


def test_who_waits_says_for_whom_and_goes_on(tmp_path, holder, caplog):
    def end() -> None:
        eventually(lambda: caplog.messages)
        holder.stdin.close()

    threading.Thread(target=end).start()
    with _lock.locked(tmp_path):
        assert holder.wait(PATIENCE) == 0
    assert caplog.messages == [
        f"waiting for another peerannot that writes to {tmp_path} (pid {holder.pid})"
    ]


def test_a_lock_ends_with_its_process(tmp_path, holder, caplog):
    holder.kill()
    holder.wait()
    with _lock.locked(tmp_path):
        pass
    assert not caplog.messages


def test_waiting_has_an_end(tmp_path, holder, monkeypatch):
    monkeypatch.setenv(_lock.LOCK_SECONDS, "0.2")
    began = time.monotonic()
    message = rf"pid {holder.pid}\).*for 0.2 seconds"
    with pytest.raises(StorageError, match=message) as caught, _lock.locked(tmp_path):
        raise AssertionError
    assert time.monotonic() - began >= 0.2
    assert caught.value.exit_code is ExitCode.FAILURE


def test_seconds_are_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv(_lock.LOCK_SECONDS, "soon")
    with pytest.raises(ParameterError, match="LOCK_SECONDS=soon"), _lock.locked(tmp_path):
        raise AssertionError


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_gets_a_file_made_exclusively(tmp_path, monkeypatch, caplog, number):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setenv(_lock.LOCK_SECONDS, "0.1")
    with _lock.locked(tmp_path):
        assert (tmp_path / _lock.EXCLUSIVE_FILE).exists()
        assert "has no locks" in caplog.text

        def second() -> None:
            with pytest.raises(StorageError, match=f"pid {os.getpid()}"), _lock.locked(tmp_path):
                raise AssertionError

        with ThreadPoolExecutor(1) as pool:
            pool.submit(second).result()
    assert not list(tmp_path.iterdir())


def test_an_exclusive_file_of_a_dead_writer_does_not_block(tmp_path):
    code = (
        "import errno, fcntl, os, sys; from pathlib import Path\n"
        "def refuse(*_): raise OSError(errno.ENOLCK, 'no locks')\n"
        "fcntl.flock = refuse\n"
        "from peerannot._lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    if len(sys.argv) > 2: os.kill(os.getpid(), 9)"
    )
    first = subprocess.run([sys.executable, "-c", code, tmp_path, "die"], capture_output=True)
    assert first.returncode == -9 and (tmp_path / _lock.EXCLUSIVE_FILE).exists()
    again = subprocess.run([sys.executable, "-c", code, tmp_path], timeout=PATIENCE)
    assert again.returncode == 0
    assert not (tmp_path / _lock.EXCLUSIVE_FILE).exists()


def test_corrections_of_two_processes_and_many_threads_are_all_kept(tmp_path):
    gold = tmp_path / "gold.json"
    code = (
        "import sys; from pathlib import Path; from peerannot.answers import Ids\n"
        "from peerannot.report import save_correction\n"
        "for t in range(20, 40): save_correction(Path(sys.argv[1]), str(t), 'dog', Ids(40),"
        " Ids(['cat', 'dog']))"
    )
    with subprocess.Popen([sys.executable, "-c", code, gold]) as other:
        while not gold.exists() and other.poll() is None:
            time.sleep(0.001)
        with ThreadPoolExecutor(4) as pool:
            names = Ids(["cat", "dog"])
            list(
                pool.map(lambda t: save_correction(gold, str(t), "cat", Ids(40), names), range(20))
            )
    assert other.returncode == 0
    saved = json.loads(gold.read_text())
    assert list(saved) == list(map(str, range(40)))
    assert [p.name for p in Path(tmp_path).iterdir()] == ["gold.json"]
