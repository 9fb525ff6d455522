"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "apart_em": ("counts", "mass", "posterior", "posterior_too", "change"),
    "apart_coin": ("total", "after", "share", "rest", "posterior"),
}

N_TASKS, N, K, N_PAIRS = 4, 6, 3, 5


def calls() -> dict[str, dict[str, Any]]:
    ptr = np.array([0, 2, 3, 3, 6])
    pair = np.array([0, 1, 2, 3, 4, 0], np.int32)
    label = np.array([0, 1, 2, 0, 1, 0], np.int32)
    weight, gold = np.ones(N), np.full(N_TASKS, -1, np.int32)
    bounds = np.array([0, 2, N_TASKS])
    return {
        "apart_em": {
            "task_ptr": ptr, "pair": pair, "weight": weight, "gold": gold,
            "table": np.zeros((2, N_PAIRS, K)), "slope": np.zeros((2, N_PAIRS, K)),
            "log_prior": np.zeros((2, K)), "own": np.full((N_TASKS, K), 1 / K),
            "own_too": np.full((N_TASKS, K), 1 / K), "bounds": bounds,
            "counts": np.zeros((2, N_PAIRS, K)), "mass": np.zeros((2, K)),
            "posterior": np.zeros((N_TASKS, K)), "posterior_too": np.zeros((N_TASKS, K)),
            "change": np.zeros(2), "single": False, "threads": 1,
        },
        "apart_coin": {
            "ptr": ptr, "size": np.array([2, 1, 0, 2]), "slot_label": label,
            "slot": np.array([0, 1, 0, 0, 1, 0], np.int32), "label": label, "unit": pair,
            "weight": weight, "gold": gold, "bonus": np.ones((N_PAIRS, 3)),
            "prior": np.full(K, 1 / K), "log_prior": np.zeros(K), "own": np.full(N, 0.5),
            "bounds": bounds, "total": np.zeros(N_PAIRS + K), "after": np.zeros(N),
            "share": np.zeros(N), "rest": np.zeros(N_TASKS), "posterior": np.zeros((N_TASKS, K)),
            "threads": 1,
        },
    }  # fmt: skip
