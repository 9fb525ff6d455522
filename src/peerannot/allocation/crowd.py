"""Who can be asked: skills, costs and capacities, and groups of workers who are alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.aggregation import Result
from peerannot.allocation.base import GainPolicy
from peerannot.allocation.skills import Skills, skills_of
from peerannot.answers import Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Crowd", "Group", "costs_of"]

LEVELS = 4  # of cost
GROUPS = 16  # of workers, where each for itself would be too many
CELLS = 2**25  # tasks x classes x groups up to which each worker is a group


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
    right : float
        Mean probability of being right, if they err alike in all classes: of two such groups, no
        answer of the one of less is worth more. Infinite where they do not, or are worse than a
        guess; 0 where it does not matter.
    """

    workers: NDArray[np.int64]
    channel: NDArray[np.float64]
    cost: float
    right: float


class Crowd:
    """Workers who can be asked.

    Attributes
    ----------
    ids : Ids
    cost : float64 array (n_workers,)
    capacity : int64 array (n_workers,)
        Most answers to ask of each.
    n_answers : int64 array (n_workers,)
        Answers that each has given, 0 without history.

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
        Most answers to ask of each: of all, by worker id, or one for each in order; None for any
        number.

    Raises
    ------
    DataError
        There is nobody, somebody twice, or a cost or a capacity is missing or out of its range.
    ParameterError
        ``per_worker`` of all is below 1.
    """

    def __init__(
        self, result: Result, workers: Iterable[Any] | None, cost: Any, per_worker: Any
    ) -> None:
        if isinstance(workers, str):
            raise ParameterError(f"workers must be a list of ids, not {workers!r}")
        names = list(result.workers) if workers is None else [str(w) for w in workers]
        if not names:
            raise DataError("workers: there is nobody to ask")
        if len(set(names)) < len(names):
            seen: set[str] = set()
            twice = next(w for w in names if w in seen or seen.add(w))  # type: ignore[func-returns-value]
            raise DataError(f"workers: {twice!r} is there twice; each has one row")
        self.ids = Ids(names)
        self.cost = costs_of(cost, names, "worker")
        self.capacity = _capacities(per_worker, names)
        self._result = result
        at = result.workers.codes(names).astype(np.int64)
        n = result.worker_answers[np.maximum(at, 0)] if len(result.workers) else np.zeros(len(at))
        self.n_answers = np.where(at >= 0, n, 0).astype(np.int64)
        self.known = self.n_answers > 0
        self.has_skills = result.skill is not None or result.confusion is not None
        self._skills: Skills | None = None
        if self.has_skills:
            self._skills = skills_of(result, np.where(self.known, at, -1))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def coins(self) -> bool:
        """Whether all workers err alike in all classes, as far as is known."""
        return self._skills is not None and self._skills.mean is None

    def tell_of_new(self) -> None:
        """Tell who is taken for the mean of all."""
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
        assert self._skills is not None
        own = policy.skills(self._skills.right, self.n_answers, len(self._result.classes))
        if own is not None:
            self._skills = self._skills.drawn(own)

    def narrow(self, width: int) -> None:
        """Have confusion matrices of so many classes, see `Skills.channel`."""
        assert self._skills is not None
        self._skills = replace(self._skills, width=width)

    def skill(self, worker: int) -> float | None:
        """Probability that a worker is right, the mean over classes; None where nothing is known
        of the worker."""
        if self._skills is None or not self.known[worker]:
            return None
        return float(self._skills.right[worker])

    def channel(self, worker: int) -> NDArray[np.float64]:
        """Confusion matrix of a worker, see `Skills`."""
        assert self._skills is not None
        return self._skills.channel(worker)

    def groups(self, cells: int, *, by_worker: bool) -> list[Group]:
        """Groups of workers: equal in cost, as far as costs are few, and, where it matters, in
        skill. Each worker is one where it matters and ``cells`` times workers are not too many.
        """
        everyone = np.arange(len(self))
        skills = self._skills if by_worker else None
        if skills is not None and len(self) <= max(GROUPS, CELLS // max(cells, 1)):
            channels = skills.channels(everyone)
            return [
                Group(everyone[[j]], channels[j], float(self.cost[j]), self._right(everyone[[j]]))
                for j in range(len(self))
            ]
        levels = np.unique(self.cost)
        if len(levels) > LEVELS:
            levels = np.unique(np.quantile(self.cost, np.arange(LEVELS) / LEVELS))
        level = np.searchsorted(levels, self.cost, side="right")
        found = []
        for one in np.unique(level):
            members = everyone[level == one]
            parts = [members]
            if skills is not None:
                members = members[np.argsort(-skills.right[members], kind="stable")]
                n = min(len(members), GROUPS // len(np.unique(level)))
                parts = np.array_split(members, n)
            for part in parts:
                channel = np.empty((0, 0)) if skills is None else skills.together(part)
                right = 0.0 if skills is None else self._right(part)
                cost = float(self.cost[part].mean())
                found.append(Group(np.sort(part), channel, cost, right))
        return found

    def _right(self, workers: NDArray[np.int64]) -> float:
        """See `Group`."""
        if self._skills is None or not self.coins:
            return np.inf
        mean = float(self._skills.right[workers].mean())
        return mean if mean >= 1 / max(len(self._result.classes), 1) else np.inf


def costs_of(cost: Any, names: Sequence[str], what: str) -> NDArray[np.float64]:
    """Costs of workers or tasks (``what``): by id, one for each in order, of all, or None for 1.

    Raises
    ------
    DataError
        One is missing, or not above 0.
    """
    costs = _numbers(cost, names, "cost", what, 1.0)
    bad = np.flatnonzero(~(np.isfinite(costs) & (costs > 0)))
    if bad.size:
        j = int(bad[0])
        raise DataError(
            f"cost: that of {what} {names[j]!r} must be above 0 and finite, not {costs[j]:g}"
        )
    return costs


def _capacities(given: Any, names: Sequence[str]) -> NDArray[np.int64]:
    if given is None:
        return np.full(len(names), np.iinfo(np.int64).max)
    if isinstance(given, int | np.integer) and given < 1:
        raise ParameterError(f"per_worker must be at least 1, not {given}")
    most = _numbers(given, names, "per_worker", "worker", np.inf)
    bad = np.flatnonzero(~((most >= 0) & (most == np.floor(most)) & (most < 2**62)))
    if bad.size:
        j = int(bad[0])
        raise DataError(
            f"per_worker: that of worker {names[j]!r} must be a whole number of at least 0,"
            f" not {most[j]:g}"
        )
    return most.astype(np.int64)


def _numbers(
    given: Any, names: Sequence[str], field: str, what: str, default: float
) -> NDArray[np.float64]:
    """A number of each id: by id, one for each in order, or one of all."""
    if given is None:
        return np.full(len(names), default)
    if isinstance(given, Mapping):
        by_id = {str(name): value for name, value in given.items()}
        for name in names:
            if name not in by_id:
                raise DataError(f"{field}: none of {what} {name!r}" + did_you_mean(name, by_id))
        given = [by_id[name] for name in names]
    try:
        numbers = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{field}: expected a number of each {what}") from None
    if numbers.ndim == 0:
        numbers = np.full(len(names), float(numbers))
    if numbers.shape != (len(names),):
        raise DataError(f"{field}: {numbers.size} numbers for {len(names)} {what}s")
    return numbers
