"""Krippendorff's alpha for four levels of measurement, in linear time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._loops import native
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.agreement._counts import LabelCounts, check_matrix
from peerannot.agreement._resample import Coefficient, with_interval
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError

__all__ = ["Metric", "class_values", "krippendorff_alpha"]

Metric = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(
    answers: Answers,
    metric: Metric | Callable[[str, str], float] | ArrayLike = "nominal",
    *,
    values: ArrayLike | None = None,
    n_boot: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Coefficient:
    r"""Krippendorff's alpha: agreement beyond chance, any number of answers a task.

    .. math::
        \alpha = 1 - \frac{D_o}{D_e}, \qquad
        D_o = \frac1n \sum_{ck} o_{ck} \delta^2_{ck}, \qquad
        D_e = \frac{1}{n(n-1)} \sum_{ck} n_c n_k \delta^2_{ck}

    with :math:`o` the coincidence matrix, :math:`n_c` its margins, :math:`n` its sum. The
    squared difference of two values is 1 where they differ (nominal); the square of the number
    of answers between their ranks (ordinal); :math:`(c-k)^2` (interval);
    :math:`((c-k)/(c+k))^2` (ratio).

    Parameters
    ----------
    answers
        The votes; tasks of fewer than two answers play no part.
    metric
        Level of measurement. For ``"ordinal"`` classes ascend in the order of
        ``answers.classes``, which ``order`` of the result names. Or the (squared) differences
        themselves: a matrix (n_classes, n_classes), or a function of the names of two classes.
    values
        Value of each class for ``"interval"`` and ``"ratio"``; by default the names of the
        classes where all are numbers, else 0..K-1.
    n_boot
        Bootstrap draws of tasks for the interval; 0 for none.
    confidence
        Of the interval.
    seed
        Seed of the draws.

    Raises
    ------
    ParameterError
        An option is out of range.
    DataError
        ``values`` are not one finite number a class, or negative for ``"ratio"``; differences
        are not finite, negative, not symmetric, or not 0 between equal classes.

    Notes
    -----
    Cost O(answers). The sum over pairs of values in a task needs no coincidence matrix: for
    interval it is :math:`2 (n \sum x^2 - (\sum x)^2)`, and ordinal is interval on mean ranks.
    Ratio and given differences visit the pairs of distinct labels of a task, and of classes.

    References
    ----------
    Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. University of
    Pennsylvania, sections D and E.
    """
    counts = LabelCounts.of(answers).merged(at_least=2)
    if not isinstance(metric, str):
        differences = _differences(metric, answers.classes)
        between = np.empty(counts.size.size)
        native.agreement_differences(
            counts.ptr, counts.label, counts.count, differences, between, threads=threads()
        )
        between /= np.maximum(counts.size - 1, 1)

        def given(tasks: NDArray[np.float64]) -> float:
            margin = counts.margins(tasks)
            expected = float(margin @ differences @ margin)
            return (
                1 - (margin.sum() - 1) * float(tasks @ between) / expected if expected else np.nan
            )

        return with_interval(
            "krippendorff-alpha-custom", counts, given, n_boot=n_boot, confidence=confidence,
            seed=seed, progress=progress,
        )  # fmt: skip
    if metric not in get_args(Metric):
        raise ParameterError(
            f"metric must be one of {', '.join(get_args(Metric))}, a function or a matrix,"
            f" not {metric!r}"
        )
    metric = cast(Metric, metric)
    number = class_values(answers.classes, values, metric)
    fixed = None if metric == "ordinal" else _observed(counts, metric, number)

    def statistic(tasks: NDArray[np.float64]) -> float:
        margin = counts.margins(tasks)
        total = margin.sum()
        if metric == "ordinal":
            # Mean rank of each class: the ordinal difference is the interval one of these.
            rank = (np.cumsum(margin) - margin / 2) / total
            observed = _observed(counts, "interval", rank)
            expected = _expected("interval", margin, rank)
        else:
            assert fixed is not None
            observed = fixed
            expected = _expected(metric, margin, number)
        if expected <= 0:
            return float("nan")
        return float(1 - (total - 1) * (tasks @ observed) / expected)

    found = with_interval(
        f"krippendorff-alpha-{metric}",
        counts,
        statistic,
        n_boot=n_boot,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )
    return replace(found, order=tuple(answers.classes)) if metric == "ordinal" else found


def _differences(
    metric: Callable[[str, str], float] | ArrayLike, classes: Ids
) -> NDArray[np.float64]:
    """Differences between classes as given, float64 (n_classes, n_classes)."""
    k = len(classes)
    check_matrix(k)
    if callable(metric):
        metric = [[metric(a, b) for b in classes] for a in classes]
    try:
        matrix = np.asarray(metric, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise DataError("metric: the differences must be numbers") from None
    if matrix.shape != (k, k):
        raise DataError(f"metric: expected differences of shape {(k, k)}, not {matrix.shape}")
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise DataError("metric: differences must be finite and not negative")
    if np.diagonal(matrix).any() or not np.allclose(matrix, matrix.T):
        raise DataError("metric: differences must be symmetric, and 0 between equal classes")
    return matrix


def class_values(
    classes: Ids, values: ArrayLike | None, metric: Metric = "interval"
) -> NDArray[np.float64]:
    """The number that each class stands for, float64 (n_classes,)."""
    if values is None:
        try:
            number = np.array([float(name) for name in classes])
        except ValueError:
            number = np.arange(len(classes), dtype=np.float64)
    else:
        number = np.asarray(values, dtype=np.float64, order="C")
    if number.shape != (len(classes),) or not np.isfinite(number).all():
        raise DataError(f"values: expected one finite number for each of {len(classes)} classes")
    if metric == "ratio" and (number < 0).any():
        raise DataError("values: the ratio metric needs values >= 0")
    return number


def _observed(
    counts: LabelCounts, metric: Metric, number: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Disagreement of each row: sum over ordered pairs of answers / (answers - 1)."""
    size = counts.size.astype(np.float64)
    count = counts.count.astype(np.float64)
    if metric == "nominal":
        pairs = size**2 - counts.row_sums(count**2)
    elif metric == "interval":
        x = number[counts.label]
        first = counts.row_sums(count * x) / size
        spread = x - counts.per_entry(first)
        pairs = 2 * size * counts.row_sums(count * spread**2)
    else:
        pairs = np.empty(counts.size.size)
        native.agreement_ratio_differences(
            counts.ptr, counts.label, counts.count, number, pairs, threads=threads()
        )
    return np.asarray(pairs / (size - 1))


def _expected(metric: Metric, margin: NDArray[np.float64], number: NDArray[np.float64]) -> float:
    """Sum over ordered pairs of classes of the product of margins and the difference."""
    total = margin.sum()
    if metric == "nominal":
        return float(total**2 - (margin**2).sum())
    if metric == "interval":
        mean = (margin @ number) / total
        return float(2 * total * (margin @ (number - mean) ** 2))
    return native.agreement_ratio_margins(margin, number)
