"""Figures of a result: ``result.plot.confidence()`` and others, as matplotlib axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerannot._optional import require
from peerannot._text import did_you_mean
from peerannot.aggregation.found import Found
from peerannot.errors import DataError, ParameterError

__all__ = ["Plots"]

_COLOUR = "#2b55d4"
_GREY = "#8a909c"
_NUMBERED = 12  # classes up to which the cells of a matrix are numbered


@dataclass(frozen=True)
class Plots:
    """Figures of one result. Each method draws on ``ax``, or on a new figure, and returns it.

    Needs the extra ``report`` (matplotlib), imported when a figure is drawn.
    """

    result: Found

    def confidence(self, ax: Any = None) -> Any:
        """Histogram of the probability of the label, over the tasks."""
        ax = _axes(ax)
        ax.hist(self.result.confidence, bins=np.linspace(0, 1, 21).tolist(), color=_COLOUR)
        return _named(ax, "probability of the label", "tasks")

    def entropy(self, ax: Any = None) -> Any:
        """Histogram of the entropy of the posterior in nats, over the tasks."""
        ax = _axes(ax)
        ax.hist(self.result.entropy, bins=20, color=_COLOUR)
        return _named(ax, "entropy of the posterior (nats)", "tasks")

    def classes(self, ax: Any = None) -> Any:
        """Share of each class among the labels; undecided tasks do not count."""
        ax = _axes(ax)
        labels = self.result.labels[self.result.labels >= 0]
        counts = np.bincount(labels, minlength=len(self.result.classes))
        positions = np.arange(counts.size)
        ax.barh(positions, counts / max(counts.sum(), 1), color=_COLOUR)
        ax.set_yticks(positions, [_plain(c) for c in self.result.classes])
        ax.invert_yaxis()
        return _named(ax, "share of the labels", "")

    def workers(self, ax: Any = None) -> Any:
        """Skill of each worker against the number of its answers.

        Raises
        ------
        DataError
            The strategy does not estimate skills.
        """
        if self.result.skill is None:
            raise DataError(f"{self.result.strategy} does not estimate the skill of workers")
        ax = _axes(ax)
        ax.scatter(self.result.worker_answers, self.result.skill, s=18, color=_COLOUR, alpha=0.7)
        ax.axhline(1 / len(self.result.classes), color=_GREY, lw=1)
        ax.set_ylim(-0.03, 1.03)
        return _named(ax, "answers", "skill")

    def confusion(self, worker: str | None = None, ax: Any = None) -> Any:
        """Confusion matrix of a worker, or the mean over workers by their answers.

        Parameters
        ----------
        worker
            Its id; None for the crowd.
        ax
            Axes to draw on.

        Raises
        ------
        DataError
            The strategy does not estimate confusion matrices.
        ParameterError
            There is no such worker.
        """
        result = self.result
        if result.confusion is None:
            raise DataError(f"{result.strategy} does not estimate confusion matrices")
        if worker is None:
            weight = result.worker_answers / max(result.worker_answers.sum(), 1)
            matrix = np.einsum("j,jkl->kl", weight, result.confusion)
        elif worker in result.workers:
            matrix = result.confusion[result.workers.index_of[worker]]
        else:
            known = did_you_mean(worker, list(result.workers))
            raise ParameterError(f"there is no worker {worker!r}{known}")
        ax = _axes(ax)
        ax.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
        names = [_plain(c) for c in result.classes]
        ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
        ax.set_yticks(range(len(names)), names)
        if len(names) <= _NUMBERED:
            for (k, label), share in np.ndenumerate(matrix):
                colour = "white" if share > 0.5 else "black"
                ax.text(label, k, f"{share:.2f}", ha="center", va="center", color=colour, size=7)
        return _named(ax, "answer", "true class")

    def objective(self, ax: Any = None) -> Any:
        """Objective after each iteration.

        Raises
        ------
        DataError
            The strategy does not iterate.
        """
        values = self.result.diagnostics.objective
        if not values:
            raise DataError(f"{self.result.strategy} has no objective: it does not iterate")
        ax = _axes(ax)
        ax.plot(range(1, len(values) + 1), values, color=_COLOUR, marker=".")
        return _named(ax, "iteration", "objective")


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    pyplot = require("matplotlib.pyplot", extra="report", feature="plotting a result")
    return pyplot.subplots(layout="constrained")[1]


def _named(ax: Any, x: str, y: str) -> Any:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _plain(name: str) -> str:
    """A name that matplotlib does not read as mathematics."""
    return name.replace("$", r"\$")
