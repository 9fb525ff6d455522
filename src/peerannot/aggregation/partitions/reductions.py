"""What partitions add up that is not a number: the union of keys, and the largest of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Largest", "Union"]


@dataclass(frozen=True)
class Union:
    """Distinct keys in order; the sum of two is their union."""

    keys: NDArray[np.int64]

    def __add__(self, other: Union) -> Union:
        return Union(np.union1d(self.keys, other.keys))


@dataclass(frozen=True)
class Largest:
    """Numbers, element by element; the sum of two is the larger."""

    value: Any

    def __add__(self, other: Largest) -> Largest:
        return Largest(np.maximum(self.value, other.value))
