"""What a report is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import Result
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError

if TYPE_CHECKING:
    from peerannot.predictive import ModelCheck

__all__ = ["ReportSource"]

_TITLES = {
    "dawid-skene": "Dawid-Skene",
    "glad": "GLAD",
    "iwmv": "IWMV",
    "majority-vote": "Majority vote",
    "naive-soft": "Naive soft",
    "wds": "WDS",
}
MIXED = 1e-9  # tasks whose entropies differ by less are equally uncertain


@dataclass(frozen=True, eq=False)
class ReportSource:
    """Votes, what strategies made of them, and what else is known.

    Attributes
    ----------
    name : str
        Name of the data set.
    answers : Answers
    results : mapping of str to Result
        By the name to show, in the order to show.
    main : str
        The one of ``results`` whose labels and posterior the report shows.
    why_main : str
        A sentence that says why; empty where the user chose.
    truth, gold : int array (n_tasks,) or None
        Known classes, -1 for unknown: what the data set came with, and what a person corrected.
    waum : float64 array (n_tasks,) or None
        WAUM of each task, NaN for unknown.
    images : sequence of Path or None
        Image of each task; None for a task without one, or for a data set without images.
    notes : sequence of str
        What was left out, and why; shown at the end of the report.
    kinds : sequence of str
        What each worker is, ``"human"`` or ``"model"``; empty where nobody is a model.
    groups : mapping
        Name of the group of workers that are known to be alike, by worker id.
    check : ModelCheck or None
        Whether the model behind the labels fits.
    """

    name: str
    answers: Answers
    results: Mapping[str, Result]
    main: str
    why_main: str = ""
    truth: NDArray[np.integer[Any]] | None = None
    gold: NDArray[np.integer[Any]] | None = None
    waum: NDArray[np.float64] | None = None
    images: Sequence[Path | None] | None = None
    notes: Sequence[str] = ()
    kinds: Sequence[str] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    check: ModelCheck | None = None

    def __post_init__(self) -> None:
        if self.main not in self.results:
            raise ParameterError(
                f"report: {self.main!r} is not one of the strategies {', '.join(self.results)}"
            )
        for name, result in self.results.items():
            if result.tasks != self.answers.tasks or result.classes != self.answers.classes:
                raise DataError(f"report: the result {name!r} is not of these answers")

    def title(self, name: str) -> str:
        """A strategy's name as the field writes it; what was typed, where it was typed."""
        return _TITLES.get(name, name)

    @property
    def result(self) -> Result:
        """The result whose labels are shown."""
        return self.results[self.main]

    @property
    def labels(self) -> NDArray[np.int32]:
        """Label of each task by the main strategy, -1 for undecided."""
        return self.result.labels

    @cached_property
    def votes(self) -> NDArray[np.int64]:
        """Tasks with at least one answer, as positions."""
        return np.flatnonzero(self.answers.answers_per_task > 0)

    @cached_property
    def vote_entropy(self) -> NDArray[np.float64]:
        """Entropy of the vote shares of each task in nats; NaN without answers."""
        from peerannot.agreement import vote_entropy

        return vote_entropy(self.answers)

    @cached_property
    def unanimous(self) -> NDArray[np.bool_]:
        """Tasks of two answers or more, all the same."""
        mixed = np.nan_to_num(self.vote_entropy) > MIXED
        return (self.answers.answers_per_task > 1) & ~mixed

    @cached_property
    def stacked(self) -> NDArray[np.int32]:
        """Hard labels of every strategy, int32 (n_strategies, n_tasks)."""
        return np.stack([result.labels for result in self.results.values()])

    @cached_property
    def disagreement(self) -> NDArray[np.float64]:
        """Share of pairs of strategies that label a task differently, float64 (n_tasks,)."""
        n = len(self.stacked)
        if n < 2:
            return np.zeros(self.answers.n_tasks)
        differ = np.zeros(self.answers.n_tasks)
        for a in range(n):
            for b in range(a):
                differ += self.stacked[a] != self.stacked[b]
        return differ / (n * (n - 1) / 2)

    @cached_property
    def checked(self) -> tuple[NDArray[np.integer[Any]], str] | None:
        """The best knowledge of true classes, and its name in words; None without any."""
        for array, words in (
            (self.truth, "the ground truth"),
            (self.gold, "the labels checked by a person"),
        ):
            if array is not None and bool((array >= 0).any()):
                return array, words
        return None

    def accuracy(self, labels: NDArray[np.integer[Any]]) -> float | None:
        """Share of tasks with a known class whose label is right; undecided counts as wrong."""
        if self.checked is None:
            return None
        known = self.checked[0] >= 0
        return float((labels[known] == self.checked[0][known]).mean())
