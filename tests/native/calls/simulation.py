"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "simulation_uniform": ("worker", "got"),
    "simulation_weighted": ("worker", "got"),
    "simulation_labels": ("label",),
}


def calls() -> dict[str, dict[str, Any]]:
    wanted, uniform = np.array([1, 2, 0, 1]), np.array([0.1, 0.6, 0.9, 0.4])
    worker, got = np.zeros(4, np.int32), np.zeros(4, np.int64)
    return {
        "simulation_uniform": {
            "wanted": wanted, "uniform": uniform, "worker": worker, "got": got, "n_workers": 3,
            "load": 2,
        },
        "simulation_weighted": {
            "wanted": wanted, "uniform": uniform, "weight": np.ones(3), "worker": worker,
            "got": got, "load": 2,
        },
        "simulation_labels": {
            "cumulated": np.cumsum(np.full((3, 2, 2), 0.5), axis=2),
            "worker": np.array([0, 2, 1, 0], np.int32), "truth": np.array([0, 1, 1, 0]),
            "uniform": uniform, "label": np.zeros(4, np.int32), "threads": 1,
        },
    }  # fmt: skip
