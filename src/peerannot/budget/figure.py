"""The picture of a forecast: accuracy against further answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peerannot._figures import FIGURES, HUES, INK, mark_level, new_curves, save_curves
from peerannot.budget.curve import Curve
from peerannot.io import may_write

__all__ = ["draw"]

COLOURS = (INK, *HUES[:6])


def draw(
    curves: Sequence[Curve], path: str | Path, *, title: str, scale: str, target: float | None
) -> Path:
    """Draw each curve with its interval, and the target; ``scale`` says what accuracy it is.

    Raises
    ------
    ParameterError
        The path is no ``.png``, ``.svg`` or ``.pdf``.
    MissingDependencyError
        matplotlib is not installed.
    """
    path = Path(path)
    may_write(path, force=True, suffixes=FIGURES)
    axes = new_curves(title, "further answers", scale)
    for i, curve in enumerate(curves):
        thinned = curve.by == "thinning"
        colour = COLOURS[i % len(COLOURS)]
        label = "as until now (thinning)" if thinned else f"{curve.by}, if the model holds"
        style = "-" if thinned else (0, (5, 2))
        axes.plot(
            curve.more, curve.accuracy, color=colour, linestyle=style, linewidth=1.7, label=label
        )
        axes.fill_between(curve.more, curve.low, curve.high, color=colour, alpha=0.1, linewidth=0)
    if target is not None:
        mark_level(axes, target, f"target {target:g}", (1, 2))
    return save_curves(axes, path)
