"""What every policy of what to label next promises."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import DawidSkene, OneCoin, Result
from peerannot.allocation import GainPolicy, Plan, Policy, plan
from peerannot.allocation.base import Tasks
from peerannot.allocation.skills import coins
from peerannot.allocation.stop import NEVER
from peerannot.answers import Answers
from peerannot.checks.check import must
from peerannot.checks.crowds import crowd
from peerannot.checks.options import must_refuse_bad_options
from peerannot.errors import ConvergenceWarning, DataWarning

__all__ = ["PROMISES"]

PROMISES: dict[str, Callable[[type[Policy]], None]] = {}
"""Each check by its name; its docstring says what is asked."""

HAIR = 1e-9


def promise(function: Callable[[type[Policy]], None]) -> Callable[[type[Policy]], None]:
    PROMISES[function.__name__] = function
    return function


def _fit(answers: Answers, rule: Any = None) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: Result = (rule or DawidSkene(max_iter=5)).fit(answers)
        return found


def _needed(cls: type[Policy], answers: Answers) -> dict[str, Any]:
    """What `plan` must be given for a policy."""
    given: dict[str, Any] = {"answers": answers, "stop": NEVER}
    if "probabilities" in cls.needs:
        shape = answers.n_classes, answers.n_tasks
        given["probabilities"] = np.random.default_rng(0).dirichlet(np.ones(shape[0]), shape[1])
    return given


def _plan(cls: type[Policy], answers: Answers, budget: float, **given: Any) -> Plan:
    result = given.pop("result", None) or _fit(answers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        asked = {**_needed(cls, answers), "policy": cls(), **given}
        return plan(result, budget, **asked)


def _tasks(cls: type[Policy], answers: Answers) -> Tasks:
    given = _needed(cls, answers).get("probabilities")
    return Tasks(_fit(answers), answers, None if given is None else given[None])


def _channels(k: int) -> NDArray[np.float64]:
    """Of workers who err alike, of random ones, and of one who knows."""
    rng = np.random.default_rng(1)
    random = rng.dirichlet(np.ones(k), (3, k))
    return np.concatenate((coins(np.array([0.5, 0.8]), k, k), random, coins(np.ones(1), k, k)))


def _beliefs(k: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(2)
    sure = np.eye(k)[:1]
    return np.concatenate((rng.dirichlet(np.ones(k), 20), sure, np.full((1, k), 1 / k)))


@promise
def has_values_within_their_bounds(cls: type[Policy]) -> None:
    """Values are finite, one for each task, whatever the others are; `most` is not exceeded."""
    for k in (1, 2, 4):
        answers, _ = crowd(30, n_classes=k)
        tasks, policy = _tasks(cls, answers), cls()
        at = np.arange(len(tasks))
        most = policy.most(tasks, at)
        must(most.shape == (30,), f"most has shape {most.shape}, not (30,)")
        for channel in _channels(k):
            first = policy.first(tasks, at, channel)
            must(first.shape == (30,), f"first has shape {first.shape}, not (30,)")
            must(np.isfinite(first).all(), "a value is not finite")
            must((first <= most + HAIR).all(), "a value is above what `most` says")
            must(np.allclose(policy.first(tasks, at[::3], channel), first[::3]),
                 "the value of a task depends on the others that are asked about")  # fmt: skip


@promise
def values_more_answers_in_one_way(cls: type[Policy]) -> None:
    """`second` is `again` of many tasks, and `again` does not exceed `most_again`."""
    answers, _ = crowd(12)
    tasks, policy, channels = _tasks(cls, answers), cls(), _channels(3)
    at = np.arange(12)
    second = policy.second(tasks, at, channels[1], channels)
    must(second.shape == (len(channels), 12), f"second has shape {second.shape}")
    for task in at.tolist():
        row = tasks.posterior(at[[task]])
        nothing = policy.again(tasks, task, 0, row, channels[:1])
        first = policy.first(tasks, at[[task]], channels[0])
        must(np.allclose(nothing, first), "again, with nothing pending, is not the first value")
        outcomes = (row[:, None, :] * channels[1].T[None]).reshape(-1, 3)
        again = policy.again(tasks, task, 1, outcomes, channels)
        must(np.allclose(again, second[:, task]), "second and again differ")
        most = policy.most_again(tasks, task, 1, outcomes)
        must((again <= most + HAIR).all(), "a value is above what `most_again` says")


@promise
def has_gains_of_degree_1(cls: type[Policy]) -> None:
    """A gain is not negative, grows with the sum of a row, and is largest of one who knows."""
    if not issubclass(cls, GainPolicy):
        return
    policy = cls()
    for k in (2, 3):
        rows, knows = _beliefs(k), np.eye(k)
        must(np.allclose(policy.gain(rows, knows), policy.perfect(rows), atol=HAIR),
             "perfect is not the gain of one who knows")  # fmt: skip
        for channel in _channels(k):
            value = policy.value(rows, channel)
            must((policy.gain(rows, channel) >= -HAIR).all(), "a gain is negative")
            must(np.allclose(policy.value(0.3 * rows, channel), 0.3 * value, atol=HAIR),
                 "the value of .3 times a row is not .3 times its value")  # fmt: skip
            must((value <= policy.most_value(rows) + HAIR).all(), "a value is above most_value")
        several = policy.gain(rows, _channels(k))
        for one, channel in zip(several, _channels(k), strict=True):
            must(np.allclose(one, policy.gain(rows, channel)), "several workers at once differ")


@promise
def prefers_skill_if_it_says_so(cls: type[Policy]) -> None:
    """With ``by_skill``, no answer of a worker who is right less often has more value."""
    if not (issubclass(cls, GainPolicy) and cls.by_skill):
        return
    policy = cls()
    for k in (2, 3, 5):
        skills = np.linspace(1 / k, 0.99, 15)
        values = policy.value(_beliefs(k), coins(skills, k, k))
        must((np.diff(values, axis=0) >= -HAIR).all(), "a worse worker's answer has more value")


@promise
def asks_whom_it_may(cls: type[Policy]) -> None:
    """Nobody twice or above capacity, only pairs of the mask, and no more than the budget."""
    answers, _ = crowd(20, 6, per_task=3)
    before = set(zip(answers.task.tolist(), answers.worker.tolist(), strict=True))
    mask = np.random.default_rng(3).random((20, 6)) < 0.7
    cost = np.array([1, 2, 1.5, 1, 3, 1.0])
    found = _plan(cls, answers, 25, cost=cost, per_worker=5, mask=mask)
    pairs = [(pick.task, pick.worker) for pick in found.picks]
    must(len(set(pairs)) == len(pairs), "a pair is asked twice")
    must(not set(pairs) & before, "a worker is asked who has answered")
    must(all(mask[pair] for pair in pairs), "a pair outside the mask is asked")
    must(max((sum(w == j for _, w in pairs) for j in range(6)), default=0) <= 5, "above capacity")
    must(found.spent <= 25 + HAIR, f"{found.spent} of 25 are spent")


@promise
def is_deterministic(cls: type[Policy]) -> None:
    """The same answers and options give the same pairs."""
    answers, _ = crowd(20, 6, per_task=2)
    one, two = (_plan(cls, answers, 15).table() for _ in range(2))
    must(one == two, "asked twice, the pairs differ")


@promise
def says_why(cls: type[Policy]) -> None:
    """Each pair has a reason of one line, and a gain if the policy has a unit."""
    answers, _ = crowd(20, 6, per_task=2)
    table = _plan(cls, answers, 15).table()
    must(len(table["task"]) > 0, "nothing is asked of 20 tasks of two answers")
    for reason in table["reason"]:
        must(isinstance(reason, str) and reason.strip(), "a reason is no text")
        must("\n" not in reason, f"a reason of several lines: {reason!r}")
    for gain in table["gain"]:
        must((gain is not None) == bool(cls.unit), f"a gain of {gain} in {cls.unit!r}")


@promise
def takes_odd_crowds(cls: type[Policy]) -> None:
    """Tasks without answers, workers without history, one class, more than 300 classes."""
    rng = np.random.default_rng(4)
    for k in (1, 2, 400):
        answers = Answers.from_arrays(
            np.repeat(np.arange(10), 2), np.tile([0, 1], 10), rng.integers(0, k, 20),
            tasks=map(str, range(14)), workers=["0", "1"], classes=k,
        )  # fmt: skip
        found = _plan(cls, answers, 12, workers=["0", "1", "new"], result=_fit(answers, OneCoin()))
        must(len(found.picks) <= 12, "more is asked than the budget allows")
        must(k == 1 or len(found.picks) > 0, f"nothing is asked of tasks of {k} classes")
    nothing = Answers.from_arrays([], [], [], tasks="abc", workers="xy", classes=3)
    must(len(_plan(cls, nothing, 2, result=_fit(nothing, OneCoin())).picks) <= 2,
         "more is asked than the budget allows")  # fmt: skip


@promise
def survives_pickle(cls: type[Policy]) -> None:
    """A pickled policy is the same."""
    must(pickle.loads(pickle.dumps(cls())) == cls(), "a pickled policy is another one")


@promise
def refuses_options_out_of_range(cls: type[Policy]) -> None:
    """Every option is made with ``option``, and a value that it cannot have is an error."""
    answers, _ = crowd(10, 4)
    must_refuse_bad_options(cls, lambda rule: _plan(cls, answers, 1, policy=rule))


@promise
def is_documented(cls: type[Policy]) -> None:
    """The docstring has every option, when to use the policy, the cost and the source."""
    told = cls.__doc__ or ""
    for word in ("References", "Cost", "When to use"):
        must(word in told, f"the docstring has no {word!r}")
    for option in {f.name for f in fields(cls)}:
        must(option in told, f"the docstring does not tell of {option!r}")
