"""Reliability diagrams: how often labels of some confidence are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._figures import FIGURES, new_figure, save_figure
from peerannot.aggregation import Result
from peerannot.io import may_write
from peerannot.selection.metrics import BINS, judged

__all__ = ["Bin", "Reliability", "draw_reliability", "reliability"]

INK, BEFORE, AFTER, QUIET = "#1b1b1b", "#d1495b", "#4c78a8", "#8a8a8a"


@dataclass(frozen=True)
class Bin:
    """Labels of about one confidence: their mean confidence, the share right, and how many."""

    confidence: float
    right: float
    n: int


@dataclass(frozen=True)
class Reliability:
    """What a diagram shows of one strategy.

    Attributes
    ----------
    strategy : str
    before, after : tuple of Bin
        As it is, and calibrated.
    ece, ece_after : float
    """

    strategy: str
    before: tuple[Bin, ...]
    after: tuple[Bin, ...] = ()
    ece: float = 0.0
    ece_after: float = 0.0


def reliability(result: Result, truth: Any) -> tuple[Bin, ...]:
    """The 15 equal bins of confidence that have labels, see `Scores`.

    Parameters
    ----------
    result
    truth
        As `peerannot.selection.evaluate` has it.

    Raises
    ------
    DataError
        There is no truth, or it does not fit.
    """
    one = judged(result, truth)
    at = np.minimum((one.confidence * BINS).astype(np.int64), BINS - 1)
    n = np.bincount(at, minlength=BINS)
    total = [np.bincount(at, each, BINS) for each in (one.confidence, one.right)]
    return tuple(
        Bin(float(total[0][i] / n[i]), float(total[1][i] / n[i]), int(n[i]))
        for i in np.flatnonzero(n)
    )


def draw_reliability(found: Sequence[Reliability], path: str | Path) -> Path:
    """Draw a panel a strategy: share of right labels by confidence, and how many labels there are.

    Parameters
    ----------
    found
    path
        A ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    ParameterError
        The path has another ending.
    MissingDependencyError
        matplotlib is not installed.
    """
    path = Path(path)
    may_write(path, force=True, suffixes=FIGURES)
    columns = min(len(found), 3)
    rows = -(-len(found) // columns)
    figure = new_figure(3.3 * columns + 0.3, 3.9 * rows + 0.4, feature="--figure")
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[4, 1] * rows)
    for i, one in enumerate(found):
        row, column = divmod(i, columns)
        above = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=above)
        _panel(above, below, one, first=i == 0)
    return save_figure(figure, path)


def _panel(above: Any, below: Any, one: Reliability, *, first: bool) -> None:
    above.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    share = 1.0 / max(sum(b.n for b in one.before), 1)
    series = [(one.before, BEFORE, "o", f"as it is, ECE {one.ece:.3f}")]
    if one.after:
        series.append((one.after, AFTER, "s", f"calibrated, ECE {one.ece_after:.3f}"))
    for bins, colour, marker, label in series:
        confidence, right = [b.confidence for b in bins], [b.right for b in bins]
        # Few labels say little: the area of a mark is their number.
        area = [8 + 120 * b.n * share for b in bins]
        above.plot(confidence, right, color=colour, linewidth=1, alpha=0.45, zorder=2)
        above.scatter(
            confidence, right, s=area, color=colour, marker=marker, label=label, clip_on=False,
            linewidth=0, zorder=3,
        )  # fmt: skip
    width = 0.9 / BINS / len(series)
    for j, (bins, colour, *_) in enumerate(series):
        middle = [(min(int(b.confidence * BINS), BINS - 1) + 0.5) / BINS for b in bins]
        shift = (j - (len(series) - 1) / 2) * width
        below.bar(
            [m + shift for m in middle], [b.n * share for b in bins], width=width, color=colour
        )
    above.set_title(one.strategy, fontsize=10, color=INK, loc="left")
    above.set(xlim=(0, 1), ylim=(0, 1))
    below.set(ylim=(0, 1))
    above.tick_params(labelbottom=False, labelsize=8)
    below.tick_params(labelsize=8)
    below.set_xlabel("confidence", fontsize=9)
    if first:
        above.set_ylabel("share of labels right", fontsize=9)
        below.set_ylabel("of labels", fontsize=9)
    for handle in above.legend(fontsize=7.5, frameon=False, loc="upper left").legend_handles:
        handle.set_sizes([25])
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
