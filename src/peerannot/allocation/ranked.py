"""Tasks in order of a value of which a bound is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["ranked"]

BEGIN = 1024  # values at first


def ranked(
    value: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    at: NDArray[np.int64],
    most: NDArray[np.float64],
) -> Iterator[tuple[float, int]]:
    """Value and task, the largest value first, equal ones in order of the tasks.

    Parameters
    ----------
    value
        Values of tasks; each is asked for once.
    at, most
        Tasks, and what their values do not exceed, in descending order of it: as few values are
        computed as this allows, by and by twice as many at once.
    """
    known, size = 0, BEGIN
    values, tasks = np.empty(0), np.empty(0, np.int64)
    while True:
        bound = -np.inf
        if known < len(at):
            some = at[known : known + size]
            values, tasks = np.append(values, value(some)), np.append(tasks, some)
            known, size = known + len(some), 2 * size
            if known < len(at):
                bound = float(most[known]) * (1 + 1e-12) + 1e-300
        sure = np.flatnonzero(values >= bound)
        first = sure[np.lexsort((tasks[sure], -values[sure]))]
        yield from zip(values[first].tolist(), tasks[first].tolist(), strict=True)
        if known == len(at):
            return
        left = values < bound
        values, tasks = values[left], tasks[left]
