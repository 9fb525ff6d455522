"""Pairs of task and worker one after the other, each the best after those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.allocation.base import GainPolicy, Policy, Tasks
from peerannot.allocation.crowd import Crowd
from peerannot.allocation.listed import choose_listed
from peerannot.allocation.pairs import Pairs
from peerannot.allocation.pending import after, gains
from peerannot.allocation.pools import Pools
from peerannot.allocation.ranked import ranked

__all__ = ["Pick", "allocate"]

AHEAD = 2**22  # values of second answers at a time
LISTED = 2**21  # pairs of a mask up to which each is looked at
UNKNOWN = -1  # group of a heap entry whose value is only a bound


@dataclass(frozen=True)
class Pick:
    """A worker to ask about a task. ``gain`` is None where the policy has none, and of a probe:
    a task whose label is known, for a worker who is not."""

    task: int
    worker: int
    gain: float | None
    pending: int
    probe: bool = False


def allocate(
    policy: Policy,
    tasks: Tasks,
    crowd: Crowd,
    open_: NDArray[np.int64],
    most: NDArray[np.float64],
    pairs: Pairs,
    *,
    budget: float,
    answers: int | None,
    gain: float,
    size: NDArray[np.float64],
    progress: Progress,
) -> list[Pick]:
    """Choose pairs until the budget is spent or nothing is gained.

    Parameters
    ----------
    open_, most
        Tasks that may be asked, and the most that an answer to each is worth.
    pairs
        Who may be asked about which task.
    budget
        Sum of costs.
    answers
        Most answers to a task.
    gain
        Least gain, not reached; of a policy with gains.
    size
        What the cost of an answer to each task of all is multiplied by.

    Notes
    -----
    Each step takes the pair of the largest value per cost, given the answers asked for so far;
    what these will be is averaged over. Of a group of workers who are taken to be alike the value
    is that of their mean, and they take turns; the gain told is the worker's own. Workers who err
    alike in all classes and are neither better nor cheaper than others who can be asked are not
    looked at before these are. Once there are many outcomes of the answers pending on a task,
    those of the same likeliest class are taken together, which can only overstate what more
    answers tell. Cost: the values of the best tasks, for these what a second answer is worth, and
    a step O(log n_tasks).
    """
    if not len(open_) or budget <= 0:
        return []
    least = gain if policy.by_worker else -np.inf
    listed = pairs.n_listed
    if listed is not None and listed <= LISTED:
        picks = choose_listed(
            policy, tasks, crowd, open_, pairs,
            budget=budget, answers=answers, least=least, size=size, progress=progress,
        )  # fmt: skip
    else:
        steps = _Steps(policy, tasks, crowd, open_, most, pairs, budget, size)
        steps.least, steps.answers = least, answers
        picks = steps.run(progress)
    task, worker, pending = np.array(picks, np.int64).reshape(-1, 3).T
    told = gains(policy, tasks, crowd, task, worker, pending)
    values = [None] * len(task) if told is None else told.tolist()
    columns = (task.tolist(), worker.tolist(), values, pending.tolist())
    return [Pick(*one) for one in zip(*columns, strict=True)]


class _Head:
    """Tasks of a group in order of their first answer's value; and, of some at a time, what a
    second answer would then be worth."""

    def __init__(
        self,
        order: Iterator[tuple[float, int]],
        seconds: Callable[[NDArray[np.int64]], NDArray[np.float64]],
        most: int,
    ) -> None:
        self._order = order
        self._seconds = seconds
        self._most = most
        self._size = 8
        self._waiting: deque[tuple[float, int]] = deque()
        self._known: dict[int, tuple[NDArray[np.float64], int, float]] = {}

    def next(self) -> tuple[float, int] | None:
        return self._waiting.popleft() if self._waiting else next(self._order, None)

    def second(
        self, task: int, left: int, gone: Collection[int]
    ) -> tuple[NDArray[np.float64], int, float]:
        """Values of a second answer to a task of this order, by group; the best and its value.

        Parameters
        ----------
        left
            Tasks that may still be taken.
        gone
            Tasks of which nobody wants to know.
        """
        if task not in self._known:
            self._size = min(2 * self._size, self._most)
            while len(self._waiting) < min(self._size, left):
                following = next(self._order, None)
                if following is None:
                    break
                self._waiting.append(following)
            more = [t for _, t in islice(self._waiting, self._size) if t not in gone]
            some = np.array([task, *more])
            rows = self._seconds(some).T
            filled = np.where(np.isnan(rows), -np.inf, rows)
            best = filled.argmax(1)
            value = filled[np.arange(len(some)), best].tolist()
            known = zip(rows, best.tolist(), value, strict=True)
            self._known = dict(zip(some.tolist(), known, strict=True))
        return self._known.pop(task)


class _Steps:
    """The state between one pair and the next."""

    least: float
    answers: int | None

    def __init__(
        self, policy: Policy, tasks: Tasks, crowd: Crowd, open_: NDArray[np.int64],
        most: NDArray[np.float64], pairs: Pairs, budget: float, size: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self.policy, self.tasks, self.crowd = policy, tasks, crowd
        groups = crowd.groups(len(open_) * tasks.width, by_worker=policy.by_worker)
        n = len(groups)
        smallest = float(size[open_].min())
        self.pools = Pools(crowd, groups, pairs, budget, size, smallest)
        self.cheapest = float(crowd.cost.min()) * smallest
        self.weight = np.array([g.cost if policy.by_worker else 1.0 for g in groups])
        self.channels = np.array([group.channel for group in groups])
        self.right = np.array([group.right for group in groups])
        cost = np.array([group.cost for group in groups])
        self.comparable = not isinstance(policy, GainPolicy) or policy.by_skill
        self.front = _Front(cost, self.right, comparable=self.comparable)
        self.times = size if policy.by_worker else np.ones(len(tasks))
        self.most = np.full(len(tasks), -np.inf)
        self.most[open_] = most / self.times[open_]
        self.upper = self.most.copy()  # that no group at most as good as `lowest` exceeds
        self.lowest = np.inf
        self.open = open_  # that are in the order of the groups, and were not asked
        self.heads: list[_Head | None] = [None] * n
        self.asked: dict[int, list[int]] = {}
        self.rows: dict[int, NDArray[np.float64]] = {}
        """Values of one more answer by group, of tasks that are in the order of no group: not a
        number where it is not known, -inf where nobody can be asked."""
        self.states: dict[int, tuple[int, NDArray[np.float64]]] = {}  # number pending; see `after`
        self.heap: list[tuple[float, int, int, int]] = []  # -value per cost, task, group, pending

    def run(self, progress: Progress) -> list[tuple[int, int, int]]:
        """Task, worker, and answers pending before, of each pick."""
        picks: list[tuple[int, int, int]] = []
        self.begin()
        while self.heap and self.pools.left > 0:
            _, task, g, pending = heappop(self.heap)
            if len(self.asked.get(task, ())) != pending or (g != UNKNOWN and self.is_old(task, g)):
                if pending == 0 and g != UNKNOWN:
                    self.next_head(g)
                continue
            if g == UNKNOWN:
                self.push_best(task, pending)
                continue
            worker = self.pools.find(task, g, self.asked.get(task, ()))
            if worker is None:
                self.fail(task, g, pending)
                continue
            picks.append((task, worker, pending))
            self.pools.took(task, worker)
            self.asked.setdefault(task, []).append(worker)
            progress(len(picks))
            self.go_on(task, g, pending)
        return picks

    def is_old(self, task: int, g: int) -> bool:
        """Whether an entry is from the order of a group that the task has left."""
        return task in self.rows and not self.rows[task][g] > -np.inf

    def active(self) -> list[int]:
        """Groups that can be asked, none of whom is outdone by another."""
        found: list[int] = np.flatnonzero(self.front(self.pools.some)).tolist()
        return found

    def begin(self) -> None:
        """Put the groups that can be asked now in their order."""
        for g in self.active():
            if self.heads[g] is None:
                self.heads[g] = self.start(g)
                self.next_head(g)

    def start(self, g: int) -> _Head:
        tight = bool(self.right[g] <= self.lowest)
        bound = self.upper if tight else self.most
        left = np.ones(len(self.tasks), np.bool_)
        left[np.fromiter(self.rows, np.int64, len(self.rows))] = False
        open_ = self.open[left[self.open]]
        # Where some of the values are known, most of the order is as it was.
        self.open = some = open_[np.argsort(-bound[open_], kind="stable")]
        channel, learn = self.channels[g], bool(self.comparable and np.isfinite(self.right[g]))

        def value(some: NDArray[np.int64]) -> NDArray[np.float64]:
            found = self.policy.first(self.tasks, some, channel) / self.times[some]
            if learn:
                self.upper[some] = found
            return found

        def seconds(some: NDArray[np.int64]) -> NDArray[np.float64]:
            here = np.array(self.active(), np.int64)
            found = np.full((len(self.weight), len(some)), np.nan)
            if here.size:
                values = self.policy.second(self.tasks, some, channel, self.channels[here])
                found[here] = values / (self.weight[here, None] * self.times[some])
            return found

        if learn:
            self.lowest = min(self.lowest, float(self.right[g]))
        cells = len(self.weight) * self.tasks.width * max(channel.shape[-1], 1)
        return _Head(ranked(value, some, bound[some]), seconds, max(1, AHEAD // cells))

    def next_head(self, g: int) -> None:
        head = self.heads[g]
        while head is not None and self.pools.some[g]:
            following = head.next()
            if following is None or following[0] * self.times[following[1]] <= self.least:
                self.heads[g] = None if following is None else head
                return
            if following[1] not in self.rows:
                heappush(self.heap, (-following[0] / float(self.weight[g]), following[1], g, 0))
                return

    def fail(self, task: int, g: int, pending: int) -> None:
        """Nobody of a group can be asked about a task."""
        if pending == 0:
            self.next_head(g)
        if self.pools.some[g] or pending:
            if task not in self.rows:
                self.know(task, np.full(len(self.weight), np.nan))
            self.rows[task][g] = -np.inf
            self.push_best(task, pending)
        if not self.pools.some[g]:
            self.begin()

    def go_on(self, task: int, g: int, pending: int) -> None:
        """Look for who is next after a pick."""
        head = self.heads[g]
        if self.answers is not None and self.tasks.n_answers[task] + pending + 1 >= self.answers:
            self.rows[task] = np.full(len(self.weight), -np.inf)
        elif pending == 0 and head is not None and task not in self.rows:
            left = int(min(self.pools.left / self.cheapest, len(self.open)))
            row, best, value = head.second(task, left, self.asked)
            self.know(task, row)
            if not self.pools.some[best] or self.rows[task][best] == -np.inf:
                self.push_best(task, 1)
            elif value * self.weight[best] * self.times[task] > self.least:
                heappush(self.heap, (-value, task, best, 1))
        else:
            self.know(task, np.full(len(self.weight), np.nan))
            value = self.policy.most_again(self.tasks, task, pending + 1, self.state(task))
            if value > self.least:
                cost = float(self.weight.min() * self.times[task])
                heappush(self.heap, (-value / cost, task, UNKNOWN, pending + 1))
        if pending == 0:
            self.next_head(g)
        if not self.pools.some[g]:
            self.begin()

    def push_best(self, task: int, pending: int) -> None:
        """Put the best pair of a task in the heap; values that are not known may be needed."""
        row = self.rows[task]
        usable = self.pools.some & (row != -np.inf)
        unknown = np.flatnonzero(self.front(usable) & np.isnan(row))
        if unknown.size:
            values = self.policy.again(
                self.tasks, task, pending, self.state(task), self.channels[unknown]
            )
            row[unknown] = values / (self.weight[unknown] * self.times[task])
        known = np.where(usable & ~np.isnan(row), row, -np.inf)
        g = int(known.argmax())
        best = float(known[g])
        if best > -np.inf and best * self.weight[g] * self.times[task] > self.least:
            heappush(self.heap, (-best, task, g, pending))

    def know(self, task: int, row: NDArray[np.float64]) -> None:
        """Note values of a task, and at once all groups of which nobody can be asked about it."""
        nobody = self.pools.nobody(task, self.asked.get(task, ()))
        if nobody is not None:
            row[nobody] = -np.inf
        self.rows[task] = row

    def state(self, task: int) -> NDArray[np.float64]:
        """Outcomes of the answers that are pending on a task."""
        if not self.policy.by_worker:
            return np.empty((0, 0))
        asked = self.asked.get(task, [])
        n, outcomes = self.states.get(task, (0, None))
        if outcomes is None:
            outcomes = self.tasks.posterior(np.array([task]))
        for worker in asked[n:]:
            outcomes = after(outcomes, self.crowd.channel(worker))
        self.states[task] = len(asked), outcomes
        return outcomes


class _Front:
    """Which groups none outdoes: of workers no dearer and no worse, where they can be compared.

    Of groups that are the same the first counts.
    """

    def __init__(
        self, cost: NDArray[np.float64], right: NDArray[np.float64], *, comparable: bool
    ) -> None:
        self._comparable = comparable and bool(np.isfinite(right).any())
        self._order = np.lexsort((-right, cost))
        self._right = right[self._order]

    def __call__(self, some: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Those of some groups whom none of them outdoes."""
        if not self._comparable:
            return some
        # All who can outdo a group come before it, and one of them does if the best does.
        here = some[self._order]
        skilled = np.where(here & np.isfinite(self._right), self._right, -np.inf)
        before = np.concatenate(([-np.inf], np.maximum.accumulate(skilled)[:-1]))
        front = np.empty_like(some)
        front[self._order] = here & ~((before >= self._right) & (before > -np.inf))
        return front
