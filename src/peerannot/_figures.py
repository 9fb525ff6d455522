"""Figures on paper: made without a display, written whole, the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerannot._files import atomic_path
from peerannot._optional import require

__all__ = ["FIGURES", "new_figure", "save_figure"]

FIGURES = (".png", ".svg", ".pdf")
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
