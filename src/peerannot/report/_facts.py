"""All numbers of a report, as one document of plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerannot.report._check import check_facts
from peerannot.report._judges import Judges
from peerannot.report._numbers import bars, short, shorts, triples
from peerannot.report._source import ReportSource
from peerannot.report._tasks import AMBIGUOUS, task_table, worst_first
from peerannot.report._words import sentences
from peerannot.report._workers import WorkerFacts

__all__ = ["facts"]

_MATRIX = 24  # classes of a matrix that can still be read
_DRAWS = 500


def facts(source: ReportSource, *, n_tasks: int = 1000) -> dict[str, Any]:
    """The document that the page is drawn from, without the images.

    Parameters
    ----------
    source
        Votes and results.
    n_tasks
        Most tasks in the explorer; the most uncertain ones where there are more.

    Notes
    -----
    Cost O(answers + n_tasks_in_all * n_strategies^2). The same source gives the same document.
    """
    from peerannot.agreement import krippendorff_alpha

    answers, result = source.answers, source.result
    judges = Judges(source)
    workers = WorkerFacts(source)
    alpha = krippendorff_alpha(answers, n_boot=_DRAWS)
    shown = worst_first(source, n_tasks)
    tasks, wanted = task_table(source, shown)
    table = workers.table(wanted)
    place = np.full(max(answers.n_workers, 1), -1, np.int64)
    place[table["position"]] = np.arange(len(table["position"]))
    tasks["votes"] = [
        np.stack((place[v[:, 0]], v[:, 1]), axis=1).ravel().tolist() for v in tasks["votes"]
    ]
    voted = source.votes
    confidence = result.confidence[voted]
    document: dict[str, Any] = {
        "name": source.name,
        "classes": list(answers.classes),
        "main": list(source.results).index(source.main),
        "why_main": source.why_main,
        "totals": {
            "tasks": answers.n_tasks,
            "workers": int((answers.answers_per_worker > 0).sum()),
            "answers": answers.n_answers,
            "classes": answers.n_classes,
            "unanswered": answers.n_tasks - len(voted),
            "unanimous": int(source.unanimous.sum()),
            "repeated": int((answers.answers_per_task > 1).sum()),
            "undecided": int((source.labels[voted] < 0).sum()),
            "ambiguous": int((confidence < AMBIGUOUS).sum()),
            "confidence": short(confidence.mean()) if voted.size else None,
            "flagged": int(workers.flagged.sum()),
            "accuracy": short(source.accuracy(source.labels)),
            "known": 0 if source.checked is None else int((source.checked[0] >= 0).sum()),
            "checked_by": "" if source.checked is None else source.checked[1],
        },
        "ambiguous_below": AMBIGUOUS,
        "alpha": {"value": short(alpha.value), "low": short(alpha.low), "high": short(alpha.high)},
        "bars": {
            "answers_per_task": bars(answers.answers_per_task, whole=True),
            "answers_per_worker": bars(
                answers.answers_per_worker[answers.answers_per_worker > 0], whole=True
            ),
            "confidence": bars(confidence),
            "votes_entropy": bars(_normalised(source)),
        },
        "balance": _balance(source),
        "confusion": _confusion(source),
        "strategies": _strategies(source),
        "strategy_agreement": _between(source),
        "workers": _titled(source, table["columns"]),
        "tasks": tasks,
        "check": check_facts(source, tasks["id"], table["columns"]["id"]),
        "judges": judges.facts(table["columns"]["id"]),
        "notes": list(source.notes),
        "position": shown,
    }
    document["words"] = sentences(document) + judges.words()
    return document


def _titled(source: ReportSource, columns: dict[str, Any]) -> dict[str, Any]:
    names = {k: columns[k] and source.title(columns[k]) for k in ("skill_by", "spam_score_by")}
    return {**columns, **names}


def _normalised(source: ReportSource) -> Any:
    """Vote entropy of the tasks of two answers or more, over its largest value, log K."""
    several = source.answers.answers_per_task > 1
    return source.vote_entropy[several] / np.log(max(source.answers.n_classes, 2))


def _balance(source: ReportSource) -> dict[str, Any]:
    """Share of each class among the answers, the votes, the labels, and the truth."""
    k = source.answers.n_classes

    def shares(labels: Any) -> list[float | int | None]:
        counts = np.bincount(labels[labels >= 0], minlength=k)
        return shorts(counts / max(counts.sum(), 1))

    decided = source.labels[source.votes]
    return {
        "answers": shares(source.answers.label),
        "labels": shares(decided),
        "truth": None if source.checked is None else shares(source.checked[0]),
    }


def _confusion(source: ReportSource) -> dict[str, Any]:
    """Counts of (label of the task, answer), and the pairs of classes confused most."""
    answers = source.answers
    label = source.labels[answers.task]
    decided = label >= 0
    row, column, count = triples(label[decided], answers.label[decided], answers.n_classes)
    k = answers.n_classes
    wrong = row != column
    total = np.bincount(row, weights=count, minlength=k)
    mixed = np.bincount(row[wrong], weights=count[wrong], minlength=k) + np.bincount(
        column[wrong], weights=count[wrong], minlength=k
    )
    chosen = np.sort(np.lexsort((np.arange(k), -mixed))[:_MATRIX])
    shown = np.isin(row, chosen) & np.isin(column, chosen)
    pairs = np.flatnonzero(wrong)
    pairs = pairs[np.lexsort((column[pairs], row[pairs], -count[pairs]))][:10]
    return {
        "classes": chosen.tolist(),
        "cells": np.stack((row, column, count), axis=1)[shown].ravel().tolist(),
        "pairs": [
            [int(row[i]), int(column[i]), int(count[i]), short(count[i] / total[row[i]])]
            for i in pairs
        ],
    }


def _strategies(source: ReportSource) -> list[dict[str, Any]]:
    voted = source.votes
    plain = next((r for r in source.results.values() if r.strategy == "majority-vote"), None)
    return [
        {
            "name": source.title(name),
            "kind": result.strategy,
            "accuracy": short(source.accuracy(result.labels)),
            "confidence": short(result.confidence[voted].mean()) if voted.size else None,
            "undecided": int((result.labels[voted] < 0).sum()),
            "changed": None
            if plain is None
            else int((result.labels[voted] != plain.labels[voted]).sum()),
            "converged": result.diagnostics.converged,
        }
        for name, result in source.results.items()
    ]


def _between(source: ReportSource) -> list[list[float | int | None]]:
    """Share of tasks on which each two strategies give the same label."""
    labels = source.stacked[:, source.votes]
    if not labels.size:
        return [[None] * len(labels)] * len(labels)
    return [shorts((labels == row).mean(1)) for row in labels]
