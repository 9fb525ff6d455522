"""BWA: Bayesian weighted average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.passes.support import answer_blocks
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["BWA"]

LEAST_VARIANCE = 1e-9  # where all answers agree, the prior of the variance would be 0


@STRATEGIES.register("bwa")
@dataclass(frozen=True, kw_only=True)
class BWA(Strategy):
    r"""Bayesian weighted average: for each class, the answers as noisy numbers 0 and 1.

    For class k, :math:`y_{ij} \sim N(z_i, 1/v_j)`, :math:`z_i \sim N(\mu, 1/\lambda)` with the
    precision in units of the answers', and a Gamma prior on :math:`v_j`. From vote shares:

    .. math::
        \mu = \overline{z_i}, \qquad
        v_j = \frac{a_v + n_j}{b_v + \sum_i (y_{ij} - z_i)^2}, \qquad
        z_i = \frac{\lambda \mu + \sum_j v_j y_{ij}}{\lambda + \sum_j v_j}

    with :math:`b_v = a_v \frac{\sum_i n_i z_i (1 - z_i)}{\sum_i n_i} \cdot 4 (1 - 1/K)` from the
    vote shares. The posterior is :math:`z` of all classes, scaled to sum to 1.

    Parameters
    ----------
    strength
        Strength of the prior on precisions (:math:`a_v`), in answers.
    pull
        Precision of the prior on tasks (:math:`\lambda`).
    tol
        Largest change of a :math:`z_i` at rest.
    max_iter
        Most iterations for each class.

    Notes
    -----
    Cost: O(answers) an iteration and class, without logarithms; under 100 iterations a class.
    Weak where classes are confused in a pattern. Worker column ``weight``: mean of :math:`v_j`
    over classes, their mean 1. The authors' code takes contradictory answers of a worker to a
    task as one answer for each class; here each answer counts (see ``duplicates``).

    References
    ----------
    Li, Y., Rubinstein, B. I. P. and Cohn, T. (2019). Truth inference at scale: a Bayesian model
    for adjudicating highly redundant crowd annotations. WWW.
    """

    estimates_skill: ClassVar[bool] = False
    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    # Memory of the scores of all classes over which the model is refused.
    score_bytes: ClassVar[int] = 2**32

    strength: float = option(15.0, above=0.0, help="strength of the prior on precisions")
    pull: float = option(1.0, above=0.0, help="precision of the prior on tasks")
    tol: float = option(1e-3, above=0.0, help="largest change of a score at rest")
    max_iter: int = option(500, at_least=1, help="most iterations for each class")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        n_tasks, n_workers, k = answers.n_tasks, answers.n_workers, answers.n_classes
        if n_tasks * k * 8 > self.score_bytes:
            raise ParameterError(
                f"{self.name} needs {n_tasks * k * 8 / 2**30:.0f} GiB for scores of {n_tasks}"
                f" tasks x {k} classes; use iwmv"
            )
        weight = answers.weights
        of_task, of_worker = answers.weight_per_task, answers.weight_per_worker
        bounds = answer_blocks(answers)
        scores = np.empty((n_tasks, k))
        precision = np.zeros(n_workers)
        iterations, converged = 0, True
        for c in range(k):
            hit = weight * (answers.label == c)
            votes = np.bincount(answers.task, weights=hit, minlength=n_tasks)
            z = np.divide(votes, of_task, out=np.full(n_tasks, 1.0 / k), where=of_task > 0)
            total = max(float(of_task.sum()), 1e-300)
            scale = float((of_task * z * (1 - z)).sum()) / total * 4 * (1 - 1 / k)
            rate = max(self.strength * scale, LEAST_VARIANCE)
            if start.posterior is not None:
                z = start.posterior[:, c].copy()
            _clamp(z, start.gold, c)
            rests, rounds = False, 0
            while not rests and rounds < self.max_iter:
                mean = float(z[of_task > 0].mean()) if total > 1e-300 else 1.0 / k
                wrong = _errors(
                    answers.task, answers.worker, answers.label, weight, z, c, bounds, n_workers
                ).sum(0)
                v = (self.strength + of_worker) / (rate + wrong)
                after = _average(
                    answers.task_ptr, answers.worker, answers.label, weight, v, c, self.pull, mean
                )
                _clamp(after, start.gold, c)
                change = float(np.abs(after - z).max(initial=0.0))
                z, rests = after, change < self.tol
                rounds += 1
            scores[:, c], precision = z, precision + v
            iterations, converged = max(iterations, rounds), converged and rests
            progress(c + 1, k, f"class {c + 1} in {rounds} iterations")
        sums = scores.sum(1, keepdims=True)
        posterior = np.divide(scores, sums, out=np.full_like(scores, 1.0 / k), where=sums > 0)
        posterior[of_task == 0] = np.where(
            start.gold[of_task == 0, None] >= 0, posterior[of_task == 0], 1.0 / k
        )
        top = precision.mean() if precision.size else 1.0
        return Fit(
            posterior,
            worker_columns={"weight": precision / top},
            diagnostics=Diagnostics(iterations, converged),
        )


def _clamp(z: NDArray[np.float64], gold: NDArray[np.int32], c: int) -> None:
    known = gold >= 0
    z[known] = gold[known] == c


@compiled(parallel=True)
def _errors(
    task: Any, worker: Any, label: Any, weight: Any, z: Any, c: int, bounds: Any, n: int
) -> Any:  # pragma: no cover - compiled
    out = np.zeros((bounds.size - 1, n), np.float64)
    for b in prange(bounds.size - 1):
        for a in range(bounds[b], bounds[b + 1]):
            gap = (1.0 if label[a] == c else 0.0) - z[task[a]]
            out[b, worker[a]] += weight[a] * gap * gap
    return out


@compiled(parallel=True)
def _average(
    ptr: Any, worker: Any, label: Any, weight: Any, v: Any, c: int, pull: float, mean: float
) -> Any:  # pragma: no cover - compiled
    out = np.empty(ptr.size - 1, np.float64)
    for i in prange(ptr.size - 1):
        top, bottom = pull * mean, pull
        for a in range(ptr[i], ptr[i + 1]):
            u = weight[a] * v[worker[a]]
            bottom += u
            if label[a] == c:
                top += u
        out[i] = top / bottom
    return out
