"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "agreement_count_pairs": ("n_pairs",),
    "agreement_fill_pairs": ("second", "shared"),
    "agreement_cohen": ("agree", "chance"),
    "agreement_counts": ("labels", "count"),
    "agreement_keys": ("key",),
    "agreement_coincidences": ("matrix",),
    "agreement_differences": ("sum",),
    "agreement_ratio_differences": ("sum",),
    "agreement_ratio_margins": (),
}

N_WORKERS, N_PAIRS, K = 3, 3, 3


def by_worker() -> dict[str, Any]:
    """The votes, and their rows in order of worker."""
    return {
        "task_ptr": np.array([0, 2, 3, 3, 6]),
        "task": np.array([0, 0, 1, 3, 3, 3], np.int32),
        "worker": np.array([0, 1, 0, 2, 1, 0], np.int32),
        "order": np.array([0, 2, 5, 1, 4, 3]),
        "worker_ptr": np.array([0, 3, 5, 6]),
        "bounds": np.array([0, 2, N_WORKERS]),
    }


def pairs() -> dict[str, Any]:
    """Whom each worker shares tasks with."""
    return {"ptr": np.array([0, 2, 3, 3]), "second": np.array([1, 2, 2], np.int32)}


def calls() -> dict[str, dict[str, Any]]:
    label, place = np.array([0, 1, 2, 0, 1, 0], np.int32), np.array([0, 1, 0, 0, 1, 0], np.int32)
    counts = {
        "ptr": np.array([0, 2, 3]),
        "label": np.array([0, 1, 2], np.int32),
        "count": np.array([1, 2, 2], np.int32),
    }
    sums = {"sum": np.zeros(2), "threads": 1}
    return {
        "agreement_count_pairs": {
            **by_worker(), "n_pairs": np.zeros(N_WORKERS, np.int64), "least": 1, "threads": 1,
        },
        "agreement_fill_pairs": {
            **by_worker(), **pairs(), "shared": np.zeros(N_PAIRS, np.int64), "least": 1,
            "threads": 1,
        },
        "agreement_cohen": {
            **by_worker(), **pairs(), "label": label, "agree": np.zeros(N_PAIRS, np.int64),
            "chance": np.zeros(N_PAIRS), "n_classes": K, "threads": 1,
        },
        "agreement_counts": {
            "task_ptr": np.array([0, 2, 3, 3, 6]), "label": label, "place": place,
            "ptr": np.array([0, 2, 3, 3, 5]), "labels": np.zeros(5, np.int32),
            "count": np.zeros(5, np.int32), "threads": 1,
        },
        "agreement_keys": {
            **counts, "draw": np.ones(K, np.uint64), "key": np.zeros(2, np.uint64), "threads": 1,
        },
        "agreement_coincidences": {
            **counts, "size": np.array([3, 2]), "tasks": np.ones(2, np.int64),
            "matrix": np.zeros((K, K)),
        },
        "agreement_differences": {**counts, "difference": np.ones((K, K)), **sums},
        "agreement_ratio_differences": {**counts, "number": np.ones(K), **sums},
        "agreement_ratio_margins": {"margin": np.ones(K), "number": np.ones(K)},
    }  # fmt: skip
