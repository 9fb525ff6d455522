"""Tasks on which the crowd disagrees more than its skills allow: more answers do not help."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import Result
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["log_chance"]

SURE = 1e-6  # nobody is never wrong


def log_chance(result: Result, answers: Answers) -> NDArray[np.float64]:
    """Logarithm of a bound of the probability that so few answers agree with a label, (n_tasks,).

    Each of the n workers of a task gives its label with the probability that the strategy says, s
    on average. That at most the share q < s of independent answers agrees has at most the
    probability exp(-n D(q, s)), D the divergence of Bernoulli laws; where q >= s the bound is 1. A
    task without label or answers has 1.

    Raises
    ------
    ParameterError
        The strategy estimates no skills.

    Notes
    -----
    The label is that of the answers themselves, which makes agreement more frequent, so the test
    finds less than it might. Weights do not count. Cost O(n_answers).

    References
    ----------
    Hoeffding, W. (1963). Probability inequalities for sums of bounded random variables. Journal of
    the American Statistical Association 58, theorem 1.
    """
    label = result.labels[answers.task]
    worker = result.workers.codes(list(answers.workers))[answers.worker]
    if result.confusion is not None:
        right = np.asarray(result.confusion[worker, label, label], np.float64)
    elif result.skill is not None:
        right = np.asarray(result.skill[worker], np.float64)
    else:
        raise ParameterError(
            f"stop: hopeless needs skills of workers, which {result.strategy} does not estimate;"
            " take a strategy that does (one-coin, DS)"
        )
    size = len(result.tasks)
    n = np.bincount(answers.task, minlength=size)
    per = np.maximum(n, 1)
    s = np.bincount(answers.task, np.clip(right, SURE, 1 - SURE), minlength=size) / per
    q = np.bincount(answers.task, answers.label == label, minlength=size) / per
    s = np.where(n > 0, s, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(q > 0, q * np.log(q / s), 0.0)
        divergence += np.where(q < 1, (1 - q) * np.log((1 - q) / (1 - s)), 0.0)
    return np.where((n > 0) & (result.labels >= 0) & (q < s), -n * divergence, 0.0)
