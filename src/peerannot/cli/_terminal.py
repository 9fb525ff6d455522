"""The one way out for every text of a command: stdout for data, stderr for people.

Data in a pipe or a file are exact, in UTF-8 whatever the locale says. Whatever goes to a terminal,
and every line for people, shows control characters instead of sending them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys

from peerannot._text import advice, one_line, visible
from peerannot.errors import StorageError

__all__ = ["Notes", "emit", "hush", "note", "prepare", "write"]


def prepare() -> None:
    """Make the three standard streams usable, whatever state they were left in.

    A stream that is closed becomes one that is empty: nothing is read of it, notes go nowhere, and
    data for stdout fail as on a full disk. Its number is taken, so that no file gets it.
    """
    for number, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_RDONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, flags)
        if opened != number and not _in_use(number):
            os.dup2(opened, number)
            os.close(opened)
            opened = number
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open(opened, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and sys.stdout.isatty():
        reconfigure(errors="backslashreplace")
    elif reconfigure is not None:
        # A name that is not UTF-8 leaves as the bytes that it came in.
        reconfigure(encoding="utf-8", errors="surrogateescape")


def _in_use(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def emit(text: str, *, end: str = "\n") -> None:
    """A text of data on stdout.

    Raises
    ------
    StorageError
        It cannot be written (a full disk, a closed stream).
    BrokenPipeError
        The reader has gone.
    """
    write((visible(text) if sys.stdout.isatty() else text) + end)


def write(text: str) -> None:
    """The same, for a text that may colour the terminal."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        hush()
        raise StorageError(f"cannot write to standard output: {advice(error)}") from error


def note(text: str) -> None:
    """A line for people, on stderr. One that cannot be said stops no work."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()


class Notes(logging.Handler):
    """What the library logs, as lines for people."""

    def emit(self, record: logging.LogRecord) -> None:
        note(one_line(record.getMessage()))


def hush() -> None:
    """Send what is still to come on stdout nowhere, so that Python is quiet when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
