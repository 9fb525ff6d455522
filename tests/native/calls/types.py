"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "types_membership": ("membership", "met", "spent"),
    "types_tables": ("table", "slope"),
}

N_WORKERS, N_PAIRS, K, N_TYPES = 3, 5, 3, 2


def calls() -> dict[str, dict[str, Any]]:
    crowd = {
        "ptr": np.array([0, 2, 2, 5]), "label": np.array([0, 2, 0, 1, 2], np.int32),
        "counts": np.ones((N_PAIRS, K)), "rows": np.ones((N_TYPES, K, K)),
    }  # fmt: skip
    return {
        "types_membership": {
            **crowd, "log_share": np.zeros(N_TYPES), "bounds": np.array([0, 1, N_WORKERS]),
            "membership": np.zeros((N_WORKERS, N_TYPES)), "met": np.zeros((N_TYPES, K, K)),
            "spent": np.zeros((N_TYPES, K)), "threads": 1,
        },
        "types_tables": {
            **crowd, "membership": np.full((N_WORKERS, N_TYPES), 0.5),
            "table": np.zeros((N_PAIRS, K)), "slope": np.zeros((N_PAIRS, K)), "threads": 1,
        },
    }  # fmt: skip
