"""Workers of each group in turn, within their capacities and the budget."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.crowd import Crowd, Group
from peerannot.allocation.pairs import Pairs

__all__ = ["Pools"]

HAIR = 1 + 1e-12  # of rounding in sums of costs


class Pools:
    """Who can still be asked.

    Parameters
    ----------
    size : float64 array (n_tasks,)
        What the cost of an answer to each task is multiplied by.
    smallest
        The least of these of a task that may be asked.

    Attributes
    ----------
    some : bool array (n_groups,)
        Whether somebody of each group may be left.
    """

    def __init__(
        self, crowd: Crowd, groups: list[Group], pairs: Pairs, budget: float,
        size: NDArray[np.float64], smallest: float,
    ) -> None:  # fmt: skip
        self.left = budget
        self._pairs = pairs
        self._size = size
        self._smallest = smallest
        self._cost: list[float] = crowd.cost.tolist()
        self._capacity: list[int] = crowd.capacity.tolist()
        self._waiting = [deque(group.workers.tolist()) for group in groups]
        self._group = np.empty(len(crowd), np.int64)
        for g, group in enumerate(groups):
            self._group[group.workers] = g
        self._size_of = np.array([len(group.workers) for group in groups], np.int64)
        self._fewest = int(self._size_of.min()) if groups else 0
        self.some = self._size_of > 0
        self._turn = [0] * len(crowd)
        self._turns = 0

    def nobody(self, task: int, with_us: Collection[int]) -> NDArray[np.bool_] | None:
        """Of which groups nobody may be asked about a task, whoever has capacity; None if few
        enough are out that none can be empty."""
        n = len(self._waiting)
        allowed = self._pairs.candidates(task)
        if allowed is None and self._pairs.n_blocked(task) + len(with_us) < self._fewest:
            return None
        blocked = self._pairs.blocked(task)
        if allowed is not None:
            left = [j for j in allowed if j not in blocked and j not in with_us]
            none_left: NDArray[np.bool_] = np.bincount(self._group[left], minlength=n) == 0
            return none_left
        gone = [*blocked, *with_us]
        empty: NDArray[np.bool_] = np.bincount(self._group[gone], minlength=n) >= self._size_of
        return empty

    def find(self, task: int, group: int, with_us: Collection[int]) -> int | None:
        """Who is next to be asked about a task; those who are gone for good leave."""
        blocked = self._pairs.blocked(task)
        some = self._pairs.candidates(task)
        times = float(self._size[task])
        waiting = self._waiting[group]
        if some is not None:
            fit = [
                (self._turn[j], j) for j in some
                if self._group[j] == group and j not in blocked and j not in with_us
                and self._capacity[j] > 0 and self._cost[j] * times <= self.left * HAIR
            ]  # fmt: skip
            return min(fit)[1] if fit else None
        i = 0
        while i < len(waiting):
            worker = waiting[i]
            cost = self._cost[worker]
            if self._capacity[worker] <= 0 or cost * self._smallest > self.left * HAIR:
                del waiting[i]
                self.some[group] = bool(waiting)
            elif worker in blocked or worker in with_us or cost * times > self.left * HAIR:
                i += 1
            else:
                return int(worker)
        return None

    def took(self, task: int, worker: int) -> None:
        """Spend a worker's answer, and put the worker behind all others of the group."""
        self.left -= self._cost[worker] * float(self._size[task])
        self._capacity[worker] -= 1
        self._turns += 1
        self._turn[worker] = self._turns
        group = int(self._group[worker])
        waiting = self._waiting[group]
        waiting.remove(worker)
        if self._capacity[worker] > 0:
            waiting.append(worker)
        self.some[group] = bool(waiting)
