"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "coin_start": ("right", "mass", "own"),
    "coin_step": ("total", "share", "rest", "posterior"),
    "coin_entries": ("code",),
    "coin_class_step": ("total", "share"),
}

N_TASKS, N, K, N_WORKERS = 4, 6, 3, 2


def slots() -> dict[str, Any]:
    """The votes, and the slots of their tasks."""
    return {
        "ptr": np.array([0, 2, 3, 3, 6]),
        "size": np.array([2, 1, 0, 2]),
        "slot_label": np.array([0, 1, 2, 0, 1, 0], np.int32),
        "slot": np.array([0, 1, 0, 0, 1, 0], np.int32),
    }


def calls() -> dict[str, dict[str, Any]]:
    worker = np.array([0, 1, 0, 0, 1, 0], np.int32)
    votes = {**slots(), "weight": np.ones(N), "gold": np.full(N_TASKS, -1, np.int32)}
    bounds, share = np.array([0, 2, N_TASKS]), np.full(N, 0.5)
    entry = np.array([0, 4, 5, 5, 11])
    unit = np.array([0, 1, 3, 4, 2, 0, 1, 3, 4, 0, 1], np.int32)
    n_units = N_WORKERS * K
    return {
        "coin_start": {
            **votes, "unit": worker, "bounds": bounds, "right": np.zeros(N_WORKERS),
            "mass": np.zeros(K), "own": np.zeros(N), "threads": 1,
        },
        "coin_step": {
            **votes, "unit": worker, "label": np.array([0, 1, 2, 0, 1, 0], np.int32),
            "bonus": np.ones(N_WORKERS), "prior": np.full(K, 1 / K), "log_prior": np.zeros(K),
            "bounds": bounds, "total": np.zeros(N_WORKERS + K), "share": share,
            "rest": np.zeros(N_TASKS), "posterior": np.zeros((N_TASKS, K)), "threads": 1,
        },
        "coin_entries": {
            **slots(), "worker": worker, "entry": entry, "code": np.zeros(11, np.int64),
            "n_classes": K, "threads": 1,
        },
        "coin_class_step": {
            **votes, "entry": entry, "unit": unit, "hit": np.zeros(n_units),
            "miss": np.zeros(n_units), "log_prior": np.zeros(K), "bounds": bounds,
            "total": np.zeros(2 * n_units + K), "share": share, "given": False, "threads": 1,
        },
    }  # fmt: skip
