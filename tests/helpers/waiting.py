"""Waiting for what will happen: no test says how fast a machine is, only that nothing hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE", "eventually"]

PATIENCE = 900.0
"""Seconds after which something hangs, on any machine and beside any load."""

T = TypeVar("T")


def eventually(what: Callable[[], T]) -> T:
    """The first true value of ``what()``."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen in {PATIENCE:.0f} s")
