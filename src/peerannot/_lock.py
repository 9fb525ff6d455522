"""One writer a folder at a time: a lock that waits, says so, and is released by death."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from peerannot._files import storage_errors
from peerannot.errors import ParameterError, StorageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LOCK_FILE", "LOCK_SECONDS", "locked"]

logger = logging.getLogger("peerannot.files")

LOCK_FILE = ".peerannot.lock"
# Where the disk knows no locks: a file made exclusively, with the writer's number and host.
EXCLUSIVE_FILE = ".peerannot.exclusive"
LOCK_SECONDS = "PEERANNOT_LOCK_SECONDS"
_DEFAULT_SECONDS = 600.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}

_held = threading.local()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only peerannot that reads, changes and writes in ``folder``; it is made if need be.

    The lock belongs to the process and ends with it. It may be taken again by the thread that
    holds it. Who has to wait is told on stderr, and waits for ``PEERANNOT_LOCK_SECONDS``
    (default: 600).

    Raises
    ------
    StorageError
        Another process kept the lock for all that time, or the folder cannot be written.
    ParameterError
        ``PEERANNOT_LOCK_SECONDS`` is not a number.
    """
    folder = Path(folder)
    home = os.path.realpath(folder)
    mine: set[str] = _held.__dict__.setdefault("folders", set())
    if home in mine:
        yield
        return
    made = not folder.exists()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = _acquire(folder)
    mine.add(home)
    try:
        yield
    finally:
        mine.discard(home)
        with contextlib.suppress(OSError):
            # While it is still held, so that nobody else's file is removed.
            (folder / LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        if made:
            with contextlib.suppress(OSError):
                # Only where nothing was written.
                folder.rmdir()


def _acquire(folder: Path) -> BaseFileLock:
    from filelock import FileLock, SoftFileLock

    seconds = _seconds()
    lock: BaseFileLock = FileLock(folder / LOCK_FILE, mode=0o666, fallback_to_soft=False)
    try:
        _wait(lock, folder, seconds)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning(
            "%s: this disk has no locks; %s stands for one while this runs", folder, EXCLUSIVE_FILE
        )
        lock = SoftFileLock(folder / EXCLUSIVE_FILE)
        _wait(lock, folder, seconds)
        return lock
    with contextlib.suppress(OSError):
        (folder / LOCK_FILE).write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
    return lock


def _wait(lock: BaseFileLock, folder: Path, seconds: float) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
        return
    except Timeout:
        logger.warning(
            "waiting for another peerannot that writes to %s (%s)", folder, _writer(lock)
        )
    try:
        lock.acquire(timeout=seconds, poll_interval=0.05)
    except Timeout:
        raise StorageError(
            f"{folder}: another peerannot ({_writer(lock)}) has been writing to it for"
            f" {seconds:g} seconds; end it, or set {LOCK_SECONDS} to wait longer"
        ) from None


def _writer(lock: BaseFileLock) -> str:
    """Who holds a lock, as its file says: ``pid N``, and the host where it is another."""
    try:
        number, host = Path(lock.lock_file).read_text().split()[:2]
    except (OSError, ValueError):
        return "of unknown number"
    return f"pid {number}" + (f" on {host}" if host != socket.gethostname() else "")


def _seconds() -> float:
    text = os.environ.get(LOCK_SECONDS, "")
    try:
        seconds = float(text) if text else _DEFAULT_SECONDS
        if seconds >= 0:
            return seconds
    except ValueError:
        pass
    raise ParameterError(f"{LOCK_SECONDS}={text}: expected a number of seconds, 0 or more")
