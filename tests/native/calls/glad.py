"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

from native.calls.coin import N_TASKS, N_WORKERS, K, N, slots

OUTPUTS = {"glad_step": ("beta", "total", "share", "rest")}


def calls() -> dict[str, dict[str, Any]]:
    return {
        "glad_step": {
            **slots(), "worker": np.array([0, 1, 0, 0, 1, 0], np.int32), "weight": np.ones(N),
            "gold": np.full(N_TASKS, -1, np.int32), "given": np.full(N, 0.5),
            "alpha": np.ones(N_WORKERS), "bounds": np.array([0, 2, N_TASKS]),
            "beta": np.zeros(N_TASKS), "total": np.zeros((3, N_WORKERS)), "share": np.zeros(N),
            "rest": np.zeros(N_TASKS), "beta_mean": 1.0, "n_classes": K, "steps": 2, "threads": 1,
        }
    }  # fmt: skip
