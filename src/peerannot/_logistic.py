"""Multinomial logistic regression with soft labels, to its optimum.

The objective is ``sum_i w_i CE(t_i, softmax(W x_i + b)) + l2 / 2 ||W||^2`` with weights ``w`` of
sum 1 and features ``x`` on one scale: convex, and so with one answer, whatever the start. It is
minimised by L-BFGS in float64, preconditioned by the diagonal of the Hessian of a guess that knows
nothing. To compare penalties it need not be so exact, and products there are in single precision.
Where there are fewer rows than features, ``X`` is replaced by the factor of its Gram matrix, which
has the same products.

References
----------
J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
(1980). J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear
models via coordinate descent", Journal of Statistical Software 33 (2010), on warm starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Head", "HeadPath", "LogisticSolver"]

Array = NDArray[np.float64]

# Largest Gram matrix that is factored.
_DENSE = 4096
# Above so many numbers products are in single precision, which halves memory.
_LARGE = 2**27
_MEMORY = 10
_MOST_STEPS = 5000
# Half the squared Newton step, in units of the loss: the distance to the optimum, about.
_ROUGH, _EXACT = 1e-4, 1e-8
# The path of l2, strongest first, as shares of the variance of all features together.
_PATH = 10.0 ** np.arange(-1.5, -6.1, -0.5)
_PATIENCE = 2
# A feature is divided by its deviation and so many times the median one, as the root of the sum of
# squares: of a network, features that are nearly always the same would else be mostly noise.
_COMMON = 2.0


@dataclass(frozen=True)
class Head:
    """A linear layer on features as they are.

    Attributes
    ----------
    weight : float64 array (n_classes, d)
    bias : float64 array (n_classes,)
    l2 : float
        Penalty on the weights of features on one scale.
    """

    weight: Array
    bias: Array
    l2: float

    def logits(self, features: NDArray[Any]) -> Array:
        """Logits (n, n_classes) of features (n, d)."""
        return np.asarray(features @ self.weight.T + self.bias)


@dataclass(frozen=True)
class HeadPath:
    """The best head of a path of penalties.

    Attributes
    ----------
    head : Head
        At its optimum.
    l2 : list of float
        Penalties tried, strongest first.
    train_loss, val_loss, val_accuracy : list of float
        Cross entropy on the training rows without the penalty, and on the validation rows;
        percent of right classes among these.
    best : int
        Position of the one chosen.
    """

    head: Head
    l2: list[float]
    train_loss: list[float]
    val_loss: list[float]
    val_accuracy: list[float]
    best: int


class LogisticSolver:
    """Features (n, d), prepared once for any labels and penalties.

    Parameters
    ----------
    features
        Finite; a feature that does not vary counts nothing.
    weight
        Of the rows (n,), at least 0 and not all 0; by default equal.

    Notes
    -----
    To prepare costs ``n d min(n, d)`` and memory for a copy of the features; a step twice
    ``n d K``.
    """

    def __init__(self, features: NDArray[Any], weight: NDArray[Any] | None = None) -> None:
        n, d = features.shape
        kind: Any = np.float64 if features.size <= _LARGE else np.float32
        x: NDArray[Any] = np.array(features, kind)
        self.mean = x.mean(axis=0, dtype=np.float64)
        std = x.std(axis=0, dtype=np.float64)
        varies = std > 1e-9 * np.abs(self.mean).clip(1e-30)
        common = _COMMON * float(np.median(std[varies])) if varies.any() else 0.0
        self.std = np.where(varies, np.hypot(std, common), np.inf)
        np.subtract(x, self.mean.astype(kind), out=x)
        np.divide(x, self.std.astype(kind), out=x)
        self.x = x
        share = np.ones(n) if weight is None else np.asarray(weight, np.float64)
        self.share = share / share.sum()
        self.spread = max(float(np.square(x).sum(dtype=np.float64) / n), 1e-30)
        self._factor: Array | None = None
        self._z: NDArray[Any] = x
        if n < d and n <= _DENSE:
            gram: Array = np.asarray(np.matmul(x, x.T), np.float64)
            gram.flat[:: n + 1] += 1e-12 * gram.trace() + 1e-300
            self._factor = np.asarray(np.linalg.cholesky(gram))
            self._z = self._factor

    @cached_property
    def _single(self) -> NDArray[np.float32]:
        return self._z.astype(np.float32)

    @cached_property
    def _square(self) -> Array:
        return np.asarray(self.share @ self._z**2, np.float64)

    def fit(
        self,
        target: NDArray[Any],
        l2: float,
        start: tuple[Array, Array] | None = None,
        *,
        exact: bool = True,
    ) -> tuple[Head, tuple[Array, Array]]:
        """The optimum for labels (n, K) and a penalty above 0, and where to start the next from.

        It is within 1e-8 of the least objective, about; 1e-4 where it need not be ``exact``.
        """
        target = np.asarray(target, np.float64)
        if start is None:
            log_prior = np.log((self.share @ target).clip(1e-3 / target.shape[1]))
            start = (
                np.zeros((self._z.shape[1], target.shape[1])),
                np.asarray(log_prior - log_prior.mean()),
            )
        z, tol = (self._z, _EXACT) if exact else (self._single, _ROUGH)
        guess = self._square / target.shape[1] + l2
        a, b = _minimise(z, self.share, target, l2, start, guess, tol)
        return self._head(a, b, l2), (a, b)

    def path(
        self,
        target: NDArray[Any],
        val: NDArray[Any],
        val_target: NDArray[Any],
        select: Literal["loss", "accuracy"] = "loss",
    ) -> HeadPath:
        """The penalty of the best validation loss (or accuracy), and its head.

        Penalties fall from that of a constant prediction, each starting where the last one ended,
        until two in a row are no better.
        """
        val, val_target = np.asarray(val), np.asarray(val_target, np.float64)
        start: tuple[Array, Array] | None = None
        found = HeadPath(Head(np.empty(0), np.empty(0), 0.0), [], [], [], [], 0)
        ranks: list[tuple[float, float]] = []
        starts = []
        for l2 in self.spread * _PATH:
            head, start = self.fit(target, float(l2), start, exact=False)
            starts.append(start)
            logits = head.logits(val)
            loss = float(-(val_target * _log_softmax(logits)).sum(axis=1).mean())
            hits = logits.argmax(axis=1) == val_target.argmax(axis=1)
            own = _log_softmax(self._single @ start[0].astype(np.float32) + start[1])
            found.l2.append(float(l2))
            found.train_loss.append(float(-(self.share @ (target * own).sum(axis=1))))
            found.val_loss.append(loss)
            found.val_accuracy.append(100 * float(hits.mean()))
            ranks.append((-found.val_accuracy[-1], loss) if select == "accuracy" else (loss, 0.0))
            best = min(range(len(ranks)), key=ranks.__getitem__)
            if len(ranks) - 1 - best >= _PATIENCE:
                break
        head, _ = self.fit(target, found.l2[best], starts[best])
        return HeadPath(head, found.l2, found.train_loss, found.val_loss, found.val_accuracy, best)

    def _head(self, a: Array, b: Array, l2: float) -> Head:
        if self._factor is not None:
            from scipy.linalg import solve_triangular

            a = self.x.T @ solve_triangular(self._factor, a, lower=True, trans="T")
        weight = (a / self.std[:, None]).T
        return Head(np.ascontiguousarray(weight), b - weight @ self.mean, l2)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _minimise(
    z: NDArray[Any],
    share: Array,
    target: Array,
    l2: float,
    start: tuple[Array, Array],
    guess: Array,
    tol: float,
) -> tuple[Array, Array]:
    """Weights (m, K) and biases (K,) of the least objective, by L-BFGS.

    Both are one array with the biases as its last row. ``guess`` (m,) is about the Hessian's
    diagonal.
    """
    k = target.shape[1]
    theta = np.vstack([start[0], start[1]])
    logits = np.asarray(z @ theta[:-1].astype(z.dtype), np.float64) + theta[-1]

    def loss(logits: Array) -> tuple[float, Array]:
        log_p = _log_softmax(logits)
        return float(-(share @ (target * log_p).sum(axis=1))), log_p

    inverse = np.append(1 / guess, k)[:, None]
    value, log_p = loss(logits)
    steps: list[tuple[Array, Array, float]] = []
    scale, gradient, step = 1.0, np.empty(0), np.empty(0)
    for _ in range(_MOST_STEPS):
        rest = share[:, None] * (np.exp(log_p) - target)
        # So, and not as z.T @ rest, it is twice as fast.
        slopes = (np.ascontiguousarray(rest.T, z.dtype) @ z).T
        new = np.vstack([slopes + l2 * theta[:-1], rest.sum(axis=0)])
        if gradient.size:
            y = new - gradient
            curvature = float((step * y).sum())
            if curvature > 1e-12 * float((y * y).sum()) ** 0.5 * float((step * step).sum()) ** 0.5:
                steps = [*steps[1 - _MEMORY :], (step, y, curvature)]
                scale = curvature / float((y * y * inverse).sum())
        gradient = new
        direction, applied = gradient.copy(), []
        for moved, y, curvature in reversed(steps):
            applied.append(float((moved * direction).sum()) / curvature)
            direction -= applied[-1] * y
        direction *= scale * inverse
        for (moved, y, curvature), part in zip(steps, reversed(applied), strict=True):
            direction += (part - float((y * direction).sum()) / curvature) * moved
        direction *= -1
        slope = float((gradient * direction).sum())
        if -slope / 2 < tol:
            break
        change = np.asarray(z @ direction[:-1].astype(z.dtype), np.float64) + direction[-1]
        cross, square = (
            float((theta[:-1] * direction[:-1]).sum()),
            float((direction[:-1] ** 2).sum()),
        )
        penalty = l2 / 2 * float((theta[:-1] ** 2).sum())
        length = 1.0
        while True:
            trial, log_p = loss(logits + length * change)
            total = trial + penalty + l2 * length * (cross + length * square / 2)
            if total <= value + penalty + 1e-4 * length * slope or length < 1e-10:
                break
            length /= 2
        step = length * direction
        theta = theta + step
        logits = logits + length * change
        if length < 1e-10:
            break
        value = trial
    return theta[:-1], theta[-1]
