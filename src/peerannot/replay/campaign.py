"""One campaign on answers that exist: rounds of asking, fitting and judging."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from peerannot.aggregation import Result, Strategy
from peerannot.allocation import Policy, Stop, plan
from peerannot.allocation.stop import NEVER
from peerannot.answers import Answers, random_places
from peerannot.errors import ConvergenceWarning, DataWarning
from peerannot.selection.metrics import judged

__all__ = ["Pool", "Run", "campaign"]


@dataclass(frozen=True, eq=False)
class Run:
    """What one policy did with one seed, round by round.

    Attributes
    ----------
    policy : str
    seed : int
    asked : int64 array (n_rounds,)
        Answers so far.
    accuracy : float64 array (n_rounds,)
        Share of right labels among the tasks with truth.
    expected : float64 array (n_rounds,)
        Mean probability of the labels of these tasks: the accuracy that the strategy claims.
    stop : int or None
        The round at whose end all tasks were done by the rules; None where they never were.
    """

    policy: str
    seed: int
    asked: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    expected: NDArray[np.float64]
    stop: int | None


class Pool:
    """Answers to ask for: at most one of a worker to a task, the last.

    Parameters
    ----------
    known : int32 array (n_tasks, m)
        Accepted classes of the tasks, -1 for none.
    probabilities : float64 array (n_models, n_tasks, n_classes) or None
        What classifiers say of the tasks.
    """

    def __init__(
        self,
        answers: Answers,
        known: NDArray[np.int32],
        probabilities: NDArray[np.float64] | None = None,
    ) -> None:
        key = answers.task.astype(np.int64) * max(answers.n_workers, 1) + answers.worker
        last = np.append(np.diff(key) > 0, True)[: len(key)]
        self.answers = answers if last.all() else answers.rows(last)
        self.known = known
        self.probabilities = probabilities
        self._key = key[last]

    def __len__(self) -> int:
        return len(self._key)

    def rows(self, task: NDArray[np.int64], worker: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the answers of some pairs are."""
        return np.searchsorted(self._key, task * self.answers.n_workers + worker)

    def first(self, start: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """So many answers to each task, drawn at random."""
        return random_places(self.answers, rng) < start

    def fit(self, rule: Strategy, asked: NDArray[np.bool_]) -> tuple[Answers, Result]:
        """What a strategy makes of some of the answers, as a fit of these alone does.

        A fit that begins where that of fewer answers ended can stay at an optimum which all
        answers would not lead to: on bluebird one-coin then ends at .575, not .722.
        """
        some = self.answers.rows(asked)
        return some, rule.fit(some)

    def judge(self, result: Result) -> tuple[float, float]:
        """Accuracy, and what the strategy says that it is."""
        one = judged(result, self.known)
        return float(one.right.mean()), float(one.confidence.mean())


def campaign(
    pool: Pool, rule: Strategy, policy: Policy, seed: int, *, batch: int, start: int, stop: Stop
) -> Run:
    """Ask from nothing to all answers.

    Notes
    -----
    Once the rules say that all is done, it goes on without them, and where no gain is left, at
    random, so that every curve ends at all answers.
    """
    rng = np.random.default_rng(seed)
    policy = policy.seeded(seed)
    asked = pool.first(start, rng)
    points: list[tuple[int, float, float]] = []
    stopped = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # workers without history are no news here
        warnings.simplefilter("ignore", ConvergenceWarning)
        while True:
            some, result = pool.fit(rule, asked)
            points.append((len(some), *pool.judge(result)))
            if asked.all():
                break
            rows: NDArray[np.int64] = np.empty(0, np.int64)
            if stopped is None:
                rows = _ask(pool, asked, some, result, policy, batch, stop, rng)
                if not rows.size:
                    stopped = len(points) - 1
            if not rows.size:
                rows = _ask(pool, asked, some, result, policy, batch, NEVER, rng)
            if not rows.size:
                left = np.flatnonzero(~asked)
                rows = rng.permutation(left)[:batch]
            asked[rows] = True
    n, accuracy, expected = zip(*points, strict=True)
    return Run(
        policy.name, seed, np.array(n, np.int64), np.array(accuracy), np.array(expected), stopped
    )


def _ask(
    pool: Pool, asked: NDArray[np.bool_], some: Answers, result: Result, policy: Policy,
    batch: int, stop: Stop, rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Rows of the answers that a policy asks for; workers of equal value in random order."""
    answers = pool.answers
    order = rng.permutation(answers.n_workers)
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    left = np.flatnonzero(~asked)
    cells: Any = (answers.task[left], place[answers.worker[left]])
    mask = csr_array(
        (np.ones(left.size, np.bool_), cells), shape=(answers.n_tasks, answers.n_workers)
    )
    found = plan(
        result, batch, [answers.workers[int(j)] for j in order], answers=some, mask=mask,
        policy=policy, stop=stop,
        probabilities=pool.probabilities if "probabilities" in policy.needs else None,
    )  # fmt: skip
    task = np.array([pick.task for pick in found.picks], np.int64)
    worker = np.array([pick.worker for pick in found.picks], np.int64)
    return pool.rows(task, order[worker])
