"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "reliability_support": ("conf", "total"),
    "reliability_seen": ("out",),
    "reliability_to_workers": ("out",),
    "reliability_errors": ("out",),
    "reliability_averages": ("out",),
    "reliability_sweep": ("wrong", "mass", "scores"),
    "reliability_agreements": ("agree", "common"),
    "reliability_trimmed": ("out",),
}

N_TASKS, N, N_WORKERS = 4, 6, 3


def calls() -> dict[str, dict[str, Any]]:
    ptr, size = np.array([0, 2, 3, 3, 6]), np.array([2, 1, 0, 2])
    task = np.array([0, 0, 1, 3, 3, 3], np.int32)
    slot = np.array([0, 1, 0, 0, 1, 0], np.int32)
    votes = {
        "worker": np.array([0, 1, 0, 2, 1, 0], np.int32),
        "label": np.array([0, 1, 2, 0, 1, 0], np.int32),
        "weight": np.ones(N),
    }
    square = (N_WORKERS, N_WORKERS)
    return {
        "reliability_support": {
            "ptr": ptr, "size": size, "label": votes["label"], "score": np.ones(N),
            "winner": np.ones(N), "ai_label": np.array([-1, 2, 0, 1], np.int32),
            "conf": np.zeros(N_TASKS), "total": np.zeros(N_TASKS), "against": 1.0, "threads": 1,
        },
        "reliability_seen": {
            "ptr": ptr, "slot": slot, "task": task, "pair": np.array([0, 1, 2, 3, 1, 0], np.int32),
            "authored": np.ones(N, np.bool_), "valid": np.ones(N_TASKS, np.bool_),
            "right": np.ones(N, np.bool_), "out": np.zeros(4, np.int8),
        },
        "reliability_to_workers": {
            "ptr": ptr, "slot": slot, "weight": np.ones(N), "message": np.ones(N),
            "out": np.zeros(N), "chance": 0.5, "threads": 1,
        },
        "reliability_errors": {
            **votes, "task": task, "score": np.ones(N_TASKS), "bounds": np.array([0, 4, 6]),
            "out": np.zeros(N_WORKERS), "c": 1, "threads": 1,
        },
        "reliability_averages": {
            **votes, "ptr": ptr, "precision": np.ones(N_WORKERS), "out": np.zeros(N_TASKS),
            "c": 1, "pull": 1.0, "mean": 0.5, "threads": 1,
        },
        "reliability_sweep": {
            **votes, "ptr": ptr, "gold": np.full(N_TASKS, -1, np.int32),
            "precision": np.ones((N_WORKERS, 3)), "mean": np.full(3, 1 / 3),
            "given": np.full((N_TASKS, 3), 1 / 3), "bounds": np.array([0, 2, N_TASKS]),
            "wrong": np.zeros((N_WORKERS, 3)), "mass": np.zeros(3),
            "scores": np.zeros((N_TASKS, 3)), "pull": 1.0, "threads": 1,
        },
        "reliability_agreements": {
            **votes, "ptr": ptr, "agree": np.zeros(square), "common": np.zeros(square),
        },
        "reliability_trimmed": {
            "centred": np.ones(square), "common": np.ones(square), "now": np.ones(N_WORKERS),
            "out": np.zeros(N_WORKERS), "trim": 0.25, "threads": 1,
        },
    }  # fmt: skip
