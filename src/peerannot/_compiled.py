"""How loops are compiled: numba, cached on disk where that is possible."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["compiled", "prange", "threads"]

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
            return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:
            return numba.njit(**options)(function)  # type: ignore[no-any-return]

    return decorate


def threads() -> int:
    """Threads that compiled loops use now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return int(numba.get_num_threads())
