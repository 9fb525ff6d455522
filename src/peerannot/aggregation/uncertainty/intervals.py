r"""How sure a result is: intervals of workers' skill, of the accuracy of the labels, bootstrap.

**Skill.** Models with confusion matrices call :math:`s_j = \sum_k \rho_k \pi^j_{kk}` the skill.
Given the true classes, the rows of the matrix are Dirichlet, so :math:`\pi^j_{kk}` is
:math:`\text{Beta}(a_{jk}, b_{jk})` with :math:`a_{jk} = \beta_{kk} + \sum_i z_{ik} 1[y_{ij}=k]`
and :math:`a_{jk} + b_{jk} = \beta_k + \sum_i z_{ik}`, sums over the worker's answers, and

.. math::
    v^c_j = \sum_k \rho_k^2 \frac{a_{jk} b_{jk}}{(a_{jk}+b_{jk})^2 (a_{jk}+b_{jk}+1)}.

The classes are not given but have a posterior, so some of that information is missing. With
:math:`g_{jk}(l) = \rho_k (1[l=k] - \bar\pi^j_{kk}) / (a_{jk}+b_{jk})`, what a class says of the
skill, the missing part is :math:`v^m_j = \sum_i \text{Var}_{k \sim z_i}\, g_{jk}(y_{ij})`; by
Louis' identity (observed = complete - missing information) the variance is

.. math::
    v_j = \frac{v^c_j}{1 - f_j}, \qquad f_j = \min(v^m_j / v^c_j, 0.9).

The interval holds the middle of a Beta distribution of this mean and variance. :math:`\beta` is
one pseudo-answer a class, right at the worker's mean rate, whatever the prior of the model: the
interval follows the answers. Models with a skill only: one row, Jeffreys' prior Beta(1/2, 1/2).

**Accuracy.** With :math:`c_i` the probability that label i is right, the number of right labels
is a sum of independent coins, Poisson-binomial with mean :math:`\sum c_i` and variance
:math:`\sum c_i (1 - c_i)`: computed exactly up to 2,000 tasks, else the normal
approximation. Where there are confusion matrices, :math:`c_i` is computed from the counts less
the task's own answers, which would otherwise vouch for themselves.

**All intervals assume that the model is right** and that the parameters of other workers are
known. Where workers have few answers, posteriors are too sure, and the interval of the accuracy
is too narrow and too high (docs/uncertainty.md has numbers). `bootstrap` assumes only that tasks
are independent draws.

References
----------
Louis, T. A. (1982). Finding the observed information matrix when using the EM algorithm.
JRSS-B 44(2), 226-233.

Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion.
Statistical Science 16(2), 101-133.

Hong, Y. (2013). On computing the distribution function for the Poisson binomial distribution.
Computational Statistics and Data Analysis 59, 41-51.

Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.passes.expected_counts import expected_counts
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY
from peerannot.aggregation.result import Result
from peerannot.answers import Answers, check_answers
from peerannot.errors import DataError, ParameterError

__all__ = ["Interval", "accuracy_interval", "skill_intervals", "with_intervals", "worker_skills"]

MOST_MISSING = 0.9  # share of missing information past which nothing more is believed of it
ROWS = 2**22  # cells of posteriors of answers held at once


@dataclass(frozen=True)
class Interval:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
    level : float
        Probability that the interval is meant to have.
    method : str
        ``"exact"``, ``"normal"`` or ``"bootstrap"``.
    """

    value: float
    low: float
    high: float
    level: float
    method: str


def with_intervals(result: Result, answers: Answers, *, level: float = 0.95) -> Result:
    """The result with columns ``skill_low`` and ``skill_high`` of workers, where it has skills.

    The interval of the accuracy goes into ``diagnostics.notes["accuracy"]``.

    Parameters
    ----------
    result, answers
        What was found, and from what.
    level
        Probability of the intervals.

    Raises
    ------
    DataError
        The answers are not those of the result.
    ParameterError
        ``level`` is not between 0 and 1.
    """
    columns = dict(result.worker_columns)
    if result.skill is not None:
        low, high = skill_intervals(result, answers, level=level)
        columns |= {"skill_low": low, "skill_high": high}
    accuracy = accuracy_interval(result, answers, level=level)
    notes = {**result.diagnostics.notes, "accuracy": vars(accuracy).copy()}
    return replace(
        result, worker_columns=columns, diagnostics=replace(result.diagnostics, notes=notes)
    )


def skill_intervals(
    result: Result, answers: Answers, *, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Credible interval of each worker's skill, float64 (n_workers,) low and high.

    A worker without answers has the prior's. Cost: O(answers x K); see the module.

    Raises
    ------
    DataError
        The result has no skills, or the answers are not those of the result.
    ParameterError
        ``level`` is not between 0 and 1.
    """
    if result.skill is None:
        raise DataError(f"{result.strategy} does not estimate skills: no interval to give")
    _, low, high = worker_skills(result, answers, level=level)
    return low, high


def worker_skills(
    result: Result, answers: Answers, *, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Skill of each worker and its interval, float64 (n_workers,) value, low and high.

    The skill is that of the result. Of a result without skills it is the mean given its
    posterior, as of a model with confusion matrices whose prior are the classes of the tasks
    answered.

    Raises
    ------
    DataError
        The answers are not those of the result.
    ParameterError
        ``level`` is not between 0 and 1.
    """
    _check_level(level)
    _check_same(result, answers)
    by_rate = result.skill is not None and result.confusion is None
    mean, variance = (_of_skill if by_rate else _of_confusion)(result, answers)
    low, high = _beta_interval(mean, variance, level)
    # The estimate itself may be 0 or 1, where the prior never reaches (Brown et al., 4.1.1).
    skill = np.clip(mean if result.skill is None else result.skill, 0.0, 1.0)
    return skill, np.minimum(low, skill), np.maximum(high, skill)


def accuracy_interval(
    result: Result, answers: Answers, *, level: float = 0.95, exact_up_to: int = 2000
) -> Interval:
    """Interval of the share of right labels among the decided tasks with answers.

    Parameters
    ----------
    result, answers
        What was found, and from what.
    level
        Probability of the interval.
    exact_up_to
        Tasks up to which the number of right labels has its exact distribution, in O(tasks^2);
        beyond, the normal one.

    Raises
    ------
    DataError
        The answers are not those of the result.
    ParameterError
        ``level`` is not between 0 and 1.
    """
    _check_level(level)
    _check_same(result, answers)
    decided = (result.labels >= 0) & (result.n_answers > 0)
    posterior = result.posterior if result.confusion is None else _without_own(result, answers)
    sure = np.clip(_at(posterior, np.flatnonzero(decided), result.labels[decided]), 0, 1)
    n = sure.size
    if n == 0:
        return Interval(0.0, 0.0, 1.0, level, "exact")
    tail = (1.0 - level) / 2
    mean = float(sure.mean())
    if n <= exact_up_to:
        below = np.cumsum(right_distribution(sure))
        low = int(np.searchsorted(below, tail))
        high = int(np.searchsorted(below, 1.0 - tail))
        return Interval(mean, low / n, min(high, n) / n, level, "exact")
    from scipy.special import ndtri

    half = float(ndtri(1.0 - tail)) * float(np.sqrt((sure * (1 - sure)).sum())) / n
    return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0), level, "normal")


def right_distribution(sure: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of 0..n right labels when each is right with its own probability, (n + 1,)."""
    chance = np.zeros(sure.size + 1)
    chance[0] = 1.0
    for done, p in enumerate(sure, 1):
        chance[1 : done + 1] = chance[1 : done + 1] * (1 - p) + chance[:done] * p
        chance[0] *= 1 - p
    return chance


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError(f"level must be between 0 and 1, not {level!r}")


def _check_same(result: Result, answers: Answers) -> None:
    check_answers(answers)
    if result.tasks != answers.tasks or result.workers != answers.workers:
        raise DataError("answers: not those that the result was made from")


def _at(posterior: Any, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """Entries of a posterior, dense or sparse."""
    return np.asarray(posterior[rows, columns], dtype=np.float64).ravel()


def _beta_interval(
    mean: NDArray[np.float64], variance: NDArray[np.float64], level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of Beta distributions of these moments."""
    from scipy.special import betaincinv

    mean = np.clip(mean, 1e-9, 1 - 1e-9)
    room = mean * (1 - mean)
    size = room / np.clip(variance, 1e-12, 0.99 * room) - 1
    tail = (1 - level) / 2
    low, high = (betaincinv(mean * size, (1 - mean) * size, q) for q in (tail, 1 - tail))
    return np.asarray(low), np.asarray(high)


def _of_skill(result: Result, answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of skills that are a rate of right answers."""
    assert result.skill is not None
    weight, n = answers.weights, answers.n_workers
    total = answers.weight_per_worker
    sure = np.empty(answers.n_answers)
    for rows in _chunks(answers.n_answers, 1):
        sure[rows] = _at(result.posterior, answers.task[rows], answers.label[rows])
    mean = (result.skill * total + 0.5) / (total + 1.0)
    complete = mean * (1 - mean) / (total + 2.0)
    unsure = weight**2 * sure * (1 - sure)
    missing = np.bincount(answers.worker, unsure, minlength=n) / (total + 1.0) ** 2
    return mean, _observed(complete, missing)


def _of_confusion(
    result: Result, answers: Answers
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of skills read off confusion matrices."""
    n, k = answers.n_workers, answers.n_classes
    weight, posterior = answers.weights, result.dense_posterior()
    counts = expected_counts(answers, posterior)
    if result.prior is not None:
        rho = result.prior
    elif result.confusion is not None:
        rho = np.full(k, 1.0 / k)
    else:
        rho = counts.sum((0, 2)) / max(counts.sum(), 1e-300)
    beta = _prior(counts)
    right, size = (counts + beta)[:, np.arange(k), np.arange(k)], (counts + beta).sum(2)
    rate = right / size
    complete = (rho**2 * rate * (1 - rate) / (size + 1)).sum(1)
    # Of the prior of classes: Dirichlet of one pseudo-task a class.
    mean = rate @ rho
    n_tasks = int((answers.answers_per_task > 0).sum())
    complete += np.maximum(rate**2 @ rho - mean**2, 0.0) / (n_tasks + k + 1)
    pull = rho / size
    missing = np.zeros(n)
    for rows in _chunks(answers.n_answers, k):
        z, j, y = posterior[answers.task[rows]], answers.worker[rows], answers.label[rows]
        g = -pull[j] * rate[j]
        g[np.arange(y.size), y] += pull[j, y]
        spread = (z * g**2).sum(1) - (z * g).sum(1) ** 2
        missing += np.bincount(j, weight[rows] ** 2 * spread, minlength=n)
    return mean, _observed(complete, missing)


def _without_own(result: Result, answers: Answers) -> NDArray[np.float64]:
    """Posterior of each task by what the workers do on all other tasks, (n_tasks, n_classes)."""
    k, weight, posterior = answers.n_classes, answers.weights, result.dense_posterior()
    counts = expected_counts(answers, posterior)
    counts += _prior(counts)
    size = counts.sum(2)
    rho = np.full(k, 1.0 / k) if result.prior is None else result.prior
    score = np.tile(np.log(np.maximum(rho, 1e-300)), (answers.n_tasks, 1))
    for rows in _chunks(answers.n_answers, k):
        i, j, y, w = answers.task[rows], answers.worker[rows], answers.label[rows], weight[rows]
        own = w[:, None] * posterior[i]
        chance = np.maximum(counts[j, :, y] - own, LEAST_PROBABILITY) / np.maximum(
            size[j] - own, LEAST_PROBABILITY
        )
        np.add.at(score, i, w[:, None] * np.log(np.minimum(chance, 1.0)))
    score = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(score / score.sum(1, keepdims=True))


def _prior(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pseudo-counts (n_workers, true, answered): one answer a class, at the worker's mean rate."""
    k = counts.shape[1]
    eye = np.eye(k)
    right = np.einsum("jkk->j", counts)
    rate = ((right + 0.5) / (counts.sum((1, 2)) + 1.0))[:, None, None]
    return np.asarray(rate * eye + (1 - rate) * (1 - eye) / max(k - 1, 1))


def _observed(complete: NDArray[np.float64], missing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance from the complete information less what is missing."""
    share = np.divide(missing, complete, out=np.zeros_like(missing), where=complete > 0)
    return complete / (1.0 - np.minimum(share, MOST_MISSING))


def _chunks(n: int, width: int) -> Iterator[slice]:
    size = max(ROWS // max(width, 1), 1)
    return (slice(start, start + size) for start in range(0, n, size))
