"""Figures on paper: made without a display, written whole, the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerannot._files import atomic_path
from peerannot._optional import require

__all__ = [
    "FIGURES",
    "HUES",
    "INK",
    "QUIET",
    "mark_level",
    "new_curves",
    "new_figure",
    "save_curves",
    "save_figure",
]

FIGURES = (".png", ".svg", ".pdf")
INK, QUIET = "#1b1b1b", "#8a8a8a"
HUES = ("#4c78a8", "#d1495b", "#3a7d44", "#b8860b", "#7b5ea7", "#1b9aaa", "#a0522d", "#5c6b73")
# Dates, and versions of what drew it, would differ for the same figure.
_UNDATED: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Producer": None},
}


def new_figure(width: float, height: float, *, feature: str) -> Any:
    """An empty matplotlib figure of some inches.

    Raises
    ------
    MissingDependencyError
        matplotlib is not installed (extra ``report``); ``feature`` says what needs it.
    """
    make = require("matplotlib.figure", extra="report", feature=feature).Figure
    return make(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path, *, dpi: int = 120) -> Path:
    """Write a figure in the format of the ending of ``path``, one of `FIGURES`."""
    kind = path.suffix.lower()
    matplotlib = require("matplotlib", extra="report", feature="writing figures")
    # Without a salt the ids in an SVG are drawn anew each time.
    with matplotlib.rc_context({"svg.hashsalt": "peerannot"}), atomic_path(path) as temporary:
        figure.savefig(temporary, format=kind[1:], dpi=dpi, metadata=_UNDATED[kind])
    return path


def new_curves(title: str, x: str, y: str) -> Any:
    """Axes of a figure for curves against whole numbers; see `new_figure`."""
    axes = new_figure(7.2, 4.4, feature="--figure").add_subplot()
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    return axes


def mark_level(axes: Any, height: float, text: str, dashes: tuple[int, int], **line: Any) -> None:
    """A quiet line across curves, with what it is at its left end."""
    axes.axhline(height, color=QUIET, linewidth=1, linestyle=(0, dashes), **line)
    axes.annotate(
        text, (0, height), xycoords=("axes fraction", "data"), xytext=(4, 3),
        textcoords="offset points", fontsize=8.5, color=QUIET,
    )  # fmt: skip


def save_curves(axes: Any, path: Path) -> Path:
    """Write the figure of `new_curves`, with a legend of its curves."""
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return save_figure(axes.figure, path)
