"""The picture of replayed campaigns: accuracy against answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from peerannot._figures import FIGURES, HUES, mark_level, new_curves, save_curves
from peerannot.io import may_write
from peerannot.replay.outcome import Replay

__all__ = ["draw_replay"]


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
    n = len(found.runs) // len(found.policies)
    title = f"{found.strategy}, {n} campaign{'s' * (n > 1)} a policy; marks: all done by the rules"
    axes = new_curves(title, "answers", "share of labels right")
    _lines(axes, found)
    all_ = f"all {found.n_answers:,} answers: {found.accuracy:.3f}"
    mark_level(axes, found.accuracy, all_, (4, 3), zorder=1)
    return save_curves(axes, path)


def _lines(axes: Any, found: Replay) -> None:
    for i, (name, row) in enumerate(zip(found.policies, found.summary, strict=True)):
        curves, colour = found.curves(name), HUES[i % len(HUES)]
        mean = curves.mean(0)
        axes.plot(found.grid, mean, color=colour, linewidth=1.6, label=name, zorder=3)
        if len(curves) > 1:
            low, high = curves.min(0), curves.max(0)
            axes.fill_between(found.grid, low, high, color=colour, alpha=0.12, linewidth=0)
        if row.stopped is not None:
            height = float(np.interp(row.stopped, found.grid, mean))
            axes.plot([row.stopped], [height], "D", color=colour, markersize=7, zorder=4)
