"""Accuracy against answers, with an interval, and the answers that a target needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.selection.curves import first_reaching

__all__ = ["Curve"]

SLACK = 1e-9  # of an accuracy


@dataclass(frozen=True, eq=False)
class Curve:
    """A forecast.

    Attributes
    ----------
    by : str
        ``thinning``, or the policy by which the model was asked.
    more : float64 array (n_points,)
        Further answers, from 0.
    accuracy, low, high : float64 array (n_points,)
        Expected accuracy, and ends of a 95 % interval.
    """

    by: str
    more: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def needed(self, target: float) -> tuple[float | None, float | None, float | None]:
        """Further answers until the curve has an accuracy, and until the upper and the lower end
        have it; None where it is not reached on the curve."""
        first, soonest, latest = (
            first_reaching(self.more, values, target, SLACK)
            for values in (self.accuracy, self.high, self.low)
        )
        return first, soonest, latest

    def at(self, more: float) -> tuple[float, float, float]:
        """Accuracy, and the ends, after some further answers."""
        found = [float(np.interp(more, self.more, v)) for v in (self.accuracy, self.low, self.high)]
        return found[0], found[1], found[2]
