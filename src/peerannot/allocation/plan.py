"""Which task to ask whom about next, and which tasks are done."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from peerannot._options import check
from peerannot._progress import Progress, silent
from peerannot.aggregation import Result
from peerannot.aggregation.origin import build_frame
from peerannot.allocation.base import GainPolicy, Policy, Tasks
from peerannot.allocation.crowd import Crowd
from peerannot.allocation.greedy import Pick, allocate
from peerannot.allocation.hopeless import log_chance
from peerannot.allocation.pairs import Pairs, mask_of
from peerannot.allocation.registry import build
from peerannot.allocation.stop import Stop
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Asking", "Plan", "next_tasks", "plan"]


class Asking(TypedDict, total=False):
    """What `plan` and `next_tasks` take by name.

    Attributes
    ----------
    answers : Answers
        Who answered what: nobody is asked a second time. Without it, and without a mask, pairs
        may be asked that have an answer.
    per_worker : int
        Most answers to ask of each worker.
    mask : bool array (n_tasks, n_workers) or sparse
        Pairs that are allowed, in order of the result's tasks and of ``workers``: the annotators
        of skactiveml. Pairs that have an answer are left out of it.
    policy : str or Policy
        By default ``"mutual-information"``.
    stop : Stop or mapping
        When a task is done, see `Stop`.
    progress : Progress
        Told the pairs that are chosen.
    """

    answers: Answers | None
    per_worker: int | None
    mask: Any
    policy: str | Policy
    stop: Stop | Mapping[str, Any] | None
    progress: Progress


@dataclass(frozen=True, eq=False)
class Plan:
    """Pairs to ask, in order, and tasks that are done.

    Attributes
    ----------
    policy : Policy
    result : Result
    crowd : Crowd
    picks : list of Pick
    done : int64 array (n_tasks,)
        Why each task is done, a position in ``why``; 0 where it is open.
    why : tuple of str
    """

    policy: Policy
    result: Result
    crowd: Crowd
    picks: list[Pick]
    done: NDArray[np.int64]
    why: tuple[str, ...]

    @property
    def spent(self) -> float:
        """Sum of the costs of the answers to ask for."""
        return float(sum(self.crowd.cost[pick.worker] for pick in self.picks))

    def table(self) -> dict[str, Any]:
        """Columns task, worker, gain (in the policy's unit; None where it has none), cost, reason,
        in the order in which to ask."""
        tasks = Tasks(self.result)
        return {
            "task": [self.result.tasks[pick.task] for pick in self.picks],
            "worker": [self.crowd.ids[pick.worker] for pick in self.picks],
            "gain": [pick.gain for pick in self.picks],
            "cost": [float(self.crowd.cost[pick.worker]) for pick in self.picks],
            "reason": [self._reason(tasks, pick) for pick in self.picks],
        }

    def done_table(self) -> dict[str, Any]:
        """Columns task and reason of the tasks that are done."""
        at = np.flatnonzero(self.done)
        return {
            "task": list(self.result.tasks.take(at)),
            "reason": [self.why[code] for code in self.done[at]],
        }

    def done_counts(self) -> dict[str, int]:
        """Number of tasks that are done by reason; reasons of none are left out."""
        counts = np.bincount(self.done, minlength=len(self.why)).tolist()
        pairs = zip(self.why[1:], counts[1:], strict=True)
        return {reason: n for reason, n in pairs if n}

    def _reason(self, tasks: Tasks, pick: Pick) -> str:
        text = self.policy.reason(tasks, pick.task, pick.pending)
        if pick.pending:
            text += f", {pick.pending} more asked"
        if not self.policy.by_worker:
            return text
        skill = self.crowd.skill(pick.worker)
        return text + (", worker new" if skill is None else f", worker {skill:.2f} right")


def next_tasks(
    result: Result,
    budget: float,
    workers: Iterable[Any] | None = None,
    cost: Any = None,
    **asking: Unpack[Asking],
) -> Any:
    """Which task to ask whom about next: the table of a `plan` as a frame.

    Parameters and errors are those of `plan`. The frame is of the library that was fitted, else
    of Polars.

    Examples
    --------
    >>> from peerannot import Answers
    >>> from peerannot.aggregation import OneCoin
    >>> votes = {"a": {"ann": 0, "bob": 1}, "b": {"ann": 1, "bob": 1, "eve": 1}}
    >>> answers = Answers.from_mapping(votes, classes=2)
    >>> next_tasks(OneCoin().fit(answers), 1, ["eve"], answers=answers)["task"].to_list()
    ['a']
    """
    table = plan(result, budget, workers, cost, **asking).table()
    return build_frame(table, None, result.origin)


def plan(
    result: Result,
    budget: float,
    workers: Iterable[Any] | None = None,
    cost: Any = None,
    *,
    answers: Answers | None = None,
    per_worker: int | None = None,
    mask: Any = None,
    policy: str | Policy = "mutual-information",
    stop: Stop | Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Plan:
    """Choose tasks and workers, the pair of the largest gain per cost first.

    Parameters
    ----------
    result
        What is known now.
    budget
        Number of answers to ask for; with ``cost``, the sum of costs.
    workers
        Who can be asked: ids, also of workers who have never answered; None for all of the result.
        One alone: what should this worker do now?
    cost
        Cost of an answer: by worker id, one number for each of ``workers``, or of all.
    answers, per_worker, mask, policy, stop, progress
        See `Asking`.

    Raises
    ------
    ParameterError
        ``budget`` or another option is out of range, or the policy needs skills of workers that
        the strategy does not estimate.
    DataError
        ``answers``, ``mask``, ``workers`` or ``cost`` do not fit the result.

    Notes
    -----
    Each pair is chosen given those before it, so a batch does not have the same gain twice; what
    the pending answers will be is averaged over. With more than some workers (tasks x classes x
    workers over 33 million) they are compared in 16 groups of like skill and cost. Cost: values
    of the tasks that may be among the best, 16 times at most over all; see
    `peerannot.allocation.greedy.allocate`.
    """
    rule = build(policy) if isinstance(policy, str) else policy
    check(rule)
    budget = _budget(budget)
    stops = Stop.of(stop)
    crowd = Crowd(result, workers, cost, per_worker)
    if rule.by_worker:
        crowd.need_skills(rule.name)
    if isinstance(rule, GainPolicy) and type(rule).skills is not GainPolicy.skills:
        crowd.reckon(rule)
    narrow = rule.by_worker and crowd.coins and not isinstance(result.posterior, np.ndarray)
    tasks = Tasks(result, answers, narrow=narrow)
    if narrow:
        crowd.narrow(tasks.width)
    everything = np.arange(len(tasks))
    most = rule.most(tasks, everything)
    pairs = _pairs(answers, result, crowd, mask)
    gains = most if isinstance(rule, GainPolicy) else None
    chance = None
    if stops.hopeless is not None:
        if answers is None:
            raise ParameterError("stop: hopeless looks at the answers; give answers=")
        chance = log_chance(result, answers)
    done, why = stops.reasons(tasks, gains, pairs.left <= 0, chance)
    open_ = np.flatnonzero(done == 0)
    picks = allocate(
        rule, tasks, crowd, open_, most[open_], pairs, budget=budget,
        answers=stops.answers, gain=stops.gain, progress=progress,
    )  # fmt: skip
    return Plan(rule, result, crowd, picks, done, why)


def _budget(budget: Any) -> float:
    if isinstance(budget, bool) or not isinstance(budget, int | float | np.integer | np.floating):
        raise ParameterError(f"budget must be a number of answers, not {budget!r}")
    if not (math.isfinite(budget) and budget > 0):
        raise ParameterError(
            f"budget must be above 0 and finite, not {budget:g}: it is the number of answers to"
            " ask for, or what they may cost"
        )
    return float(budget)


def _pairs(answers: Answers | None, result: Result, crowd: Crowd, mask: Any) -> Pairs:
    """Who may be asked about which task."""
    if answers is not None and answers.tasks != result.tasks:
        raise DataError("answers: not those of the result, their tasks differ")
    if answers is None and mask is None:
        warnings.warn(
            "who answered what is not known: give answers=, else workers may be asked again",
            DataWarning,
            stacklevel=3,
        )
    n, w = len(result.tasks), len(crowd)
    place = crowd.ids.codes([] if answers is None else list(answers.workers))
    return Pairs(n, w, answers, place, mask_of(mask, n, w, "mask"))
