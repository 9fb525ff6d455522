"""The picture of a forecast: accuracy against further answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peerannot._figures import FIGURES, new_figure, save_figure
from peerannot.budget.curve import Curve
from peerannot.io import may_write

__all__ = ["draw"]

INK, QUIET = "#1b1b1b", "#8a8a8a"
COLOURS = ("#1b1b1b", "#4c78a8", "#d1495b", "#3a7d44", "#b8860b", "#7b5ea7", "#1b9aaa")


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
    figure = new_figure(7.2, 4.4, feature="--figure")
    axes = figure.add_subplot()
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
        axes.axhline(target, color=QUIET, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(
            f"target {target:g}", (0, target), xycoords=("axes fraction", "data"),
            xytext=(4, 3), textcoords="offset points", fontsize=8.5, color=QUIET,
        )  # fmt: skip
    axes.set_xlabel("further answers", color=INK)
    axes.set_ylabel(scale, color=INK)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    return save_figure(figure, path)
