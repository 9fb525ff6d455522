"""What compiled loops of the coin models share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import factorial
from typing import Any

from peerannot._compiled import compiled
from peerannot._threads import threads

__all__ = ["exp_down", "over_blocks"]

# exp(x) = (Taylor of exp(x / 128))^128 is straight-line code that vectorises. On -40 < x <= 0
# its relative error is under 1e-14; below, exp(x) is nothing beside the 1 of the likeliest class.
_TAYLOR = tuple(1.0 / factorial(n) for n in range(13))
_LEAST = -40.0


def over_blocks(work: Callable[[int], Any], n_blocks: int) -> list[Any]:
    """``[work(0), ...]``, on as many threads as compiled loops use.

    The loops here release the lock of the interpreter. Plain threads start faster than numba's,
    and loops without ``parallel=True`` compile faster.
    """
    n_threads = min(threads(), n_blocks)
    if n_threads <= 1:
        return [work(b) for b in range(n_blocks)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, range(n_blocks)))


@compiled()
def exp_down(x: float) -> float:  # pragma: no cover - compiled
    """exp(x) for x <= 0, within 1e-14 of it; 0 below -40."""
    r = x * 0.0078125
    r2 = r * r
    r4 = r2 * r2
    low = (_TAYLOR[0] + _TAYLOR[1] * r) + (_TAYLOR[2] + _TAYLOR[3] * r) * r2
    mid = (_TAYLOR[4] + _TAYLOR[5] * r) + (_TAYLOR[6] + _TAYLOR[7] * r) * r2
    top = (_TAYLOR[8] + _TAYLOR[9] * r) + (_TAYLOR[10] + _TAYLOR[11] * r) * r2 + _TAYLOR[12] * r4
    p = low + (mid + top * r4) * r4
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    return p if x > _LEAST else 0.0
