"""How loops are compiled: numba, cached on disk where that is possible."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from peerannot._threads import threads

os.environ["NUMBA_NUM_THREADS"] = str(threads())

import numba

__all__ = ["compiled", "prange"]

F = TypeVar("F", bound=Callable[..., Any])

prange = numba.prange


def compiled(*, parallel: bool = False) -> Callable[[F], F]:
    """Compile a loop with numba.

    ``fastmath`` stays off: sums are taken in the order written, so results are the same for
    any number of threads. Where no folder for the cache can be written, the loop is compiled
    anew in each process.
    """

    def decorate(function: F) -> F:
        options: dict[str, Any] = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
        try:
            made: Any = numba.njit(cache=True, **options)(function)
        except RuntimeError:
            made = numba.njit(**options)(function)
        return made  # type: ignore[no-any-return]

    return decorate
