"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

from native.calls.agreement import N_PAIRS, N_WORKERS, K, by_worker, pairs

OUTPUTS = {
    "identification_evidence": ("agreements", "expected", "log_ratio"),
    "identification_repeats": ("longest", "repeats", "expected", "spread"),
}


def calls() -> dict[str, dict[str, Any]]:
    confusion = np.full((N_WORKERS, K, K), 1 / K)
    label = np.array([0, 1, 2, 0, 1, 0], np.int32)
    return {
        "identification_evidence": {
            **by_worker(), **pairs(), "label": label, "log_prior": np.zeros(K),
            "confusion": confusion, "log_confusion": np.log(confusion),
            "share": np.array([0.1, 0.7]), "agreements": np.zeros(N_PAIRS, np.int64),
            "expected": np.zeros(N_PAIRS), "log_ratio": np.zeros((N_PAIRS, 2)), "threads": 1,
        },
        "identification_repeats": {
            "ptr": np.array([0, 3, 5, 6]), "task": np.array([0, 1, 3, 0, 3, 3], np.int32),
            "label": label, "posterior": np.full((4, K), 1 / K), "confusion": confusion,
            "longest": np.zeros(N_WORKERS, np.int64), "repeats": np.zeros(N_WORKERS, np.int64),
            "expected": np.zeros(N_WORKERS), "spread": np.zeros(N_WORKERS), "threads": 1,
        },
    }  # fmt: skip
