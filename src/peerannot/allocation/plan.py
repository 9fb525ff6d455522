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
from peerannot._text import did_you_mean
from peerannot.aggregation import Result
from peerannot.aggregation.origin import build_frame
from peerannot.allocation.base import GainPolicy, Policy, Tasks
from peerannot.allocation.classifiers import check_probabilities
from peerannot.allocation.crowd import Crowd, costs_of
from peerannot.allocation.greedy import Pick, allocate
from peerannot.allocation.hopeless import log_chance
from peerannot.allocation.pairs import Pairs, mask_of
from peerannot.allocation.probes import give_probes
from peerannot.allocation.registry import build
from peerannot.allocation.stop import Stop
from peerannot.answers import Answers, gold_labels
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Asking", "Plan", "next_tasks", "plan"]

MANY = 64  # classes from which on the likeliest of a task are looked at, where workers err alike


class Asking(TypedDict, total=False):
    """What `plan` and `next_tasks` take by name.

    Attributes
    ----------
    answers : Answers
        Who answered what: nobody is asked a second time. Without it, and without a mask, pairs
        may be asked that have an answer.
    tasks : iterable of str
        Tasks that may be asked, by id: the candidates of skactiveml. By default all of the result,
        also those without any answer.
    task_cost : mapping, numbers or number
        What the cost of an answer is multiplied by: by task id, one for each of ``tasks``, or of
        all.
    per_worker : int, mapping or ints
        Most answers to ask of each worker: of all, by worker id, or one for each of ``workers``.
    mask, forbidden : bool array (n_tasks, n_workers) or sparse
        Pairs that are allowed, and that are not, in order of ``tasks`` and of ``workers``: the
        mask is the boolean annotators of skactiveml. Pairs that have an answer are left out.
    gold : mapping
        Known labels by task, see `peerannot.answers.gold_classes`; it needs the answers. Workers of
        fewer than ``probes`` answers are asked about these tasks first, and about no others
        before they are known; nobody else is asked about them.
    probes : int
        By default 5.
    probabilities : float array (n_tasks, n_classes) or (n_models, n_tasks, n_classes)
        What classifiers say of all tasks of the result, for the policies that need it.
    policy : str or Policy
        By default ``"mutual-information"``.
    stop : Stop or mapping
        When a task is done, see `Stop`.
    progress : Progress
        Told the pairs that are chosen.
    """

    answers: Answers | None
    tasks: Iterable[Any] | None
    task_cost: Any
    per_worker: Any
    mask: Any
    forbidden: Any
    gold: Any
    probes: int
    probabilities: Any
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
    tasks : Tasks
        What was known of the tasks.
    size : float64 array (n_tasks,)
        What the cost of an answer to each task is multiplied by.
    n_candidates : int
        Tasks that might be asked.
    """

    policy: Policy
    result: Result
    crowd: Crowd
    picks: list[Pick]
    done: NDArray[np.int64]
    why: tuple[str, ...]
    tasks: Tasks
    size: NDArray[np.float64]
    n_candidates: int

    @property
    def spent(self) -> float:
        """Sum of the costs of the answers to ask for."""
        return float(sum(map(self._cost, self.picks)))

    def _cost(self, pick: Pick) -> float:
        return float(self.crowd.cost[pick.worker] * self.size[pick.task])

    def table(self) -> dict[str, Any]:
        """Columns task, worker, gain (in the policy's unit; None where it has none), cost, reason,
        in the order in which to ask."""
        return {
            "task": [self.result.tasks[pick.task] for pick in self.picks],
            "worker": [self.crowd.ids[pick.worker] for pick in self.picks],
            "gain": [pick.gain for pick in self.picks],
            "cost": [self._cost(pick) for pick in self.picks],
            "reason": [self._reason(pick) for pick in self.picks],
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

    def _reason(self, pick: Pick) -> str:
        if pick.probe:
            n = int(self.crowd.n_answers[pick.worker])
            return f"label known, worker of {n} answers" if n else "label known, worker new"
        text = self.policy.reason(self.tasks, pick.task, pick.pending)
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
    **asking: Unpack[Asking],
) -> Plan:
    """Choose tasks and workers, the pair of the largest gain per cost first.

    Parameters
    ----------
    result
        What is known now.
    budget
        Number of answers to ask for; with ``cost`` or ``task_cost``, the sum of costs.
    workers
        Who can be asked: ids, also of workers who have never answered; None for all of the result.
        One alone: what should this worker do now?
    cost
        Cost of an answer: by worker id, one number for each of ``workers``, or of all.
    **asking
        See `Asking`.

    Raises
    ------
    ParameterError
        ``budget`` or another option is out of range, or the policy needs what there is not: skills
        of workers, which the strategy does not estimate, answers or probabilities.
    DataError
        ``answers``, ``tasks``, ``mask``, ``workers``, ``gold``, ``probabilities`` or a cost do not
        fit the result.

    Notes
    -----
    Each pair is chosen given those before it, so a batch does not have the same gain twice; what
    the pending answers will be is averaged over. With more than some workers (tasks x classes x
    workers over 33 million) they are compared in 16 groups of like skill and cost. Cost: values
    of the tasks that may be among the best, 16 times at most over all; see
    `peerannot.allocation.greedy.allocate`.
    """
    given = _Asked(**asking)
    rule = build(given.policy) if isinstance(given.policy, str) else given.policy
    check(rule)
    left = _budget(budget)
    stops = Stop.of(given.stop)
    answers = given.answers
    crowd = Crowd(result, workers, cost, given.per_worker)
    rule.need_skills(result.strategy, there=crowd.has_skills)
    if rule.by_worker:
        crowd.tell_of_new()
    if isinstance(rule, GainPolicy) and type(rule).skills is not GainPolicy.skills:
        crowd.reckon(rule)
    if answers is not None and answers.tasks != result.tasks:
        raise DataError("answers: not those of the result, their tasks differ")
    sparse = not isinstance(result.posterior, np.ndarray)
    narrow = rule.by_worker and crowd.coins and (sparse or len(result.classes) > MANY)
    tasks = Tasks(result, answers, _probabilities(rule, given, result), narrow=narrow)
    if narrow:
        crowd.narrow(tasks.width)
    candidates = _candidates(given.tasks, result)
    size = _sizes(given.task_cost, candidates, result)
    pairs = _pairs(given, result, crowd, candidates)
    known = _known(given)
    most = rule.most(tasks, np.arange(len(tasks)))
    chance = None
    if stops.hopeless is not None:
        if answers is None:
            raise ParameterError("stop: hopeless looks at the answers; give answers=")
        chance = log_chance(result, answers)
    done, why = stops.reasons(
        tasks, most if isinstance(rule, GainPolicy) else None, pairs.left <= 0, chance,
        nothing_left=rule.nothing_left,
    )  # fmt: skip
    if known is not None:
        done[known >= 0], why = len(why), (*why, "label known")
    if candidates is not None:
        here = np.zeros(len(tasks), np.bool_)
        here[candidates] = True
        done[~here] = 0
    open_ = np.flatnonzero(done == 0) if candidates is None else np.sort(candidates)
    open_ = open_[done[open_] == 0]
    probes: list[Pick] = []
    if known is not None:
        probes = give_probes(crowd, pairs, known, given.probes, left, size)
        left -= sum(float(crowd.cost[p.worker] * size[p.task]) for p in probes)
        crowd.capacity[np.unique(np.array([p.worker for p in probes], np.int64))] = 0
    picks = allocate(
        rule, tasks, crowd, open_, most[open_], pairs, budget=left, answers=stops.answers,
        gain=stops.gain, size=size, progress=given.progress,
    )  # fmt: skip
    n = len(tasks) if candidates is None else len(candidates)
    return Plan(rule, result, crowd, probes + picks, done, why, tasks, size, n)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """`Asking` with its defaults."""

    answers: Answers | None = None
    tasks: Iterable[Any] | None = None
    task_cost: Any = None
    per_worker: Any = None
    mask: Any = None
    forbidden: Any = None
    gold: Any = None
    probes: int = 5
    probabilities: Any = None
    policy: str | Policy = "mutual-information"
    stop: Stop | Mapping[str, Any] | None = None
    progress: Progress = silent


def _budget(budget: Any) -> float:
    if isinstance(budget, bool) or not isinstance(budget, int | float | np.integer | np.floating):
        raise ParameterError(f"budget must be a number of answers, not {budget!r}")
    if not (math.isfinite(budget) and budget > 0):
        raise ParameterError(
            f"budget must be above 0 and finite, not {budget:g}: it is the number of answers to"
            " ask for, or what they may cost"
        )
    return float(budget)


def _candidates(given: Iterable[Any] | None, result: Result) -> NDArray[np.int64] | None:
    """Positions of the tasks that may be asked, in the order in which they are given."""
    if given is None:
        return None
    if isinstance(given, str):
        raise ParameterError(f"tasks must be a list of ids, not {given!r}")
    names = [str(task) for task in given]
    at = result.tasks.codes(names).astype(np.int64)
    if (at < 0).any():
        lost = names[int(np.flatnonzero(at < 0)[0])]
        raise DataError(
            f"tasks: {lost!r} is none of the result"
            + (did_you_mean(lost, result.tasks) or "; fit answers that have it among their tasks")
        )
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise DataError(f"tasks: {twice!r} is there twice")
    return at


def _sizes(cost: Any, candidates: NDArray[np.int64] | None, result: Result) -> NDArray[np.float64]:
    """What the cost of an answer to each task of the result is multiplied by."""
    if candidates is None:
        return costs_of(cost, result.tasks, "task")
    found = np.ones(len(result.tasks))
    found[candidates] = costs_of(cost, list(result.tasks.take(candidates)), "task")
    return found


def _pairs(
    given: _Asked, result: Result, crowd: Crowd, candidates: NDArray[np.int64] | None
) -> Pairs:
    """Who may be asked about which task."""
    answers = given.answers
    if answers is None and given.mask is None:
        warnings.warn(
            "who answered what is not known: give answers=, else workers may be asked again",
            DataWarning,
            stacklevel=3,
        )
    n, w = len(result.tasks), len(crowd)
    place = crowd.ids.codes([] if answers is None else list(answers.workers))
    rows = n if candidates is None else len(candidates)
    return Pairs(
        n, w, answers, place,
        mask_of(given.mask, rows, w, "mask"), mask_of(given.forbidden, rows, w, "forbidden"),
        candidates,
    )  # fmt: skip


def _known(given: _Asked) -> NDArray[np.int32] | None:
    """Known class of each task, -1 for none; None where none is given."""
    if given.gold is None:
        return None
    if given.answers is None:
        raise ParameterError("gold: which tasks are meant is not known; give answers=")
    if isinstance(given.probes, bool) or not isinstance(given.probes, int) or given.probes < 0:
        raise ParameterError(f"probes must be a number of answers, not {given.probes!r}")
    return gold_labels(given.answers, given.gold)


def _probabilities(rule: Policy, given: _Asked, result: Result) -> NDArray[np.float64] | None:
    wanted = "probabilities" in rule.needs
    if "answers" in rule.needs and given.answers is None:
        raise ParameterError(f"{rule.name} looks at the answers; give answers=")
    if given.probabilities is None and wanted:
        raise ParameterError(
            f"{rule.name} needs what a classifier says of the tasks: probabilities="
            " (--probabilities FILE), or take another policy"
        )
    if given.probabilities is None:
        return None
    if not wanted:
        raise ParameterError(
            f"{rule.name} has no use for probabilities of a classifier; activelab has"
        )
    shape = len(result.tasks), len(result.classes)
    return check_probabilities(given.probabilities, shape, result.tasks)
