"""Further answers drawn from the fitted model, asked for by a policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from peerannot.aggregation import Result, Strategy
from peerannot.aggregation.drawing.base import draw_classes
from peerannot.allocation import Policy, plan
from peerannot.allocation.crowd import Crowd
from peerannot.allocation.stop import NEVER
from peerannot.answers import Answers, Ids
from peerannot.budget.curve import Curve

__all__ = ["simulated"]

ROUNDS = 8
PACE = 2  # times their share of the answers so far that workers give at most
LEVEL = 0.95


def simulated(
    answers: Answers,
    result: Result,
    posterior: NDArray[np.float64],
    rule: Strategy,
    policy: Policy,
    most: int,
    seeds: int,
    judge: Callable[[Result, NDArray[np.int64]], float],
) -> Curve:
    """Accuracy as a policy asks for ``most`` further answers of the model.

    Parameters
    ----------
    result
        What the strategy found; it answers by the skills in it.
    posterior
        What the classes of tasks are drawn from: known, calibrated or as they are.
    judge
        Accuracy of a result where the classes are as drawn.

    Notes
    -----
    Nobody gives more than twice their share of the answers so far, so that the best worker does not
    do everything. Where everybody has answered most tasks, each worker has a double of the same
    skill who has answered none.
    """
    paths = np.empty((seeds, ROUNDS + 1))
    for seed in range(seeds):
        asking = policy.seeded(seed)
        paths[seed] = _campaign(answers, result, posterior, rule, asking, most, seed, judge)
    # Of one campaign to come, not of their mean.
    spread = paths.std(0, ddof=1) * (1 + 1 / seeds) ** 0.5
    error = np.asarray(float(stdtrit(seeds - 1, (1 + LEVEL) / 2)) * spread)
    more, mean = np.linspace(0, most, ROUNDS + 1), paths.mean(0)
    return Curve(policy.name, more, mean, mean - error, mean + error)


def _campaign(
    answers: Answers, result: Result, posterior: NDArray[np.float64], rule: Strategy,
    policy: Policy, most: int, seed: int, judge: Callable[[Result, NDArray[np.int64]], float],
) -> NDArray[np.float64]:  # fmt: skip
    rng = np.random.default_rng(seed)
    classes = draw_classes(posterior, rng)
    own, w = list(answers.workers), answers.n_workers
    like = np.arange(w)
    if most > (answers.n_tasks * w - len(answers)) / 2:
        own += [f"{name} (another)" for name in own]
        like = np.tile(like, 2)
    crowd = Crowd(result, list(answers.workers), None, None)
    channel = np.stack([np.cumsum(crowd.channel(j), axis=1) for j in range(w)])
    given = np.tile(answers.answers_per_worker, len(like) // w)
    left = np.ceil(PACE * most * given / max(int(given.sum()), 1)).astype(np.int64)
    now = Answers(
        answers.task, answers.worker, answers.label, answers.tasks, Ids(own), answers.classes,
        answers.weight,
    )  # fmt: skip
    found = result
    path = [judge(result, classes)]
    for i in range(ROUNDS):
        n = most * (i + 1) // ROUNDS - most * i // ROUNDS
        if n:
            pairs = _ask(found, now, n, policy, left, rng)
            np.subtract.at(left, pairs[1], 1)
            above = rng.random((pairs.shape[1], 1)) > channel[like[pairs[1]], classes[pairs[0]]]
            label = np.minimum(above.sum(1), answers.n_classes - 1)
            now = _with(now, pairs, label)
            found = rule.fit(now, init=found if rule.takes_init else None)
        path.append(judge(found, classes))
    return np.array(path)


def _ask(
    found: Result, now: Answers, n: int, policy: Policy, left: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Task and worker of the pairs that a policy asks for, (2, n_pairs)."""
    who = rng.permutation(np.flatnonzero(left > 0))
    if not who.size:
        return np.empty((2, 0), np.int64)
    asked = plan(
        found, n, [now.workers[int(j)] for j in who], answers=now, policy=policy, stop=NEVER,
        per_worker=left[who],
    )  # fmt: skip
    task = [pick.task for pick in asked.picks]
    return np.array([task, who[[pick.worker for pick in asked.picks]].tolist()], np.int64)


def _with(now: Answers, pairs: NDArray[np.int64], label: NDArray[np.int64]) -> Answers:
    weight = None if now.weight is None else np.append(now.weight, np.ones(label.size))
    return Answers.from_codes(
        np.append(now.task, pairs[0]).astype(np.int32),
        np.append(now.worker, pairs[1]).astype(np.int32),
        np.append(now.label, label).astype(np.int32),
        now.tasks, now.workers, now.classes, weight, "all",
    )  # fmt: skip
