"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "order_state": (),
    "order_starts": ("ptr",),
    "order_gather": ("workers", "labels", "rows"),
    "order_sort": ("worker", "label", "row"),
    "order_repeats": ("drop",),
    "order_distinct": ("size", "slot", "place"),
}


def calls() -> dict[str, dict[str, Any]]:
    task = np.array([0, 0, 1, 3, 3, 3], np.int32)
    worker = np.array([0, 1, 0, 2, 1, 0], np.int32)
    label = np.array([0, 1, 2, 0, 1, 0], np.int32)
    ptr, rows = np.array([0, 2, 3, 3, 6]), np.arange(6)
    return {
        "order_state": {"task": task, "worker": worker},
        "order_starts": {"key": task, "ptr": np.zeros(5, np.int64)},
        "order_gather": {
            "task": task, "worker": worker, "label": label, "ptr": ptr,
            "workers": np.zeros(6, np.int32), "labels": np.zeros(6, np.int32), "rows": rows,
        },
        "order_sort": {
            "ptr": ptr, "worker": worker, "label": label, "row": rows, "by_label": True,
            "threads": 1,
        },
        "order_repeats": {
            "task": task, "worker": worker, "label": label, "drop": np.zeros(6, np.bool_),
            "keep_last": False, "only_exact": False,
        },
        "order_distinct": {
            "ptr": ptr, "label": label, "size": np.zeros(4, np.int64),
            "slot": np.zeros(6, np.int32), "place": np.zeros(6, np.int32), "threads": 1,
        },
    }  # fmt: skip
