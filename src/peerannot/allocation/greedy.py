"""Pairs of task and worker one after the other, each the best after those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.allocation.base import GainPolicy, OrderPolicy, Policy, Tasks
from peerannot.allocation.crowd import Crowd, Group

__all__ = ["Pick", "after", "allocate", "ranked"]

OUTCOMES = 256  # of answers that are pending on a task, before some are taken together
UNKNOWN = -1  # group of a heap entry whose value is only a bound
Allowed = Callable[[int, int], bool]


@dataclass(frozen=True)
class Pick:
    """A worker to ask about a task. ``gain`` is None where the policy has none."""

    task: int
    worker: int
    gain: float | None
    pending: int


@dataclass(eq=False)
class _Asked:
    """A task with answers pending: joint probabilities of these and of the classes."""

    outcomes: NDArray[np.float64]
    workers: set[int] = field(default_factory=set)
    values: NDArray[np.float64] | None = None  # of one more answer, by group


def ranked(
    value: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    at: NDArray[np.int64],
    most: NDArray[np.float64],
    size: int,
) -> Iterator[tuple[float, int]]:
    """Value and task, the largest value first, equal ones in order of the tasks.

    Parameters
    ----------
    value
        Values of tasks.
    at, most
        Tasks, and what their values do not exceed, in descending order of it: as few values are
        computed as this allows.
    size
        How many are likely to be taken.
    """
    given = 0
    while given < len(at):
        size = min(size, len(at))
        upto = min(2 * size, len(at))
        values = value(at[:upto])
        floor = np.partition(values, -size)[-size] if size else np.inf
        slack = 1e-12 * max(abs(floor), 1e-300)
        more = int(np.searchsorted(-most, -(floor - slack), side="right"))
        if more > upto:
            values = np.concatenate((values, value(at[upto:more])))
        keep = np.flatnonzero(values >= floor)
        order = keep[np.lexsort((at[keep], -values[keep]))]
        for i in order[given:]:
            yield float(values[i]), int(at[i])
        given = len(order)
        size = max(4 * size, given + 1)


class _Pool:
    """The workers of a group, in turn."""

    def __init__(self, group: Group) -> None:
        self.waiting = group.workers.tolist()

    def find(self, could: Callable[[int], bool], gone: Callable[[int], bool]) -> int | None:
        """The next who could; those who are gone for good leave."""
        i = 0
        while i < len(self.waiting):
            worker = self.waiting[i]
            if gone(worker):
                del self.waiting[i]
            elif could(worker):
                return int(worker)
            else:
                i += 1
        return None

    def took(self, worker: int) -> None:
        """Put a worker behind all others."""
        self.waiting.remove(worker)
        self.waiting.append(worker)


def allocate(
    policy: Policy,
    tasks: Tasks,
    crowd: Crowd,
    open_: NDArray[np.int64],
    most: NDArray[np.float64],
    allowed: Allowed,
    *,
    budget: float,
    answers: int | None,
    gain: float,
    progress: Progress,
) -> list[Pick]:
    """Choose pairs until the budget is spent or nothing is gained.

    Parameters
    ----------
    open_, most
        Tasks that may be asked, and the most that an answer to each is worth.
    allowed
        Whether a worker may be asked about a task.
    budget
        Sum of costs.
    answers
        Most answers to a task.
    gain
        Least gain, not reached; of a policy with gains.

    Notes
    -----
    Each step takes the pair of the largest value per cost, given the answers asked for so far;
    what these will be is averaged over. Of a group of workers who are taken to be alike the value
    is that of their mean, and they take turns; the gain told is the worker's own. Once there are
    more than 256 outcomes of the answers pending on a task, those of the same likeliest class are
    taken together, which can only overstate what more answers tell. Cost: the values of the best
    tasks, and a step O(log n_tasks).
    """
    groups = crowd.groups(len(open_) * tasks.n_classes, by_worker=policy.by_worker)
    pools = [_Pool(group) for group in groups]
    weight = np.array([group.cost if policy.by_worker else 1.0 for group in groups])
    channels = np.array([group.channel for group in groups])
    order = np.lexsort((open_, -most))
    at, bound = open_[order], most[order]
    size = int(min(len(at), 2 * min(budget / crowd.cost.min(), len(at)) + 64))
    heads = [
        ranked(lambda t, c=group.channel: policy.first(tasks, t, c), at, bound, size)  # type: ignore[misc]
        for group in groups
    ]
    least = gain if policy.by_worker else -np.inf
    left, capacity = budget, crowd.capacity.copy()
    asked: dict[int, _Asked] = {}
    picks: list[Pick] = []
    heap: list[tuple[float, int, int, int]] = []  # -value per cost, task, group, pending

    def gone(worker: int) -> bool:
        return bool(capacity[worker] == 0 or crowd.cost[worker] > left * (1 + 1e-12))

    def next_head(g: int) -> None:
        for value, task in heads[g] if pools[g].waiting else ():
            if value <= least:
                break
            if task not in asked:
                heappush(heap, (-value / float(weight[g]), task, g, 0))
                break

    def find(task: int, g: int) -> int | None:
        with_us = asked[task].workers if task in asked else ()
        return pools[g].find(lambda j: j not in with_us and allowed(task, j), gone)

    def push_best(task: int, pending: int) -> None:
        values = asked[task].values
        assert values is not None
        g = int(values.argmax())
        if values[g] * weight[g] > least:
            heappush(heap, (-float(values[g]), task, g, pending))

    for g in range(len(groups)):
        next_head(g)
    cheapest = float(weight.min())
    while heap and left > 0:
        _, task, g, pending = heappop(heap)
        state = asked.get(task)
        if (len(state.workers) if state else 0) != pending:
            if pending == 0:
                next_head(g)
            continue
        if g == UNKNOWN:
            assert state is not None
            here = np.flatnonzero([bool(pool.waiting) for pool in pools])
            state.values = np.full(len(groups), -np.inf)
            state.values[here] = (
                policy.again(tasks, task, pending, state.outcomes, channels[here]) / weight[here]
            )
            push_best(task, pending)
            continue
        worker = find(task, g)
        if worker is None:
            if state is None:
                next_head(g)
            else:
                assert state.values is not None
                state.values[g] = -np.inf
                push_best(task, pending)
            continue
        if state is None:
            state = asked[task] = _Asked(tasks.posterior(np.array([task])))
        channel = crowd.channel(worker) if policy.by_worker else None
        picks.append(Pick(task, worker, _gain(policy, tasks, task, state, channel), pending))
        left -= float(crowd.cost[worker])
        capacity[worker] -= 1
        pools[g].took(worker)
        state.workers.add(worker)
        progress(len(picks))
        if channel is not None:
            state.outcomes = after(state.outcomes, channel)
        if answers is None or tasks.n_answers[task] + pending + 1 < answers:
            value = policy.most_again(tasks, task, pending + 1, state.outcomes)
            if value > least:
                heappush(heap, (-value / cheapest, task, UNKNOWN, pending + 1))
        if pending == 0:
            next_head(g)
    return picks


def _gain(
    policy: Policy, tasks: Tasks, task: int, state: _Asked, channel: NDArray[np.float64] | None
) -> float | None:
    if isinstance(policy, GainPolicy) and channel is not None:
        return float(policy.gain(state.outcomes, channel).sum())
    if not isinstance(policy, OrderPolicy) or not policy.unit:
        return None
    return float(policy.score(tasks, np.array([task]), len(state.workers))[0])


def after(outcomes: NDArray[np.float64], channel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joint probabilities with one more answer, (n_outcomes x n_classes, n_classes)."""
    k = len(channel)
    if len(outcomes) * k <= max(OUTCOMES, k):
        return (outcomes[:, None, :] * channel.T[None]).reshape(-1, k)
    together = np.zeros((k, k))
    for column in channel.T:
        joint = outcomes * column
        np.add.at(together, joint.argmax(1), joint)
    return together[together.any(1)]
