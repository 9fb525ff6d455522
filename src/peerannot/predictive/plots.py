"""The picture of a check: statistics beside their replicates; tasks, pairs and workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from peerannot._figures import new_figure
from peerannot.predictive.significance import Assumed, Items, Statistic

__all__ = ["figure_of"]

_INK, _BAR, _ACCENT, _QUIET, _PALE = "#1b1b1b", "#4c78a8", "#d1495b", "#8a8a8a", "#c9ced6"
_SUBJECTS: dict[Assumed, tuple[str, str]] = {
    "difficulty": ("tasks", "harder than modelled"),
    "dependence": ("pairs of workers", "closer than modelled"),
    "skill": ("workers", "other labels than modelled"),
}


class Checked(Protocol):
    """What is drawn of a check."""

    @property
    def strategy(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def fits(self) -> bool: ...
    @property
    def level(self) -> float: ...
    @property
    def replicates(self) -> int: ...
    @property
    def statistics(self) -> Sequence[Statistic]: ...
    @property
    def items(self) -> Any: ...


def figure_of(check: Checked) -> Any:
    """Draw a check on a new figure.

    Raises
    ------
    MissingDependencyError
        matplotlib is not installed.
    """
    figure = new_figure(9.6, 6.4, feature="the picture of a check")
    above, below = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    _statistics(above.add_subplot(), check)
    for axes, name in zip(below.subplots(1, len(_SUBJECTS)), _SUBJECTS, strict=True):
        _items(axes, name, check.items[name], check.level)
    state = "fits" if check.fits else "passes, with misfit" if check.passed else "fails"
    figure.suptitle(
        f"{check.strategy} {state}: the answers beside {check.replicates} replicates",
        x=0.01, ha="left", fontsize=12, color=_INK,
    )  # fmt: skip
    return figure


def _statistics(axes: Any, check: Checked) -> None:
    """Every statistic in standard deviations of its replicates; those far off on a log scale."""
    found = check.statistics
    axes.set_xscale("symlog", linthresh=4)
    for row, statistic in enumerate(found):
        spread = statistic.spread or 1.0
        drawn = (statistic.drawn - statistic.expected) / spread
        observed = (statistic.observed - statistic.expected) / spread
        # Points one above the other by their order, so that the picture is the same each time.
        jitter = 0.5 * (np.arange(drawn.size) * 0.618 % 1 - 0.5)
        axes.plot(drawn, row + jitter, ".", color=_PALE, markersize=4, zorder=1)
        colour = _ACCENT if statistic.p_adjusted <= check.level else _BAR
        axes.plot([observed], [row], "D", color=colour, markersize=8, zorder=3)
        axes.annotate(
            f"p = {statistic.p_adjusted:.3f}", (1.01, row), xycoords=("axes fraction", "data"),
            va="center", fontsize=9, color=colour, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(
        range(len(found)), [f"{s.name} ({s.assumption})" for s in found], fontsize=9, color=_INK
    )
    axes.set_ylim(len(found) - 0.4, -0.6)
    ticks = [t for t in (-4, -2, 0, 2, 4, 10, 30, 100) if _within(axes.get_xlim(), t)]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("standard deviations from the mean of the replicates (grey)", color=_INK)
    _plain(axes)


def _items(axes: Any, name: Assumed, items: Items, level: float) -> None:
    subject, axis = _SUBJECTS[name]
    axes.set_xlabel(f"{axis} (in sd)", fontsize=9, color=_INK)
    _plain(axes)
    if not items.score.size:
        axes.set_title(f"{subject}: none to look at", loc="left", fontsize=10)
        axes.set_yticks([])
        return
    ends = np.concatenate((items.score, items.drawn))
    edges = np.linspace(ends.min(), max(ends.max(), ends.min() + 1e-6), 41)
    flagged = items.q_value <= level
    axes.hist(
        [items.score[~flagged], items.score[flagged]], edges, stacked=True, color=[_BAR, _ACCENT]
    )
    weight = np.full(items.drawn.size, items.score.size / items.drawn.size)
    axes.hist(items.drawn, edges, weights=weight, histtype="step", color=_INK, linewidth=1.1)
    axes.set_title(
        f"{subject}: {int(flagged.sum())} of {items.score.size} flagged", loc="left", fontsize=10
    )


def _within(limits: tuple[float, float], value: float) -> bool:
    return limits[0] <= value <= limits[1]


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_QUIET)
    axes.tick_params(colors=_INK, labelsize=9)
