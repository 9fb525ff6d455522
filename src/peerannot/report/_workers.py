"""What is told of each worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.report._numbers import shorts, triples
from peerannot.report._source import ReportSource

__all__ = ["FEW", "WorkerFacts"]

FEW = 10  # answers under which nothing is held against a worker
_CARDS = 400
_CELLS = 120_000
_MOST_COUNTS = 2**25  # entries of all confusion matrices, 256 MiB


@dataclass(frozen=True, eq=False)
class WorkerFacts:
    """Agreement, skill, spam score and flags of the workers of a source, arrays (n_workers,)."""

    source: ReportSource

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is the label of its task."""
        answers = self.source.answers
        return np.asarray(answers.label == self.source.labels[answers.task])

    @cached_property
    def judged(self) -> NDArray[np.int64]:
        """Answers of each worker to tasks that have a label."""
        answers = self.source.answers
        decided = self.source.labels[answers.task] >= 0
        return np.bincount(answers.worker[decided], minlength=answers.n_workers)

    @cached_property
    def hits(self) -> NDArray[np.int64]:
        answers = self.source.answers
        return np.bincount(answers.worker[self.right], minlength=answers.n_workers)

    @cached_property
    def interval(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wilson's 95 % interval of the agreement with the labels."""
        from peerannot.agreement import wilson

        return wilson(self.hits, self.judged)

    @cached_property
    def agreement(self) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            return np.asarray(self.hits / self.judged)

    @cached_property
    def favourite(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The class that each worker gives most, and its share of the worker's answers."""
        answers = self.source.answers
        worker, label, count = triples(answers.worker, answers.label, answers.n_classes)
        top = np.full(answers.n_workers, -1, np.int64)
        most = np.zeros(answers.n_workers)
        # From the last to the first, so that the first of equals stays.
        order = np.lexsort((-label, count))
        top[worker[order]], most[worker[order]] = label[order], count[order]
        with np.errstate(invalid="ignore"):
            return top, most / answers.answers_per_worker

    @cached_property
    def spam(self) -> tuple[NDArray[np.float64], str] | None:
        """Spam scores, and the strategy whose confusion matrices they rest on."""
        from peerannot.identification import spam_score

        for name, result in self.source.results.items():
            if result.strategy == "dawid-skene" and result.confusion is not None:
                return spam_score(result.confusion), name
        for name, result in self.source.results.items():
            if result.confusion is not None:
                return spam_score(result.confusion), name
        return None

    @cached_property
    def skill(self) -> tuple[NDArray[np.float64], str] | None:
        """Estimated probability of being right, and the strategy that estimated it."""
        results = {self.source.main: self.source.result, **self.source.results}
        for name, result in results.items():
            if result.skill is not None:
                return result.skill, name
        return None

    @cached_property
    def near_chance(self) -> NDArray[np.bool_]:
        """Nearer to chance than to the crowd, even at the upper end of the interval."""
        answers = self.source.answers
        if not self.judged.sum():
            return np.zeros(answers.n_workers, np.bool_)
        overall = self.hits.sum() / self.judged.sum()
        limit = (1 / answers.n_classes + overall) / 2
        below = np.nan_to_num(self.interval[1], nan=1.0) < limit
        return np.asarray((self.judged >= FEW) & below)

    @cached_property
    def one_class(self) -> NDArray[np.bool_]:
        """Gives one class nearly always, where that class is not what most tasks have."""
        answers = self.source.answers
        labels = self.source.labels
        share = np.bincount(labels[labels >= 0], minlength=answers.n_classes) / max(labels.size, 1)
        top, most = self.favourite
        return np.asarray(
            (answers.answers_per_worker >= FEW)
            & (np.nan_to_num(most) >= 0.9)
            & (share[np.maximum(top, 0)] < 0.6)
        )

    @cached_property
    def straight(self) -> NDArray[np.bool_]:
        """Repeats the same answer more often than the tasks explain, see `worker_cards`."""
        from peerannot.identification import worker_cards

        answers = self.source.answers
        none = np.zeros(answers.n_workers, np.bool_)
        if answers.n_workers * answers.n_classes**2 > _MOST_COUNTS or not answers.n_answers:
            return none
        columns, _ = worker_cards(answers, self.source.result, min_answers=FEW)
        return np.array([p == "straight-lining" for p in columns["pattern"]], np.bool_)

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        return self.near_chance | self.one_class | self.straight

    def order(self) -> NDArray[np.int64]:
        """Workers with answers: the flagged first, then those who answered most."""
        answers = self.source.answers
        count = answers.answers_per_worker
        order = np.lexsort((np.arange(answers.n_workers), -count, ~self.flagged))
        return order[count[order] > 0]

    def table(self, wanted: NDArray[np.int64]) -> dict[str, Any]:
        """Columns for the page. Only the first workers have a confusion matrix.

        ``wanted`` are workers that must have a name and a skill, if no card.
        """
        order = self.order()
        cells = self._cells(order[:_CARDS])
        kept = order[: len(cells)]
        rest = np.setdiff1d(wanted, kept)
        shown = np.concatenate((kept, rest)).astype(np.int64)
        answers = self.source.answers
        top, most = self.favourite
        low, high = self.interval
        spam = None if self.spam is None else shorts(self.spam[0][shown], 3)
        skill = None if self.skill is None else shorts(self.skill[0][shown], 3)
        flags = (
            ("near-chance", self.near_chance),
            ("one-class", self.one_class),
            ("straight-lining", self.straight),
        )
        return {
            "position": shown,
            "columns": {
                "id": [answers.workers[int(w)] for w in shown],
                "answers": answers.answers_per_worker[shown].tolist(),
                "agreement": shorts(self.agreement[shown], 3),
                "low": shorts(low[shown], 3),
                "high": shorts(high[shown], 3),
                "favourite": top[shown].tolist(),
                "favourite_share": shorts(most[shown], 3),
                "flags": [[name for name, has in flags if has[w]] for w in shown],
                "skill": skill,
                "spam_score": spam,
                "confusion": cells,
                "total": len(order),
                "skill_by": None if self.skill is None else self.skill[1],
                "spam_score_by": None if self.spam is None else self.spam[1],
            },
        }

    def _cells(self, kept: NDArray[np.int64]) -> list[list[int]]:
        """Confusion counts [label, answer, count, ...] of the first workers that fit."""
        answers = self.source.answers
        slot = np.full(answers.n_workers, -1, np.int64)
        slot[kept] = np.arange(len(kept))
        labels = self.source.labels[answers.task]
        rows = (slot[answers.worker] >= 0) & (labels >= 0)
        k = answers.n_classes
        keys, count = np.unique(
            (slot[answers.worker[rows]] * k + labels[rows]) * k + answers.label[rows],
            return_counts=True,
        )
        owner = keys // (k * k)
        cells = np.stack((keys // k % k, keys % k, count), axis=1)
        ends = np.searchsorted(owner, np.arange(len(kept)), side="right")
        n = int(np.searchsorted(ends, _CELLS, side="right"))
        starts = np.concatenate(([0], ends))
        return [cells[starts[i] : ends[i]].ravel().tolist() for i in range(n)]
