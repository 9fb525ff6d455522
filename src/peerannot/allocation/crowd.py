"""Who can be asked: skills, costs and capacities, and groups of workers who are alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.aggregation import Result
from peerannot.allocation.base import GainPolicy
from peerannot.answers import Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Crowd", "Group"]

LEVELS = 4  # of cost
GROUPS = 16  # of workers, where each for itself would be too many
CELLS = 2**25  # tasks x classes x groups up to which each worker is a group
BLOCK = 2**20  # cells of confusion matrices at a time
SURE = 1e-6  # nobody is never wrong


@dataclass(frozen=True, eq=False)
class Group:
    """Workers who are taken to be alike while the best are looked for.

    Attributes
    ----------
    workers : int64 array
        Positions in the crowd.
    channel : float64 array (n_classes, n_classes)
        Mean of their confusion matrices.
    cost : float
        Mean of their costs.
    """

    workers: NDArray[np.int64]
    channel: NDArray[np.float64]
    cost: float


class Crowd:
    """Workers who can be asked.

    Parameters
    ----------
    result
        What is known of workers.
    workers
        Ids of those who can be asked, also of some who have never answered; None for all of the
        result.
    cost
        Cost of an answer by worker id, of all, or one for each in order; None for 1.
    per_worker
        Most answers to ask of each; None for any number.

    Raises
    ------
    DataError
        There is nobody, somebody twice, or a cost is missing or not above 0.
    ParameterError
        ``per_worker`` is below 1.
    """

    def __init__(
        self, result: Result, workers: Iterable[Any] | None, cost: Any, per_worker: int | None
    ) -> None:
        if isinstance(workers, str):
            raise ParameterError(f"workers must be a list of ids, not {workers!r}")
        names = list(result.workers) if workers is None else [str(w) for w in workers]
        self.ids = Ids(names)
        if not names:
            raise DataError("workers: there is nobody to ask")
        if len(set(names)) < len(names):
            seen: set[str] = set()
            twice = next(w for w in names if w in seen or seen.add(w))  # type: ignore[func-returns-value]
            raise DataError(f"workers: {twice!r} is there twice; each has one row")
        if per_worker is not None and per_worker < 1:
            raise ParameterError(f"per_worker must be at least 1, not {per_worker}")
        self.cost = _costs(cost, names)
        self.capacity = np.full(
            len(names), np.iinfo(np.int64).max if per_worker is None else per_worker
        )
        self._result = result
        self._at = result.workers.codes(names).astype(np.int64)
        at = np.maximum(self._at, 0)
        self.known = (self._at >= 0) & (
            result.worker_answers[at] > 0 if len(result.workers) else False
        )
        self._skills: NDArray[np.float64] | None = None  # that a policy reckons with
        self.has_skills = result.skill is not None or result.confusion is not None

    def __len__(self) -> int:
        return len(self.ids)

    def need_skills(self, policy: str) -> None:
        """Refuse a strategy without skills, and tell who is taken for the mean of all.

        Raises
        ------
        ParameterError
        """
        if not self.has_skills:
            raise ParameterError(
                f"{policy} needs skills of workers, which {self._result.strategy} does not"
                " estimate; take a strategy that does (one-coin, DS), or the policy entropy"
            )
        new = [self.ids[int(j)] for j in np.flatnonzero(~self.known)[:6]]
        if new:
            n = int((~self.known).sum())
            warnings.warn(
                f"{n:,} worker{'s' * (n > 1)} without history ({few(new)}): taken to be as skilled"
                " as the mean of the others",
                DataWarning,
                stacklevel=3,
            )

    def reckon(self, policy: GainPolicy) -> None:
        """Take the skills that a policy reckons with, where it has its own."""
        n = np.where(self.known, self._result.worker_answers[np.maximum(self._at, 0)], 0)
        skill = np.array([np.diag(self.channel(j)).mean() for j in range(len(self))])
        self._skills = policy.skills(skill, n, len(self._result.classes))

    def skill(self, worker: int) -> float | None:
        """Probability that a worker is right, the mean over classes; None where nothing is known
        of the worker."""
        if not self.has_skills or not self.known[worker]:
            return None
        return float(np.diag(self.channel(worker)).mean())

    def channel(self, worker: int) -> NDArray[np.float64]:
        """Confusion matrix of a worker, as if each class had one more answer of the mean worker:
        nobody is never wrong because of three answers. Rows sum to 1, no cell is 0."""
        if self._skills is not None:
            one = _of_skills(self._skills[worker : worker + 1], len(self._result.classes))
            return np.asarray(one[0])
        if not self.known[worker]:
            return self._mean
        at = int(self._at[worker])
        k = len(self._mean)
        n = float(self._result.worker_answers[at]) / k
        return np.asarray(
            (n * _matrices(self._result, slice(at, at + 1))[0] + self._mean) / (n + 1)
        )

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        """Confusion matrix of all workers of the result, by their answers; uniform where nobody
        has any."""
        k, n = len(self._result.classes), self._result.worker_answers
        if not n.sum():
            return np.full((k, k), 1.0 / k)
        total = np.zeros((k, k))
        size = max(1, BLOCK // k**2)
        for i in range(0, len(n), size):
            part = slice(i, i + size)
            total += np.tensordot(n[part].astype(np.float64), _matrices(self._result, part), 1)
        return np.asarray(total / n.sum())

    def groups(self, cells: int, *, by_worker: bool) -> list[Group]:
        """Groups of workers: equal in cost, as far as costs are few, and, where it matters, in
        skill. Each worker is one where it matters and ``cells`` times workers are not too many.
        """
        everyone = np.arange(len(self))
        if by_worker and len(self) <= max(GROUPS, CELLS // max(cells, 1)):
            return [
                Group(everyone[[j]], self.channel(j), float(self.cost[j])) for j in range(len(self))
            ]
        levels = np.unique(self.cost)
        if len(levels) > LEVELS:
            levels = np.unique(np.quantile(self.cost, np.arange(LEVELS) / LEVELS))
        level = np.searchsorted(levels, self.cost, side="right")
        found = []
        for one in np.unique(level):
            members = everyone[level == one]
            parts = [members]
            if by_worker:
                skills = np.array([np.diag(self.channel(int(j))).mean() for j in members])
                members = members[np.argsort(-skills, kind="stable")]
                n = min(len(members), GROUPS // len(np.unique(level)))
                parts = np.array_split(members, n)
            for part in parts:
                channel = np.empty((0, 0))
                if by_worker:
                    channel = sum((self.channel(int(j)) for j in part), np.zeros_like(self._mean))
                    channel = channel / len(part)
                found.append(Group(np.sort(part), channel, float(self.cost[part].mean())))
        return found


def _matrices(result: Result, at: slice) -> NDArray[np.float64]:
    """Confusion matrices of workers of a result, (n, n_classes, n_classes)."""
    k = len(result.classes)
    if result.confusion is not None:
        matrices = np.maximum(np.asarray(result.confusion[at], np.float64), SURE)
    else:
        assert result.skill is not None
        matrices = _of_skills(result.skill[at], k)
    return np.asarray(matrices / matrices.sum(2, keepdims=True))


def _of_skills(skill: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Confusion matrices of workers who err alike in all classes."""
    right = np.clip(np.asarray(skill, np.float64), SURE, 1 - SURE)
    wrong = (1 - right) / max(k - 1, 1)
    eye = np.eye(k)
    return np.asarray(right[:, None, None] * eye + wrong[:, None, None] * (1 - eye))


def _costs(cost: Any, names: list[str]) -> NDArray[np.float64]:
    if cost is None:
        return np.ones(len(names))
    if isinstance(cost, Mapping):
        by_id = {str(worker): value for worker, value in cost.items()}
        for worker in names:
            if worker not in by_id:
                raise DataError(f"cost: none of worker {worker!r}" + did_you_mean(worker, by_id))
        cost = [by_id[worker] for worker in names]
    try:
        costs = np.asarray(cost, np.float64)
    except (TypeError, ValueError):
        raise DataError("cost: expected a number of each worker") from None
    if costs.ndim == 0:
        costs = np.full(len(names), float(costs))
    if costs.shape != (len(names),):
        raise DataError(f"cost: {costs.size} numbers for {len(names)} workers")
    bad = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if bad.size:
        j = int(bad[0])
        raise DataError(
            f"cost: that of worker {names[j]!r} must be above 0 and finite, not {costs[j]:g}"
        )
    return costs
