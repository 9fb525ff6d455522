"""As `native.calls.confusion`."""

from __future__ import annotations

from typing import Any

import numpy as np

OUTPUTS = {
    "votes_vote": ("posterior", "labels", "confidence", "entropy"),
    "votes_scores": ("out",),
    "votes_winners": ("out",),
    "votes_one_hot": ("out",),
    "votes_values": ("out",),
    "votes_worker_sums": ("out",),
    "votes_right": ("out",),
    "votes_confidence": ("confidence", "entropy"),
    "votes_dense": ("out",),
    "votes_pick": ("out",),
}


def calls() -> dict[str, dict[str, Any]]:
    ptr, size = np.array([0, 2, 3, 3, 6]), np.array([2, 1, 0, 2])
    worker = np.array([0, 1, 0, 2, 1, 0], np.int32)
    answered = np.array([0, 1, 2, 0, 1, 0], np.int32)
    label, slot = np.array([0, 1, 2, 0, 1, 0], np.int32), np.array([0, 1, 0, 0, 1, 0], np.int32)
    weights = {"by_worker": np.ones(3), "by_answer": np.ones(6)}
    slots = {"ptr": ptr, "size": size}
    one = {"threads": 1}
    return {
        "votes_vote": {
            "ptr": ptr, "label": answered, "worker": worker, **weights, "draw": np.zeros(4),
            "posterior": np.zeros((4, 3)), "labels": np.zeros(4, np.int32),
            "confidence": np.zeros(4), "entropy": np.zeros(4), "abstain": False, "hard": True,
            "decided": True, **one,
        },
        "votes_scores": {
            "ptr": ptr, "slot": slot, "worker": worker, **weights, "out": np.zeros(6), **one,
        },
        "votes_winners": {
            **slots, "score": np.ones(6), "out": np.zeros(6), "n_classes": 3, "zero": 0.0,
            "shares": True, **one,
        },
        "votes_one_hot": {
            **slots, "label": label, "chosen": np.zeros(4, np.int32), "out": np.zeros(6), **one,
        },
        "votes_values": {
            **slots, "label": label, "posterior": np.ones((4, 3)), "out": np.zeros(6), **one,
        },
        "votes_worker_sums": {
            "ptr": ptr, "slot": slot, "task": np.array([0, 0, 1, 3, 3, 3], np.int32),
            "worker": worker, "weight": np.ones(6), "value": np.ones(6),
            "bounds": np.array([0, 4, 6]), "out": np.zeros(3), **one,
        },
        "votes_right": {
            "ptr": ptr, "label": answered, "worker": worker, **weights, "draw": np.zeros(4),
            "gold": np.array([-1, 2, -1, -1], np.int32), "bounds": np.array([0, 2, 4]),
            "out": np.zeros(3), "n_classes": 3, "decided": True, "majority": True, **one,
        },
        "votes_confidence": {
            **slots, "share": np.ones(6), "winner": np.ones(6), "confidence": np.zeros(4),
            "entropy": np.zeros(4), **one,
        },
        "votes_dense": {
            **slots, "label": label, "share": np.ones(6), "rest": np.ones(4),
            "prior": np.ones(3), "out": np.zeros((4, 3)), **one,
        },
        "votes_pick": {
            **slots, "label": label, "score": np.ones(6), "draw": np.zeros(4),
            "out": np.zeros(4, np.int32), "abstain": False, **one,
        },
    }  # fmt: skip
