"""The smallest input of loops over pairs of workers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def one_pair() -> dict[str, Array]:
    """One task that two workers answered."""
    return {
        "task_ptr": np.array([0, 2]),
        "task": np.zeros(2, np.int32),
        "worker": np.arange(2, dtype=np.int32),
        "label": np.zeros(2, np.int32),
        "order": np.arange(2),
        "worker_ptr": np.array([0, 1, 2]),
        "bounds": np.array([0, 2]),
        "ptr": np.array([0, 1, 1]),
        "second": np.ones(1, np.int32),
    }
