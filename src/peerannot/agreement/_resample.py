"""A coefficient with its interval, by drawing tasks again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.agreement._counts import LabelCounts
from peerannot.errors import ParameterError

__all__ = ["Coefficient", "with_interval"]


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement.

    Attributes
    ----------
    name : str
    value : float
        NaN where it is not defined: no task has two answers, or nothing varies.
    low, high : float
        Percentile bootstrap interval over tasks; NaN where none was asked for.
    n_tasks, n_answers : int
        What it rests on: tasks of two answers or more, and their answers.
    order : tuple of str
        The classes in the order that was used, where the coefficient rests on one.
    """

    name: str
    value: float
    low: float
    high: float
    n_tasks: int
    n_answers: int
    order: tuple[str, ...] = ()

    def __float__(self) -> float:
        return float(self.value)


def with_interval(
    name: str,
    counts: LabelCounts,
    statistic: Callable[[NDArray[np.float64]], float],
    *,
    n_boot: int,
    confidence: float,
    seed: int,
    progress: Progress | None = None,
) -> Coefficient:
    """A statistic of merged counts, and its percentile bootstrap interval.

    Parameters
    ----------
    statistic
        The value when each row of ``counts`` stands for so many tasks, float64 (n_rows,).
    n_boot
        Times that as many tasks are drawn, with replacement; 0 for no interval.
    confidence
        Probability that the interval holds.

    Raises
    ------
    ParameterError
        ``n_boot`` is negative, or ``confidence`` is not between 0 and 1.
    """
    if n_boot < 0:
        raise ParameterError(f"{name}: n_boot must be at least 0, not {n_boot}")
    if not 0 < confidence < 1:
        raise ParameterError(f"{name}: confidence must be between 0 and 1, not {confidence!r}")
    tell = progress or silent
    tasks = counts.tasks.astype(np.float64)
    low = high = float("nan")
    total = int(counts.tasks.sum())
    value = statistic(tasks) if total else float("nan")
    if n_boot and total:
        rng = np.random.default_rng(seed)
        drawn = np.empty(n_boot)
        for b in range(n_boot):
            drawn[b] = statistic(rng.multinomial(total, tasks / total).astype(np.float64))
            tell(b + 1, n_boot, name)
        # A draw in which nothing varies has no value and says nothing about the spread.
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size:
            tail = (1 - confidence) / 2
            low, high = map(float, np.quantile(drawn, [tail, 1 - tail]))
    pairable = counts.size >= 2
    return Coefficient(
        name,
        value,
        low,
        high,
        int(counts.tasks[pairable].sum()),
        int((counts.tasks * counts.size)[pairable].sum()),
    )
