"""Tasks of known label for workers of whom little is known."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.crowd import Crowd
from peerannot.allocation.greedy import Pick
from peerannot.allocation.pairs import Pairs
from peerannot.allocation.pools import HAIR

__all__ = ["give_probes"]


def give_probes(
    crowd: Crowd, pairs: Pairs, label: NDArray[np.int32], probes: int, budget: float,
    size: NDArray[np.float64],
) -> list[Pick]:  # fmt: skip
    """Ask workers of fewer than some answers about tasks whose label is known.

    A worker who is right with probability s, of which nothing is known, has after n answers been
    seen with an error of about sqrt(s (1 - s) / n), and a model of all answers says little of who
    met few others. Whoever has fewest answers comes first, of these the cheapest, so the budget is
    spread; each worker is asked about the class least asked of them, so that a confusion matrix
    fills evenly, and each task of a class in turn, so that what is known is not told around.

    Parameters
    ----------
    label
        Known class of each task, -1 for none; those of classes are asked about alike.
    probes
        Answers from which on a worker is known.
    budget, size
        See `peerannot.allocation.greedy.allocate`.

    Notes
    -----
    Cost: O(log n_workers) a probe.

    References
    ----------
    Known answers as a measure of workers: Ipeirotis, P. G., Provost, F. and Wang, J. (2010).
    Quality management on Amazon Mechanical Turk. HCOMP. That few suffice, and that they go to new
    workers: Bragg, J., Mausam and Weld, D. S. (2016). Optimal testing for crowd workers. AAMAS.
    """
    at = np.flatnonzero(label >= 0)
    classes = [deque(at[label[at] == k].tolist()) for k in np.unique(label[at])]
    new = np.flatnonzero((crowd.n_answers < probes) & (crowd.capacity > 0))
    heap = [(int(crowd.n_answers[j]), float(crowd.cost[j]), int(j)) for j in new]
    heapify(heap)
    asked: dict[int, list[int]] = {}  # number asked of each class
    given: dict[int, set[int]] = {}
    picks: list[Pick] = []
    while heap and budget > 0:
        n, cost, worker = heappop(heap)
        counts = asked.setdefault(worker, [0] * len(classes))
        mine = given.setdefault(worker, set())
        turn = sorted(range(len(classes)), key=lambda k: (counts[k], (k - worker) % len(classes)))
        some = ((k, t) for k in turn for t in classes[k] if t not in mine)
        found = next((p for p in some if _may(p[1], worker, cost, budget, pairs, size)), None)
        if found is None:
            continue
        k, task = found
        classes[k].remove(task)
        classes[k].append(task)
        counts[k] += 1
        mine.add(task)
        picks.append(Pick(task, worker, None, 0, probe=True))
        budget -= cost * float(size[task])
        if n + 1 < probes and len(mine) < crowd.capacity[worker]:
            heappush(heap, (n + 1, cost, worker))
    return picks


def _may(
    task: int, worker: int, cost: float, budget: float, pairs: Pairs,
    size: NDArray[np.float64],
) -> bool:  # fmt: skip
    some = pairs.candidates(task)
    here = worker not in pairs.blocked(task) and (some is None or worker in some)
    return here and cost * float(size[task]) <= budget * HAIR
