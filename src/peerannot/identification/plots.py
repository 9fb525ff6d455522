"""Pictures of findings: how the scores are spread, and the worst images with their votes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._figures import save_figure
from peerannot._optional import require
from peerannot.answers import Answers
from peerannot.dataset import UnreadableImageError, read_picture
from peerannot.identification.base import Findings

__all__ = ["plot_findings"]

_INK, _BAR, _ACCENT, _QUIET = "#1b1b1b", "#4c78a8", "#d1495b", "#8a8a8a"
_COLUMNS, _ROWS = 6, 4
_MOST_BARS = 4


def plot_findings(
    findings: Findings, answers: Answers, paths: Mapping[str, Path], table: Path
) -> list[Path]:
    """Draw the distribution of the scores, and of tasks the worst images with their votes.

    Parameters
    ----------
    findings
        What a method found.
    answers
        The votes.
    paths
        Image of each task by key; without any, no contact sheet is drawn.
    table
        Where the table is; pictures go beside it, as ``<stem>_distribution.png`` and
        ``<stem>_worst.png``.

    Returns
    -------
    list of Path
        The pictures written; none where there is at most one score.

    Raises
    ------
    MissingDependencyError
        matplotlib is not installed.
    """
    figure_of = require("matplotlib.figure", extra="report", feature="--plot").Figure
    score = np.asarray(findings.table[findings.score], dtype=np.float64)
    known = score[np.isfinite(score)]
    written = []
    if known.size > 1:
        figure = _distribution(figure_of, findings, known)
        written.append(save_figure(figure, table.with_name(f"{table.stem}_distribution.png")))
    if findings.subject == "task" and paths:
        figure = _contact_sheet(figure_of, findings, answers, paths)
        if figure is not None:
            written.append(save_figure(figure, table.with_name(f"{table.stem}_worst.png")))
    return written


def _plain_axes(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_QUIET)
    axes.tick_params(colors=_INK, labelsize=9)


def _distribution(figure_of: Any, findings: Findings, score: NDArray[np.float64]) -> Any:
    figure = figure_of(figsize=(7, 3.8), layout="constrained")
    axes = figure.add_subplot()
    edges = np.histogram_bin_edges(score, bins=min(50, max(10, int(np.sqrt(score.size)))))
    axes.hist(score, bins=edges, color=_BAR, edgecolor="white", linewidth=0.4)
    hard = findings.table.get("too_hard")
    if hard is not None and np.any(hard):
        cut = float(np.asarray(findings.table[findings.score])[np.asarray(hard)].max())
        axes.axvline(cut, color=_ACCENT, linewidth=1.5)
        axes.annotate(
            f"pruned: {int(np.sum(hard))} tasks\nat or below {cut:.3f}",
            (cut, 0.97),
            xytext=(6, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=9,
            color=_ACCENT,
        )
    axes.set_xlabel(findings.axis or findings.score.replace("_", " "), color=_INK)
    axes.set_ylabel(f"number of {findings.subject}s", color=_INK)
    stem = _title(findings)
    axes.set_title(f"{stem}: {score.size} {findings.subject}s", loc="left", fontsize=11)
    _plain_axes(axes)
    return figure


def _title(findings: Findings) -> str:
    name = findings.table_file.removeprefix("identification/").removesuffix(".csv")
    return name.removesuffix("/scores")


def _contact_sheet(
    figure_of: Any, findings: Findings, answers: Answers, paths: Mapping[str, Path]
) -> Any:

    shown = [
        (str(task), float(score))
        for task, score in zip(findings.table["task"], findings.table[findings.score], strict=True)
        if str(task) in paths
    ][: _COLUMNS * _ROWS]
    if not shown:
        return None
    n_rows = -(-len(shown) // _COLUMNS)
    n_columns = min(_COLUMNS, len(shown))
    height = 2.9 * n_rows + 0.5
    figure = figure_of(figsize=(max(2.1 * n_columns, 4.2), height))
    stem = _title(findings)
    figure.suptitle(f"{stem}: the {len(shown)} worst, with their votes", fontsize=12)
    # Three rows of the grid to an image: title and picture, votes, and a gap.
    grid = figure.subplots(
        3 * n_rows,
        n_columns,
        squeeze=False,
        gridspec_kw={
            "height_ratios": [3, 0.9, 0.5] * n_rows,
            "left": 0.01,
            "right": 0.99,
            "bottom": 0.0,
            "top": 1 - 0.75 / height,
            "hspace": 0.03,
            "wspace": 0.06,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for place, (task, score) in enumerate(shown):
        row, column = divmod(place, _COLUMNS)
        picture, bars = grid[3 * row, column], grid[3 * row + 1, column]
        try:
            pixels = np.asarray(read_picture(paths[task]))
            smooth = "nearest" if max(pixels.shape[:2]) < 128 else "antialiased"
            picture.imshow(pixels, interpolation=smooth)
        except UnreadableImageError:
            picture.text(0.5, 0.5, "cannot be read", ha="center", va="center", fontsize=8)
        picture.set_title(f"task {task}  ({score:.3f})", fontsize=8, color=_INK, pad=3)
        _vote_bars(bars, answers, task)
    return figure


def _vote_bars(axes: Any, answers: Answers, task: str) -> None:
    """The labels with most votes, as bars with their names and numbers."""
    i = answers.tasks.index_of[task]
    votes = answers.label[answers.task_ptr[i] : answers.task_ptr[i + 1]]
    label, number = np.unique(votes, return_counts=True)
    order = np.argsort(-number, kind="stable")
    label, number = label[order], number[order]
    names = [answers.classes[int(y)] for y in label]
    height = number.tolist()
    if len(names) > _MOST_BARS:
        kept = _MOST_BARS - 1
        names = [*names[:kept], f"{len(names) - kept} others"]
        height = [*height[:kept], sum(height[kept:])]
    total = max(int(number.sum()), 1)
    axes.set_axis_on()
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    # The same room everywhere, so that the thickness of bars does not change.
    axes.set_ylim(_MOST_BARS - 0.4, -0.6)
    for at, (name, votes_of) in enumerate(zip(names, height, strict=True)):
        axes.barh(at, votes_of / total, color="#c9d8e8", height=0.9)
        text = name if len(name) <= 16 else f"{name[:15]}…"
        axes.text(0.02, at, f"{text}  {votes_of}", va="center", fontsize=7, color=_INK)
