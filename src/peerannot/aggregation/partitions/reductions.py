"""What partitions add up that is not a number: the union of keys, and the largest of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Largest", "Union", "distinct_codes", "places_among"]

MOST_MARKED = 2**24  # codes up to which a table marks those that occur, or four for each place


@dataclass(frozen=True)
class Union:
    """Distinct keys, numbers or rows of numbers, in order; the sum of two is their union."""

    keys: NDArray[Any]

    def __add__(self, other: Union) -> Union:
        both = np.concatenate((self.keys, other.keys))
        return Union(np.unique(both, axis=None if both.ndim == 1 else 0))


@dataclass(frozen=True)
class Largest:
    """Numbers, element by element; the sum of two is the larger."""

    value: Any

    def __add__(self, other: Largest) -> Largest:
        return Largest(np.maximum(self.value, other.value))


def distinct_codes(code: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The codes, of n possible ones, that occur, in order."""
    if n > max(MOST_MARKED, 4 * code.size):
        return np.unique(code)
    seen = np.zeros(n, np.bool_)
    seen[code] = True
    return np.flatnonzero(seen)


def places_among(code: NDArray[np.int64], keys: NDArray[np.int64], n: int) -> NDArray[np.int32]:
    """Place of each code among keys in order, of n possible ones; all codes are keys."""
    if n > max(MOST_MARKED, 4 * code.size):
        return np.searchsorted(keys, code).astype(np.int32)
    place = np.empty(n, np.int32)
    place[keys] = np.arange(keys.size, dtype=np.int32)
    return place[code]
