"""LA's reading of tasks, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from native.twins.votes import best

Array = NDArray[Any]


def read(
    order: Array, ptr: Array, label: Array, worker: Array, weight: Array, gold: Array, draw: Array,
    fresh: Array, credit: Array, right: Array, seen: Array, *, one: bool,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Credit and hit of each answer, right and seen of each worker."""
    credit, right, seen = credit.copy(), right.copy(), seen.copy()
    hit = np.zeros(label.size)
    for i in order:
        rows = np.arange(ptr[i], ptr[i + 1])
        for a in rows[fresh[rows]]:
            j = worker[a]
            credit[a] = right[j] / seen[j] if seen[j] > 0 else 0.5
        used, slot = np.unique(label[rows], return_inverse=True)
        score = np.zeros(used.size)
        np.add.at(score, slot, weight[rows] * credit[rows])
        chosen, tied = best(score, draw[i])
        for a, s in zip(rows, slot, strict=True):
            if not fresh[a]:
                continue
            if gold[i] >= 0:
                hit[a] = label[a] == gold[i]
            elif one:
                hit[a] = s == chosen
            else:
                hit[a] = tied[s] / tied.sum()
            right[worker[a]] += weight[a] * hit[a]
            seen[worker[a]] += weight[a]
    return credit, hit, right, seen
