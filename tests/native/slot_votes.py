"""Votes made at random, on the slots of their tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = ["SlotVotes", "made"]


class SlotVotes:
    """Tasks without answers and with hundreds, gold, weights of which some are 0."""

    def __init__(self, seed: int, n_tasks: int, n_workers: int, k: int, weighted: bool) -> None:
        rng = self.rng = np.random.default_rng(seed)
        size = rng.choice([0, 1, 3, 5, 400], n_tasks, p=[0.1, 0.3, 0.3, 0.25, 0.05])
        self.n_tasks, self.n_workers, self.k = n_tasks, n_workers, k
        n = self.n = int(size.sum())
        self.ptr = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
        self.task = np.repeat(np.arange(n_tasks), size).astype(np.int32)
        self.worker = rng.integers(n_workers, size=n).astype(np.int32)
        self.label = rng.integers(k, size=n).astype(np.int32)
        self.weight = rng.uniform(-0.5, 2.0, n).clip(0.0) if weighted else np.empty(0)
        self.ones = self.weight if weighted else np.ones(n)
        known = rng.random(n_tasks) < 0.2
        self.gold = np.where(known, rng.integers(k, size=n_tasks), -1).astype(np.int32)
        self.size = np.zeros(n_tasks, np.int64)
        self.slot_label = np.full(n, -7, np.int32)  # what is unused is not looked at
        self.slot = np.empty(n, np.int32)
        for i in range(n_tasks):
            answers = slice(self.ptr[i], self.ptr[i + 1])
            labels, self.slot[answers] = np.unique(self.label[answers], return_inverse=True)
            self.size[i] = labels.size
            self.slot_label[self.ptr[i] : self.ptr[i] + labels.size] = labels
        cuts = np.sort(rng.integers(n_tasks + 1, size=3))
        self.bounds = np.concatenate(([0], cuts, [n_tasks])).astype(np.int64)

    @property
    def slots(self) -> tuple[NDArray[Any], ...]:
        return self.ptr, self.size, self.slot_label, self.slot

    def dense(self, share: NDArray[Any], rest: NDArray[Any] | None = None) -> NDArray[Any]:
        """Shares on slots as rows, ``rest`` (n_tasks, K) for classes not received."""
        out = np.zeros((self.n_tasks, self.k)) if rest is None else rest
        for i in range(self.n_tasks):
            for s in range(self.ptr[i], self.ptr[i] + self.size[i]):
                out[i, self.slot_label[s]] = share[s]
        return out


made = st.builds(
    SlotVotes,
    st.integers(0, 10**6),
    st.integers(0, 150),
    st.integers(1, 6),
    st.integers(1, 40),
    st.booleans(),
)
