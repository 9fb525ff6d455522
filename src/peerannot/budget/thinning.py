r"""A learning curve of thinned answers, and its continuation.

The answers to each task are put in random order, and the strategy is fitted to the first share f of
each, for some f up to 1. Error is then taken as :math:`a + b\,\varphi(m)`, m the mean number of
answers to a task, for falling curves :math:`\varphi` of two kinds, powers and exponentials;
a and b at least 0 are found by least squares for each, and curves are weighed by how well they fit
(Akaike weights; all have as many free numbers). What is forecast is the change from all answers on.

The interval has three parts: the spread of the orders, that of the curves, and how much
the gain of the last doubling scattered from order to order, for each doubling to come.

References
----------
Figueroa, R. L., Zeng-Treitler, Q., Kandula, S. and Ngo, L. H. (2012). Predicting sample size
required for classification performance. BMC Medical Informatics and Decision Making 12 (inverse
power laws of learning curves).

Burnham, K. P. and Anderson, D. R. (2002). Model selection and multimodel inference, chapter 4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers, random_places
from peerannot.budget.curve import Curve

__all__ = ["SHARES", "continued", "thinned"]

SHARES = (0.25, 0.35, 0.5, 0.65, 0.8)
POWERS = (0.25, 0.5, 1.0, 2.0, 3.0)
RATES = (0.1, 0.2, 0.4, 0.8, 1.6)
NORMAL = 1.96
LEAST_SPREAD = 5e-3  # of accuracies, so that no curve is trusted for fitting exactly


def thinned(
    answers: Answers, seeds: int, judge: Callable[[Answers], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean answers to a task, (n_shares,), and accuracies, (seeds, n_shares), without those of all.

    Every task keeps an answer.
    """
    sizes, found = np.zeros(len(SHARES)), np.empty((seeds, len(SHARES)))
    n = answers.answers_per_task
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        place = random_places(answers, rng)
        chance = rng.random(len(n))
        for i, share in enumerate(SHARES):
            most = np.maximum(1, np.floor(share * n + chance))
            kept = place < most[answers.task]
            sizes[i] += kept.sum() / seeds
            found[seed, i] = judge(answers.rows(kept))
    return sizes / max(int((n > 0).sum()), 1), found


def continued(
    sizes: NDArray[np.float64], found: NDArray[np.float64], now: tuple[float, float],
    more: NDArray[np.float64], n_tasks: int,
) -> Curve:  # fmt: skip
    """Continue a learning curve.

    Parameters
    ----------
    sizes, found
        As `thinned` has them.
    now
        Answers to a task, and accuracy, of all answers.
    more
        Further answers, to all tasks.
    """
    size, accuracy = now
    x = np.append(sizes, size)
    ahead = size + more / max(n_tasks, 1)
    mean = np.append(found.mean(0), accuracy)
    spread = max(float(found.std(0, ddof=1).mean()) if len(found) > 1 else 0.0, LEAST_SPREAD)
    weights = _shapes_of(x, 1.0 - mean, ahead, spread)[1]
    paths = []
    for row in found:
        paths.append(_shapes_of(x, 1 - np.append(row, accuracy), ahead, spread)[0])
    each = accuracy + np.array(paths)  # seeds, shapes, points
    centre = np.einsum("s,nsp->p", weights, each) / len(each)
    of_shapes = np.einsum("s,sp->p", weights, (each.mean(0) - centre) ** 2)
    of_orders = np.einsum("nsp,s->np", each, weights).var(0, ddof=1 if len(found) > 1 else 0)
    half = int(np.argmin(np.abs(sizes - size / 2)))
    scatter = float(found[:, half].std(ddof=1)) if len(found) > 1 else 0.0
    doublings = np.log2(ahead / size)
    error = NORMAL * np.sqrt(of_shapes + of_orders + doublings * max(scatter, LEAST_SPREAD) ** 2)
    low, high = np.clip(centre - error, 0, 1), np.clip(centre + error, 0, 1)
    return Curve("thinning", more, np.clip(centre, 0, 1), low, high)


def _shapes_of(
    x: NDArray[np.float64], error: NDArray[np.float64], ahead: NDArray[np.float64], spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rise of accuracy from the last of ``x`` on by each curve, (n_shapes, n_points), and the
    weight of each."""
    rises, losses = [], []
    everywhere = np.append(x, ahead)
    shapes = [np.power(everywhere, -c) for c in POWERS] + [np.exp(-c * everywhere) for c in RATES]
    for shape in shapes:
        phi, later = shape[: len(x)], shape[len(x) :]
        slope = float(np.cov(phi, error, ddof=0)[0, 1] / max(float(phi.var()), 1e-300))
        slope = max(slope, 0.0)
        level = float(error.mean() - slope * phi.mean())
        if level < 0:
            level, slope = 0.0, float(max(phi @ error, 0.0) / (phi @ phi))
        losses.append(float(((error - level - slope * phi) ** 2).sum()))
        rises.append(slope * (phi[-1] - later))
    loss = np.array(losses)
    weight = np.exp(-(loss - loss.min()) / (2 * spread**2))
    return np.array(rises), weight / weight.sum()
