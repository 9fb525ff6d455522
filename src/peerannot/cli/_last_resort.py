"""What nobody foresaw: one line, and a file with the trace for those who can mend it."""

from __future__ import annotations

import errno
import os
import sys
import time
import traceback
from pathlib import Path

from peerannot._text import visible
from peerannot._version import __version__
from peerannot.errors import PeerannotError

__all__ = ["debugging", "enough_memory", "out_of_memory", "report", "trace_of"]

_KEPT = 20  # traces
_LEAST = 2 << 30


def debugging() -> bool:
    """Whether traces are wanted on stderr: ``PEERANNOT_DEBUG=1``."""
    return os.environ.get("PEERANNOT_DEBUG", "") not in ("", "0")


def trace_of(error: BaseException) -> str:
    """The trace of an error, as Python prints it."""
    return "".join(traceback.format_exception(error))


def enough_memory() -> None:
    """Refuse to start where the process may have too little memory to load what it needs.

    Polars and OpenBLAS end the process without a word to Python when they cannot have their threads
    and buffers: below 2 GB of addresses they do so at random.

    Raises
    ------
    PeerannotError
        ``ulimit -v`` allows less.
    """
    limit = _limit_bytes()
    if limit is not None and limit < _LEAST:
        raise PeerannotError(
            f"not enough memory: peerannot needs {_LEAST >> 20} MB of addresses, and may have"
            f" {limit >> 20} MB; raise the limit (ulimit -v)"
        )


def report(error: BaseException) -> str:
    """Keep the trace of an error in a file; a sentence that names the error, file and way out."""
    kind, said = type(error).__name__, " ".join(str(error).split())[:300]
    what = f"unexpected {kind}" + (f": {said}" if said else "")
    file = _keep(trace_of(error))
    if file is None:
        sent = "run it again with PEERANNOT_DEBUG=1 and send what it prints"
    else:
        sent = f"send {file}"
    return f"{what}{_limit()}; this is a fault of peerannot, please report it: {sent} to {_whom()}"


def out_of_memory(error: BaseException) -> str | None:
    """A sentence where an error says that memory has run out, in whatever words; else None."""
    text = str(error).casefold()
    starved = (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(words in text for words in ("cannot allocate memory", "failed to map segment"))
        or (isinstance(error, RuntimeError) and "can't start new thread" in text)
        # What is needed could not be loaded: what is missing is rarely the file.
        or (isinstance(error, ImportError | OSError) and "load" in text and bool(_limit()))
    )
    if not starved:
        return None
    said = " ".join(str(error).split())[:200]
    return "not enough memory" + (f": {said}" if said else "") + _limit()


def _limit_bytes() -> int | None:
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError):
        return None
    return None if soft == resource.RLIM_INFINITY else soft


def _limit() -> str:
    """How much memory this process may have, where that is limited."""
    limit = _limit_bytes()
    return "" if limit is None else f" (it may have {limit >> 20} MB, see ulimit -v)"


def _whom() -> str:
    """Where to report, as the installed package says."""
    try:
        # Twenty milliseconds that no other end of a command needs.
        from importlib import metadata

        places = metadata.metadata("peerannot").get_all("Project-URL") or ()
    except (ImportError, OSError):  # not installed, or no files left to read of it
        places = ()
    for place in places:
        name, _, address = place.partition(",")
        if name.strip().casefold() in ("issues", "bug tracker"):
            return str(address).strip()
    return "its maintainers"


def _keep(trace: str) -> Path | None:
    """Write a trace where only this user can read it; None where no folder takes it."""
    try:
        import tempfile
    except (ImportError, OSError):  # no memory or no files left to load it
        return None
    text = (
        f"peerannot {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"arguments: {sys.argv[1:]!r}\n\n{trace}"
    )
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-"
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(".log", f"peerannot-error-{stamp}", folder)
            with open(number, "w", encoding="utf-8") as handle:  # noqa: PTH123
                handle.write(visible(text))
            for old in sorted(folder.glob("peerannot-error-*.log"))[:-_KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, ValueError):
            continue
        return Path(name)
    return None


def _folders() -> list[Path]:
    import tempfile

    found = []
    try:
        import platformdirs

        found.append(Path(platformdirs.user_log_dir("peerannot", appauthor=False)))
    except (ImportError, OSError, MemoryError):
        pass
    return [*found, Path(tempfile.gettempdir())]
