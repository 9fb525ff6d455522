"""Where a curve of accuracy comes to a height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_reaching"]


def first_reaching(
    x: NDArray[np.float64] | NDArray[np.int64],
    height: NDArray[np.float64],
    target: float,
    slack: float = 0.0,
) -> float | None:
    """Where a curve first has a height, on the line from the point before; None where no point of
    it comes within ``slack`` of it."""
    over = np.flatnonzero(height >= target - slack)
    if not over.size:
        return None
    i = int(over[0])
    if i == 0:
        return float(x[0])
    part = (target - height[i - 1]) / (height[i] - height[i - 1])
    return float(x[i - 1] + min(max(part, 0.0), 1.0) * (x[i] - x[i - 1]))
