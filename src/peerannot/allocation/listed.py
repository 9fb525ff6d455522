"""Pairs one after the other, where those that may be asked are listed: each is looked at."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.allocation.base import Policy, Tasks
from peerannot.allocation.crowd import Crowd
from peerannot.allocation.pairs import Pairs
from peerannot.allocation.pending import after, by_channel
from peerannot.allocation.pools import HAIR

__all__ = ["choose_listed"]


def choose_listed(
    policy: Policy,
    tasks: Tasks,
    crowd: Crowd,
    open_: NDArray[np.int64],
    pairs: Pairs,
    *,
    budget: float,
    answers: int | None,
    least: float,
    size: NDArray[np.float64],
    progress: Progress,
) -> list[tuple[int, int, int]]:
    """Task, worker and number of earlier picks of the task, until the budget is spent.

    As `peerannot.allocation.greedy.allocate`, with each worker a group of one. Of workers of the
    same value the one who was picked least goes first, of an order alone the cheapest. ``least``
    is a value that is none.

    Notes
    -----
    Cost: one value of each pair, and for each pick those of the pairs of its task.
    """
    task, worker = pairs.listed(open_)
    if not len(task):
        return []
    cost = crowd.cost[worker] * size[task]
    # An order is not weighed against costs; they only choose among workers.
    per, cheap = (cost, np.zeros(len(task))) if policy.by_worker else (np.ones(len(task)), cost)
    rate = _values(policy, tasks, crowd, task, worker) / per
    first = np.flatnonzero(np.diff(task, prepend=-1))
    spans = zip(task[first].tolist(), first.tolist(), [*first[1:].tolist(), len(task)], strict=True)
    at = {one: (i, j) for one, i, j in spans}
    # Smallest first: minus the best rate of a task, or a bound of it, once it has been picked.
    heap = [(-float(rate[i:j].max()), one, True) for one, (i, j) in at.items()]
    heapify(heap)
    capacity, turn = crowd.capacity.copy(), np.zeros(len(crowd), np.int64)
    free = np.ones(len(task), np.bool_)
    cheapest, left = float(cost.min()), budget
    asked: dict[int, list[int]] = {}
    states: dict[int, NDArray[np.float64]] = {}
    picks: list[tuple[int, int, int]] = []
    while heap and cheapest <= left * HAIR:
        bound, one, known = heappop(heap)
        i, j = at[one]
        fit = free[i:j] & (capacity[worker[i:j]] > 0) & (cost[i:j] <= left * HAIR)
        usable = i + np.flatnonzero(fit)
        if not usable.size:
            continue
        before = asked.setdefault(one, [])
        if not known:
            channels = _channels(policy, crowd, worker[usable])
            state = states.get(one, np.empty((0, 0)))
            rate[usable] = policy.again(tasks, one, len(before), state, channels) / per[usable]
        who = worker[usable]
        best = usable[np.lexsort((who, turn[who], cheap[usable], -rate[usable]))[0]]
        if rate[best] * per[best] <= least:
            continue
        if not known or -rate[best] > bound:
            heappush(heap, (-float(rate[best]), one, True))
            continue
        chosen = int(worker[best])
        picks.append((one, chosen, len(before)))
        progress(len(picks))
        free[best] = False
        capacity[chosen] -= 1
        turn[chosen] = len(picks)
        left -= float(cost[best])
        before.append(chosen)
        if answers is not None and tasks.n_answers[one] + len(before) >= answers:
            continue
        if policy.by_worker:
            state = states[one] if one in states else tasks.posterior(np.array([one]))
            states[one] = after(state, crowd.channel(chosen))
        state = states.get(one, np.empty((0, 0)))
        most = policy.most_again(tasks, one, len(before), state)
        heappush(heap, (-most / float(per[i:j].min()), one, False))
    return picks


def _values(
    policy: Policy, tasks: Tasks, crowd: Crowd, task: NDArray[np.int64], worker: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Value of each pair."""
    if not policy.by_worker:
        some, which = np.unique(task, return_inverse=True)
        return policy.first(tasks, some, np.empty((0, 0)))[which]
    found = np.empty(len(task))
    for channel, rows in by_channel(crowd, worker):
        found[rows] = policy.first(tasks, task[rows], channel)
    return found


def _channels(policy: Policy, crowd: Crowd, worker: NDArray[np.int64]) -> NDArray[np.float64]:
    if not policy.by_worker:
        return np.empty((len(worker), 0, 0))
    return np.stack([crowd.channel(j) for j in worker.tolist()])
