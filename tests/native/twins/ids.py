"""What the loops of ids compute, written plainly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def code(known: dict[Any, int], ids: Iterable[Any]) -> tuple[Array, Array]:
    """Codes in order of first appearance, and the rows of ids that were new; ``known`` grows."""
    rows = []
    codes = []
    for row, one in enumerate(ids):
        if one not in known:
            known[one] = len(known)
            rows.append(row)
        codes.append(known[one])
    return np.array(codes, np.int32), np.array(rows, np.int64)


def replace(code: Array, by: Array) -> Array:
    """What stands at the place of each code."""
    return np.array([by[c] for c in code], np.int32)


def find(known: dict[Any, int], ids: Iterable[Any]) -> Array:
    """Codes of ids that are known, -1 of others."""
    return np.array([known.get(one, -1) for one in ids], np.int32)
