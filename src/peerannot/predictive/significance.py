"""From discrepancies to p-values: of assumptions, corrected jointly, and of tasks and workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peerannot.identification.workers import false_discovery
from peerannot.predictive.replicates import Replicates, Rows

__all__ = ["ASSUMPTIONS", "Assumed", "Items", "Statistic", "item_tests", "statistics_of"]

Assumed = Literal["difficulty", "dependence", "skill"]

ASSUMPTIONS: dict[Assumed, str] = {
    "difficulty": "tasks are equally difficult",
    "dependence": "workers answer independently",
    "skill": "skills are as the model has them",
}
"""What each assumption says; the key is what there is where it fails."""


@dataclass(frozen=True)
class Statistic:
    """One statistic of the answers beside its values in replicates.

    Attributes
    ----------
    name : str
    assumption : str
        A key of `ASSUMPTIONS`.
    meaning : str
    observed : float
    expected, spread : float
        Mean and standard deviation over the replicates.
    p_value : float
        Share of replicates with at least the observed value, the answers counted in.
    p_adjusted : float
        The same corrected for the number of statistics.
    drawn : float64 array (replicates,)
        Values of the replicates.
    """

    name: str
    assumption: Assumed
    meaning: str
    observed: float
    expected: float
    spread: float
    p_value: float
    p_adjusted: float
    drawn: NDArray[np.float64]


@dataclass(frozen=True)
class Items:
    """Tests of tasks, pairs or workers, one each.

    Attributes
    ----------
    score : float64 array (n_items,)
        The discrepancy in standard deviations of replicates, large where the model fails.
    p_value, q_value : float64 arrays
        The latter by Benjamini and Hochberg.
    drawn : float64 array (at most 501,)
        Quantiles of the scores of all items in all replicates.
    """

    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    q_value: NDArray[np.float64]
    drawn: NDArray[np.float64]

    @property
    def worst_first(self) -> NDArray[np.int64]:
        """Positions of the items, the largest score first."""
        return np.argsort(-self.score, kind="stable")


_MEANING: dict[str, tuple[Assumed, str]] = {
    "agreement of a task": ("difficulty", "correlation of errors on a task"),
    "entropy of votes": ("difficulty", "distance of the entropies of votes from the mean, nats"),
    "pairs of workers": ("dependence", "mean square of correlations of pairs, standardised"),
    "closest pair": ("dependence", "largest correlation of a pair, standardised"),
    "labels of the crowd": ("skill", "deviation of label counts, in sd"),
    "labels of a worker": ("skill", "deviation of label counts of a worker, in sd"),
}
# Positive and skewed: compared as logarithms.
_LOGARITHMS = {
    "entropy of votes", "pairs of workers", "labels of a worker",
}  # fmt: skip
# What is fitted, but for the last step of an iteration: label counts off by less are not tested.
_LEAST = {"labels of the crowd": 0.05, "labels of a worker": 0.05}
_QUANTILES = 501
_TINY = 1e-9  # below this two values are one


def statistics_of(found: Replicates) -> tuple[Statistic, ...]:
    """Every statistic that there is something to measure of, with corrected p-values.

    Correction by the largest standardised statistic (Westfall and Young's step-down max-T), which
    knows how they go together.
    """
    first = _reduced(found.first)
    names = [n for n, v in first.items() if v.max() > _LEAST.get(n, -np.inf) and np.ptp(v) > _TINY]
    table = np.stack([_scale(n, first[n]) for n in names], 1)
    spread = table[1:].std(0)
    standard = (table - table[1:].mean(0)) / np.maximum(spread, 1e-12)
    p_adjusted = _step_down(standard)
    out = []
    for at, name in enumerate(names):
        assumed, meaning = _MEANING[name]
        drawn = np.exp(table[1:, at]) if name in _LOGARITHMS else table[1:, at]
        out.append(Statistic(
            name, assumed, meaning, float(first[name][0]), float(drawn.mean()),
            float(drawn.std()), float((table[:, at] >= table[0, at]).mean()), p_adjusted[at], drawn,
        ))  # fmt: skip
    return tuple(out)


def item_tests(value: NDArray[np.float32], *, low_is_bad: bool = False) -> Items:
    """One-sided tests of items, from rows of which the first is the answers'.

    Each item is measured against its own mean and spread; its tail is that of all items and
    replicates together, as a few hundred of its own would not reach far enough.
    """
    sign = -1.0 if low_is_bad else 1.0
    centre, spread = value[1:].mean(0), value[1:].std(0)
    score = sign * (value - centre) / np.where(spread > _TINY, spread, np.inf)
    pool = np.sort(score[1:], axis=None)
    beyond = pool.size - np.searchsorted(pool, score[0], side="left")
    p_value = (1.0 + beyond) / (1.0 + pool.size)
    at = np.linspace(0, pool.size - 1, min(_QUANTILES, pool.size)).astype(np.int64)
    observed = score[0].astype(np.float64)
    return Items(observed, p_value, false_discovery(p_value), pool[at].astype(np.float64))


def _reduced(found: Rows) -> dict[str, NDArray[np.float64]]:
    """Each statistic of each row."""
    entropies = found.entropies.astype(np.float64)
    out = {"agreement of a task": np.asarray(found.together)}
    distance = (entropies - entropies.mean(0)) ** 2
    out["entropy of votes"] = np.sqrt(_mean(distance))
    pair = found.pair.astype(np.float64)
    if pair.shape[1]:
        pair = (pair - pair.mean(0)) / np.maximum(pair.std(0), 1e-12)
        out["pairs of workers"] = _mean(pair**2)
        out["closest pair"] = pair.max(1)
    out["labels of the crowd"] = np.sqrt(_mean(found.label.astype(np.float64) ** 2))
    out["labels of a worker"] = np.sqrt(_mean(found.worker.astype(np.float64) ** 2))
    return out


def _mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows.mean(1)) if rows.shape[1] else np.zeros(len(rows))


def _scale(name: str, value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(value, _TINY)) if name in _LOGARITHMS else value.astype(np.float64)


def _step_down(standard: NDArray[np.float64]) -> list[float]:
    """Adjusted p-values of the first row by the maxima over the statistics not larger."""
    order = np.argsort(-standard[0], kind="stable")
    adjusted, least = np.empty(order.size), 0.0
    for at, column in enumerate(order):
        largest = standard[:, order[at:]].max(1)
        least = max(least, float((largest >= standard[0, column]).mean()))
        adjusted[column] = least
    return [float(p) for p in adjusted]
