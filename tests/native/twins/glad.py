"""The loops of GLAD, written plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LIMIT = 30.0


def posterior(
    task: Array, label: Array, worker: Array, weight: Array, gold: Array,
    alpha: Array, beta: Array, beta_mean: float, k: int,
) -> tuple[Array, Array, float]:  # fmt: skip
    """Posterior (n_tasks, K), right answers (n_workers,), log-likelihood and prior of beta."""
    x = alpha[worker] * np.exp(beta[task])
    log_right, log_wrong = -np.logaddexp(0, -x), -np.logaddexp(0, x) - np.log(max(k - 1, 1))
    logit = np.zeros((gold.size, k))
    is_named = label[:, None] == np.arange(k)
    np.add.at(
        logit, task, weight[:, None] * np.where(is_named, log_right[:, None], log_wrong[:, None])
    )
    met = np.bincount(task, minlength=gold.size) > 0
    named = np.zeros((gold.size, k), bool)
    named[task, label] = True
    known = gold >= 0
    whole = np.logaddexp.reduce(logit, axis=1)
    z = np.exp(logit - whole[:, None])
    # A known class that no answer names is as likely as any that none does.
    rows = np.flatnonzero(known)
    other = logit[rows, gold[rows]]
    z[rows] = np.eye(k)[gold[rows]]
    whole[rows] = other
    gain = (whole - np.log(k) - 0.5 * (beta - beta_mean) ** 2)[met].sum()
    right = np.bincount(worker, weight * z[task, label], alpha.size)
    return z, right, float(gain)


def newton(
    worker: Array, weight: Array, q: Array, alpha: Array, beta: float, mean: float, steps: int
) -> float:
    """Newton steps in the beta of one task, each halved until the expected log-posterior rises
    or the step is under 1e-4.

    ``q`` is the posterior of each answer's label.
    """

    def shape(at: float) -> tuple[float, float, float]:
        x = alpha[worker] * np.exp(at)
        p = np.exp(-np.logaddexp(0, -x))
        pull = float(weight @ ((q - p) * x))
        return (
            -0.5 * (at - mean) ** 2 + float(weight @ (q * x - np.logaddexp(0, x))),
            mean - at + pull,
            1.0 + float(weight @ (p * (1 - p) * x * x)) + max(-pull, 0.0),
        )

    value, slope, bend = shape(beta)
    for _ in range(steps):
        step = float(np.clip(slope / bend, -2.0, 2.0))
        while True:
            to = float(np.clip(beta + step, -LIMIT, LIMIT))
            there = shape(to)
            if there[0] >= value or abs(step) < 1e-4:
                break
            step *= 0.5
        beta, (value, slope, bend) = to, there
    return beta


def derivatives(
    task: Array, worker: Array, weight: Array, q: Array, alpha: Array, beta: Array
) -> Array:
    """Gradient and curvature by alpha, and the largest easiness met, (3, n_workers)."""
    easy = np.exp(beta[task])
    p = 1 / (1 + np.exp(-alpha[worker] * easy))
    sums = np.zeros((3, alpha.size))
    np.add.at(sums[0], worker, weight * (q - p) * easy)
    np.add.at(sums[1], worker, weight * p * (1 - p) * easy**2)
    np.maximum.at(sums[2], worker, easy)
    return sums
