"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {"ids_replace": ("code",)}


def calls() -> dict[str, dict[str, Any]]:
    return {
        "ids_replace": {
            "code": np.array([2, 0, 1, 1], np.int32),
            "by": np.array([5, 6, 7], np.int32),
            "threads": 1,
        }
    }
