"""Campaigns of several policies and seeds on the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from peerannot._options import check
from peerannot._progress import Progress, silent
from peerannot.aggregation import Strategy
from peerannot.aggregation import build as build_strategy
from peerannot.allocation import Policy, Stop, build, check_probabilities
from peerannot.answers import Answers, gold_classes
from peerannot.errors import DataError, ParameterError
from peerannot.replay.campaign import Pool, Run, campaign
from peerannot.replay.outcome import Replay

__all__ = ["replay"]

BASELINE = "uniform"
ROUNDS = 40  # by default


def replay(
    answers: Answers,
    truth: Any,
    policies: Sequence[str | Policy] = ("mutual-information",),
    *,
    strategy: str | Strategy = "one-coin",
    seeds: int = 5,
    start: int = 2,
    batch: int | None = None,
    stop: Stop | Mapping[str, Any] | None = None,
    tolerance: float = 0.0,
    probabilities: Any = None,
    progress: Progress = silent,
) -> Replay:
    """Replay campaigns: begin without answers, ask for some that exist, fit, and so on to the last.

    Parameters
    ----------
    answers
        All answers that can be asked for; of several of a worker to a task the last.
    truth
        Known labels, of all tasks or of some, see `peerannot.answers.gold_classes`.
    policies
        Names or policies. ``uniform`` is added where it is not among them.
    strategy
        Fitted after each round, to what was asked until then alone.
    seeds
        Campaigns of each policy; those of the same seed begin with the same answers.
    start
        Answers to each task, drawn at random, before the policy chooses: with one answer a task no
        strategy can tell workers apart.
    batch
        Answers a round; by default a fortieth of all.
    stop
        When a task is done, see `peerannot.allocation.Stop`. Once all are, this is noted, and the
        campaign goes on without rules, so that every curve ends at all answers.
    tolerance
        How much less accuracy than that of all answers counts as the same.
    probabilities
        What classifiers say of all tasks, (n_tasks, n_classes) or (n_models, n_tasks, n_classes),
        for the policies that need it. It stays as it is from the first round on, so a classifier
        trained on these answers tells policies of answers that they have not asked for.

    Raises
    ------
    ParameterError
        A number is out of its range, a policy is unknown, twice there, or does not go with the
        strategy.
    DataError
        No task with truth has answers, or there are no more answers than ``start`` a task.

    Notes
    -----
    Policies see what was asked alone, and choose among pairs that have an answer, so a policy that
    would ask the best worker everything cannot: savings are less than they would be with workers
    who answer whatever they are asked, and workers of few answers stay unknown. Cost: a fit and a
    plan a round; 40 rounds x seeds x policies in all.
    """
    for name, value, least in (("seeds", seeds, 1), ("start", start, 1), ("batch", batch, 1)):
        if value is not None and (isinstance(value, bool) or int(value) != value or value < least):
            raise ParameterError(f"{name} must be a whole number of at least {least}, not {value}")
    if not 0 <= tolerance < 1:
        raise ParameterError(f"tolerance must be at least 0 and below 1, not {tolerance}")
    rule = build_strategy(strategy) if isinstance(strategy, str) else strategy
    rules, stops = _policies(policies), Stop.of(stop)
    for policy in rules:
        policy.need_skills(rule.name, there=rule.estimates_skill)
        if "probabilities" in policy.needs and probabilities is None:
            raise ParameterError(
                f"{policy.name} needs what a classifier says of the tasks (probabilities,"
                " --probabilities FILE), out of sample"
            )
    if probabilities is not None:
        if not any("probabilities" in policy.needs for policy in rules):
            raise ParameterError("probabilities are of use to the policy activelab alone; add it")
        shape = (answers.n_tasks, answers.n_classes)
        probabilities = check_probabilities(probabilities, shape, answers.tasks)
    known = gold_classes(answers, truth)
    there = (known[:, 0] >= 0) & (answers.answers_per_task > 0)
    if not there.any():
        raise DataError("truth: no task that has answers has a known label")
    pool = Pool(answers, np.where(there[:, None], known, -1).astype(np.int32), probabilities)
    n_first = int(np.minimum(pool.answers.answers_per_task, start).sum())
    if n_first == len(pool):
        raise DataError(
            f"answers: no task has more than {start}, with which a replay starts; there is nothing"
            " to choose" + ("" if start == 1 else ", give fewer to start with (--start)")
        )
    accuracy, _ = pool.judge(pool.fit(rule, np.ones(len(pool), np.bool_))[1])
    size = batch or max(1, len(pool) // ROUNDS)
    runs: list[Run] = []
    total = len(rules) * seeds
    for policy in rules:
        for seed in range(seeds):
            progress(len(runs), total, policy.name)
            runs.append(campaign(pool, rule, policy, seed, batch=size, start=start, stop=stops))
    progress(total, total)
    return Replay(
        rule.name, len(pool), answers.n_tasks, int(there.sum()), start, size, accuracy, tolerance,
        tuple(runs),
    )  # fmt: skip


def _policies(given: Sequence[str | Policy]) -> list[Policy]:
    if isinstance(given, str):
        raise ParameterError(f"policies must be a list, not {given!r}")
    rules = [build(one) if isinstance(one, str) else one for one in given]
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"policies: {name} is there twice; a replay has each once")
    if BASELINE not in names:
        rules.append(build(BASELINE))
    for rule in rules:
        check(rule)
    return rules
