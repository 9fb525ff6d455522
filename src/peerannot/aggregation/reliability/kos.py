"""KOS: message passing between tasks and workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.passes.signed_votes import signed_vote_fit
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.answers import Answers

__all__ = ["KOS"]


@STRATEGIES.register("kos")
@dataclass(frozen=True, kw_only=True)
class KOS(Strategy):
    r"""Karger, Oh and Shah's iterative algorithm, for any number of classes.

    Messages on the edges (an edge is an answer), with :math:`A_{ij} = \pm 1` for two classes:

    .. math::
        x_{i \to j} = \sum_{j' \neq j} A_{ij'} y_{j' \to i}, \qquad
        y_{j \to i} = \sum_{i' \neq i} A_{i'j} x_{i' \to j}, \qquad
        \hat z_i = \mathrm{sign} \sum_j A_{ij} y_{j \to i}

    For K classes a task speaks to a worker of the class that the worker named:
    :math:`x_{i \to j} = \sum_{j' \neq j} (1[y_{ij'} = y_{ij}] - 1/K) \, y_{j' \to i}` and
    :math:`y_{j \to i} = \sum_{i' \neq i} x_{i' \to j}`; for K = 2 that is the above. Messages
    are divided by their root mean square in each iteration, so they never overflow.

    Parameters
    ----------
    spread
        Standard deviation of the first messages :math:`y`, drawn around 1. The paper takes 1; 0
        starts from the majority vote and depends on no seed.
    max_iter
        Most iterations.
    tol
        Largest root mean square change of the messages :math:`y` at rest.

    Notes
    -----
    Cost: O(answers) an iteration. The limit is the leading singular vector of the answers. Made
    for tasks given to workers at random, equally many each; where some workers answer much more
    than others it can be worse than the majority vote. A task whose score is 0 takes its
    majority. Worker column ``reliability``: sum of the messages to the worker, largest 1.

    References
    ----------
    Karger, D. R., Oh, S. and Shah, D. (2014). Budget-optimal task allocation for reliable
    crowdsourcing systems. Operations Research 62(1), algorithm 1.
    """

    estimates_skill: ClassVar[bool] = False
    expected_failed_checks: ClassVar[dict[str, str]] = {
        "counts_a_weight_of_two_as_two_answers": "two edges speak to each other, one does not",
    }

    spread: float = option(0.0, at_least=0.0, help="deviation of the first messages around 1")
    max_iter: int = option(500, at_least=1, help="most iterations")
    tol: float = option(1e-4, above=0.0, help="change of the messages at rest")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        weight = answers.weights
        rng = np.random.default_rng(self.seed)
        message = 1.0 + self.spread * rng.standard_normal(answers.n_answers)
        chance, n = 1.0 / answers.n_classes, answers.n_workers
        reliability = np.ones(n)
        rests, rounds = False, 0
        while not rests and rounds < self.max_iter:
            to_worker = _to_workers(support.ptr, support.slot, weight, message, chance)
            total = np.bincount(answers.worker, weights=to_worker, minlength=n).astype(np.float64)
            after = total[answers.worker] - to_worker
            size = float(np.sqrt(np.mean(after**2))) if after.size else 0.0
            rounds += 1
            if size <= 1e-12:
                # Nobody shares a task with anybody: there is nothing to learn.
                rests = True
                break
            after /= size
            change = float(np.sqrt(np.mean((after - message) ** 2)))
            message, reliability = after, total
            rests = change <= self.tol
            progress(rounds, self.max_iter, f"change {change:.2g}")
        score = _edge_votes(support.ptr, support.slot, weight, message)
        score = _or_votes(support, score, support.votes(answers))
        fit = signed_vote_fit(answers, support, score, self.ties, self.seed, start.gold)
        top = np.abs(reliability).max(initial=0.0)
        fit.worker_columns = {"reliability": reliability / top if top > 0 else reliability}
        fit.diagnostics = Diagnostics(rounds, rests)
        return fit


def _or_votes(
    support: Support, score: NDArray[np.float64], votes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The scores, but the votes on tasks whose scores are all 0."""
    zero = 1e-9 * float(np.abs(score).max(initial=0.0))
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    said = np.bincount(task, weights=np.abs(score) > zero, minlength=support.size.size)
    return np.where(said[task] > 0, score, votes)


@compiled(parallel=True)
def _edge_votes(ptr: Any, slot: Any, weight: Any, message: Any) -> Any:  # pragma: no cover
    score = np.zeros(slot.size, np.float64)
    for i in prange(ptr.size - 1):
        for a in range(ptr[i], ptr[i + 1]):
            score[ptr[i] + slot[a]] += weight[a] * message[a]
    return score


@compiled(parallel=True)
def _to_workers(
    ptr: Any, slot: Any, weight: Any, message: Any, chance: float
) -> Any:  # pragma: no cover - compiled
    """Weighted message of each answer's task to its worker."""
    score = np.zeros(slot.size, np.float64)
    out = np.empty(slot.size, np.float64)
    for i in prange(ptr.size - 1):
        total = 0.0
        for a in range(ptr[i], ptr[i + 1]):
            v = weight[a] * message[a]
            score[ptr[i] + slot[a]] += v
            total += v
        for a in range(ptr[i], ptr[i + 1]):
            v = weight[a] * message[a]
            others = score[ptr[i] + slot[a]] - v - chance * (total - v)
            out[a] = weight[a] * others
    return out
