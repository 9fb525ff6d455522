"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {"stream_read": ("credit", "hit", "right", "seen")}


def calls() -> dict[str, dict[str, Any]]:
    return {
        "stream_read": {
            "order": np.array([3, 0, 1]), "ptr": np.array([0, 2, 3, 3, 6]),
            "label": np.array([0, 1, 2, 0, 1, 0], np.int32),
            "worker": np.array([0, 1, 0, 2, 1, 0], np.int32), "weight": np.ones(6),
            "gold": np.array([-1, 2, -1, -1], np.int32), "draw": np.zeros(4),
            "fresh": np.ones(6, np.bool_), "credit": np.zeros(6), "hit": np.zeros(6),
            "right": np.ones(3), "seen": np.ones(3), "n_classes": 3, "one": True,
        },
    }  # fmt: skip
