"""How many threads loops use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

from peerannot.errors import ParameterError

__all__ = ["threads", "with_threads"]

VARIABLE = "PEERANNOT_NUM_THREADS"
MOST = 1024  # far above it, starting them ends the process

_limit: ContextVar[int | None] = ContextVar("threads", default=None)


def threads() -> int:
    """Threads that loops which start here use: as many as the environment or the machine says.

    Raises
    ------
    ParameterError
        ``PEERANNOT_NUM_THREADS`` is no whole number from 1 to 1024.
    """
    limit = _limit.get()
    if limit is not None:
        return limit
    given = os.environ.get(VARIABLE)
    if not given:
        has_affinity = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    if not (given.isdecimal() and 1 <= int(given[:9]) <= MOST):
        raise ParameterError(
            f"{VARIABLE}={given!r} must be a whole number from 1 to {MOST}; set another or unset it"
        )
    return int(given)


@contextlib.contextmanager
def with_threads(n: int) -> Iterator[None]:
    """Let loops that start in this thread use ``n`` threads."""
    token = _limit.set(max(1, min(n, MOST)))
    try:
        yield
    finally:
        _limit.reset(token)
