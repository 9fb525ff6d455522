"""The picture of replayed campaigns: accuracy against answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from peerannot._figures import FIGURES, new_figure, save_figure
from peerannot.io import may_write
from peerannot.replay.outcome import Replay

__all__ = ["draw_replay"]

INK, QUIET = "#1b1b1b", "#8a8a8a"
COLOURS = ("#4c78a8", "#d1495b", "#3a7d44", "#b8860b", "#7b5ea7", "#1b9aaa", "#a0522d", "#5c6b73")


def draw_replay(found: Replay, path: str | Path) -> Path:
    """Draw mean curves, the spread of seeds, where rules stopped, and the accuracy of all answers.

    Raises
    ------
    ParameterError
        The path is no ``.png``, ``.svg`` or ``.pdf``.
    MissingDependencyError
        matplotlib is not installed.
    """
    path = Path(path)
    may_write(path, force=True, suffixes=FIGURES)
    figure = new_figure(7.2, 4.4, feature="--figure")
    axes = figure.add_subplot()
    _lines(axes, found)
    axes.axhline(found.accuracy, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        f"all {found.n_answers:,} answers: {found.accuracy:.3f}", (0, found.accuracy),
        xycoords=("axes fraction", "data"), xytext=(4, 3), textcoords="offset points",
        fontsize=8.5, color=QUIET,
    )  # fmt: skip
    axes.set_xlabel("answers", color=INK)
    axes.set_ylabel("share of labels right", color=INK)
    n = len(found.runs) // len(found.policies)
    axes.set_title(
        f"{found.strategy}, {n} campaign{'s' * (n > 1)} a policy; marks: all done by the rules",
        loc="left", fontsize=10, color=INK,
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    return save_figure(figure, path)


def _lines(axes: Any, found: Replay) -> None:
    for i, (name, row) in enumerate(zip(found.policies, found.summary, strict=True)):
        curves, colour = found.curves(name), COLOURS[i % len(COLOURS)]
        mean = curves.mean(0)
        axes.plot(found.grid, mean, color=colour, linewidth=1.6, label=name, zorder=3)
        if len(curves) > 1:
            low, high = curves.min(0), curves.max(0)
            axes.fill_between(found.grid, low, high, color=colour, alpha=0.12, linewidth=0)
        if row.stopped is not None:
            height = float(np.interp(row.stopped, found.grid, mean))
            axes.plot([row.stopped], [height], "D", color=colour, markersize=7, zorder=4)
