"""Which differences between strategies are more than the luck of the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerannot._figures import FIGURES, new_figure, save_figure
from peerannot.io import may_write

__all__ = ["Behind", "behind_the_best", "draw_behind"]

AT_ONCE = 2**24  # weights of tasks that are drawn at once


@dataclass(frozen=True)
class Behind:
    """How far a strategy is behind the best one, with a 95 % interval.

    Attributes
    ----------
    value : float
    low, high : float
        Where ``low`` is above 0, the difference is more than the luck of the tasks.
    """

    value: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0


def behind_the_best(
    values: Sequence[NDArray[np.float64]],
    sizes: Sequence[NDArray[np.float64]],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> list[Behind]:
    """Differences to the best mean, paired over the tasks of one or several data sets.

    Parameters
    ----------
    values
        Of each data set, (n_tasks, n_strategies): what each task adds to the score; larger is
        better.
    sizes
        Of each data set, (n_tasks,): what it is divided by, such as answers.
    draws, seed
        Times that the tasks of each set are drawn anew, with replacement.

    Returns
    -------
    list of Behind, in the order of the strategies

    Notes
    -----
    A score is the mean over the sets of the sums of values over sizes. The intervals hold
    together with 95 %: a difference is its value more or less c standard errors, with c the 95 %
    quantile, over the draws, of the largest deviation among all pairs of strategies in their own
    standard errors. So it may be read after the best was found on the same tasks. They tell of
    tasks like these, not of other data sets. Cost: O(draws x (tasks x strategies + strategies
    squared)).

    References
    ----------
    Westfall, P. H. and Young, S. S. (1993). Resampling-based multiple testing, chapter 2.
    """
    rng = np.random.default_rng(seed)
    score = np.mean([v.sum(0) / s.sum() for v, s in zip(values, sizes, strict=True)], 0)
    drawn = np.zeros((draws, score.size))
    for value, size in zip(values, sizes, strict=True):
        n = len(value)
        step = max(1, AT_ONCE // max(n, 1))
        for low in range(0, draws, step):
            rows = slice(low, min(low + step, draws))
            weight = rng.multinomial(n, np.full(n, 1.0 / n), rows.stop - low).astype(np.float64)
            drawn[rows] += (weight @ value) / (weight @ size)[:, None] / len(values)
    moved = drawn - score
    error = np.sqrt(
        np.maximum(
            moved.var(0)[:, None] + moved.var(0) - 2 * np.cov(moved.T, ddof=0).reshape(
                score.size, score.size
            ), 0,
        )
    )  # fmt: skip
    largest = np.zeros(draws)
    for i in range(score.size):
        gap = np.abs(moved - moved[:, [i]])
        known = error[i] > 1e-12
        if known.any():
            largest = np.maximum(largest, (gap[:, known] / error[i][known]).max(1))
    reach = float(np.quantile(largest, 0.95))
    best = int(score.argmax())
    error[best, best] = 0.0  # what is left there is rounding
    return [
        Behind(
            float(score[best] - score[i]),
            float(score[best] - score[i] - reach * error[best, i]),
            float(score[best] - score[i] + reach * error[best, i]),
        )
        for i in range(score.size)
    ]


def draw_behind(rows: Sequence[tuple[str, Behind]], path: str | Path, *, what: str) -> Path:
    """Draw how far each strategy is behind the best, with its interval.

    Parameters
    ----------
    rows
        Strategies in order, the best first.
    path
        A ``.png``, ``.svg`` or ``.pdf``.
    what
        What they are compared by.

    Raises
    ------
    ParameterError
        The path has another ending.
    MissingDependencyError
        matplotlib is not installed.
    """
    path = Path(path)
    may_write(path, force=True, suffixes=FIGURES)
    figure = new_figure(7.0, 1.1 + 0.27 * len(rows), feature="--figure")
    axes = figure.add_subplot()
    axes.axvline(0, color="#8a8a8a", linewidth=1)
    for real, colour, label in (
        (False, "#4c78a8", "may be as good as the first"), (True, "#d1495b", "behind it"),
    ):  # fmt: skip
        at = [i for i, (_, one) in enumerate(rows) if one.real == real]
        if at:
            value = [rows[i][1].value for i in at]
            reach = [rows[i][1].high - rows[i][1].value for i in at]
            axes.errorbar(
                value, at, xerr=reach, fmt="o", color=colour, markersize=4, linewidth=1.3,
                label=label,
            )  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"behind {rows[0][0]}: {what}, 95 % together", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return save_figure(figure, path)
