"""How loops are compiled: numba, cached on disk where that is possible."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from peerannot.errors import ParameterError

_MOST_THREADS = 1024  # far above it, starting them ends the process


def _check_environment() -> None:
    """Numba takes the number of threads from the environment, and a wrong one ends in a trace."""
    given = os.environ.get("NUMBA_NUM_THREADS")
    if given and not (given.isdecimal() and 1 <= int(given[:9]) <= _MOST_THREADS):
        raise ParameterError(
            f"NUMBA_NUM_THREADS={given!r} must be a whole number from 1 to {_MOST_THREADS};"
            " set another or unset it"
        )


_check_environment()

import numba  # noqa: E402
from llvmlite import ir  # type: ignore[import-untyped] # noqa: E402
from numba.core import cgutils, types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

__all__ = ["compiled", "prange", "prefetch", "threads", "with_threads"]

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


@contextlib.contextmanager
def with_threads(n: int) -> Iterator[None]:
    """Let compiled loops that start in this thread use ``n`` threads, or all there are."""
    before = threads()
    numba.set_num_threads(max(1, min(n, numba.config.NUMBA_NUM_THREADS)))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _prefetch(typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Ask for ``array[row, column]`` to be brought near, in compiled loops; nothing changes.

    Where rows of a table larger than the cache are used in no order, the processor waits for each;
    asked for some answers ahead, they come meanwhile.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        place = [
            context.cast(builder, value, of, types.intp)
            for value, of in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        held = context.make_array(kind)(context, builder, arguments[0])
        find: Any = cgutils.get_item_pointer
        at = find(context, builder, kind, held, place, wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        call = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte,), ir.FunctionType(ir.VoidType(), (byte, number, number, number))
        )
        # For reading and writing, in all caches, data.
        how = [ir.Constant(number, n) for n in (1, 3, 1)]
        builder.call(call, [builder.bitcast(at, byte), *how])
        return context.get_dummy_value()

    return types.void(array, row, column), generate


prefetch: Any = intrinsic(_prefetch)
