"""Numbers as the page takes them: short, finite, and binned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bars", "short", "shorts", "triples"]

_BARS = 24  # about as many as can be told apart on a phone


def short(value: Any, digits: int = 4) -> float | int | None:
    """A number with few digits; None for what is not finite or not known."""
    if value is None or not math.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def shorts(values: ArrayLike, digits: int = 4) -> list[float | int | None]:
    """`short` of each."""
    return [short(v, digits) for v in np.asarray(values).tolist()]


def triples(
    row: NDArray[Any], column: NDArray[Any], n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of classes that occur together, and how often."""
    keys, count = np.unique(row.astype(np.int64) * n_classes + column, return_counts=True)
    return keys // n_classes, keys % n_classes, count


def bars(values: NDArray[Any], *, whole: bool = False) -> list[list[float | int | None]]:
    """Bars of a histogram: ``[from, to, count]``.

    Whole numbers have ``to`` included and get one bar each where that is possible; long tails
    get bars that double in width. Shares in 0..1 get bars of 0.05, ``to`` excluded.
    """
    if not values.size:
        return []
    if not whole:
        edges = np.linspace(0.0, 1.0, 21)
        counts = np.histogram(np.clip(values, 0.0, 1.0), edges)[0].tolist()
        first = next(i for i, c in enumerate(counts) if c)
        return [[short(edges[i]), short(edges[i + 1]), counts[i]] for i in range(first, 20)]
    low, high = int(values.min()), int(values.max())
    starts: list[int]
    if high - low < _BARS:
        starts = list(range(low, high + 1))
    elif high > 20 * max(float(np.median(values)), 1.0):
        starts = [s for s in (0, 1, *(2**p + 1 for p in range(63))) if s <= high]
        starts = starts[next(i for i, s in enumerate([*starts[1:], high + 1]) if s > low) :]
    else:
        step = -(-(high - low + 1) // _BARS)
        nice = next(n * 10**p for p in range(19) for n in (1, 2, 5) if n * 10**p >= step)
        starts = list(range(low // nice * nice, high + 1, nice))
    edges = np.array([*starts, max(high, starts[-1]) + 1])
    counts = np.histogram(values, edges)[0].tolist()
    return [[s, int(e) - 1, c] for s, e, c in zip(starts, edges[1:], counts, strict=True)]
