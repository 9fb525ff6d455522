"""Arguments that each binding takes, made anew by each call, and which of them it writes to."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "confusion_em": ("counts", "mass", "posterior"),
    "confusion_start": ("counts", "mass", "posterior"),
    "confusion_gather": ("counts",),
    "confusion_positions": ("order", "ptr"),
    "confusion_expected": ("counts",),
}

N_TASKS, N, K, N_PAIRS = 4, 6, 3, 5


def calls() -> dict[str, dict[str, Any]]:
    ptr = np.array([0, 2, 3, 3, 6])
    task = np.repeat(np.arange(N_TASKS), np.diff(ptr)).astype(np.int32)
    pair = np.array([0, 1, 2, 3, 4, 0], np.int32)
    label = np.array([0, 1, 2, 0, 1, 0], np.int32)
    weight, gold = np.ones(N), np.full(N_TASKS, -1, np.int32)
    sums = {
        "counts": np.zeros((N_PAIRS, K)),
        "mass": np.zeros(K),
        "posterior": np.zeros((N_TASKS, K)),
    }
    votes = {"task_ptr": ptr, "pair": pair, "weight": weight, "gold": gold}
    bounds = np.array([0, 2, N_TASKS])
    shares = np.full((N_TASKS, K), 1 / K)
    return {
        "confusion_em": {
            **votes, "table": np.zeros((N_PAIRS, K)), "log_prior": np.zeros(K), "bounds": bounds,
            **sums, "single": False, "hard": False, "parts": 1, "threads": 1,
        },
        "confusion_start": {
            **votes, "label": label, "given": shares, "bounds": bounds, **sums,
            "n_pairs": N_PAIRS, "threads": 1,
        },
        "confusion_gather": {
            "order": np.array([0, 5, 1, 2, 3, 4], np.int32),
            "order_ptr": np.array([0, 2, 3, 4, 5, 6]), "task": task, "weight": weight,
            "posterior": shares, "counts": sums["counts"], "threads": 1,
        },
        "confusion_positions": {
            "code": pair, "order": np.zeros(N, np.int32), "ptr": np.zeros(N_PAIRS + 1, np.int64)
        },
        "confusion_expected": {
            "ptr": np.array([0, 4, 6]), "order": np.array([0, 1, 2, 5, 3, 4]), "task": task,
            "label": label, "weight": weight, "posterior": shares,
            "counts": np.zeros((2, K, K)), "threads": 1,
        },
    }  # fmt: skip
