"""Arguments that each binding takes, made anew by each call, and which of them it writes to."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {"pairs_find": ("place", "of_answer"), "pairs_logarithms": ("table",)}


def calls() -> dict[str, dict[str, Any]]:
    label = np.array([0, 1, 2, 0, 1, 0], np.int32)
    return {
        "pairs_find": {
            "worker": np.array([0, 0, 0, 1, 1, 0], np.int32), "label": label,
            "place": np.zeros((2, 3), np.int32), "of_answer": np.zeros(6, np.int32), "threads": 1,
        },
        "pairs_logarithms": {
            "counts": np.ones((5, 3)), "ptr": np.array([0, 3, 5]), "label": label[:5],
            "table": np.zeros((5, 3)), "diagonal": 0.0, "off_diagonal": 1.0,
            "least_probability": 1e-10, "threads": 1,
        },
    }  # fmt: skip
