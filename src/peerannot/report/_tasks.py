"""What is told of each task, and which tasks are shown where there are very many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.report._numbers import short, shorts
from peerannot.report._source import ReportSource

__all__ = ["AMBIGUOUS", "task_table", "worst_first"]

AMBIGUOUS = 0.8  # confidence under which a task is called ambiguous
_VOTES = 100_000  # votes shown in all, so that the file stays small
_POSTERIOR = 6  # classes shown of a posterior


def worst_first(source: ReportSource, n: int) -> NDArray[np.int64]:
    """Positions of the ``n`` most uncertain tasks.

    By entropy of the posterior of the main strategy, then of the votes, then by position.
    """
    posterior = np.round(source.result.entropy, 6)
    votes = np.round(np.nan_to_num(source.vote_entropy), 6)
    return np.lexsort((np.arange(posterior.size), -votes, -posterior))[:n]


def task_table(
    source: ReportSource, shown: NDArray[np.int64]
) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Columns for the page, and the workers who answered (positions, ascending).

    ``votes`` are ``[worker, class, ...]`` with the worker's position in the answers; the caller
    puts the page's own numbers in their place.
    """
    answers, result = source.answers, source.result
    most = max(_VOTES // max(len(shown), 1), 12)
    votes, kept = [], []
    for task in shown.tolist():
        a, b = int(answers.task_ptr[task]), int(answers.task_ptr[task + 1])
        rows = slice(a, min(b, a + most))
        kept.append(answers.worker[rows])
        votes.append(np.stack((answers.worker[rows], answers.label[rows]), axis=1))
    workers = np.unique(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    counts = [
        np.bincount(answers.label[answers.task_ptr[t] : answers.task_ptr[t + 1]]) for t in shown
    ]
    truth, gold = (
        None if known is None else known[shown].tolist() for known in (source.truth, source.gold)
    )
    columns = {
        "id": [answers.tasks[int(t)] for t in shown],
        "label": result.labels[shown].tolist(),
        "confidence": shorts(result.confidence[shown]),
        "entropy": shorts(result.entropy[shown], 3),
        "votes_entropy": shorts(source.vote_entropy[shown], 3),
        "disagreement": shorts(source.disagreement[shown], 3),
        "waum": None if source.waum is None else shorts(source.waum[shown]),
        "truth": truth,
        "gold": gold,
        "answers": answers.answers_per_task[shown].tolist(),
        "counts": [[x for k in np.flatnonzero(c) for x in (int(k), int(c[k]))] for c in counts],
        "votes": votes,
        "posterior": _posterior(result.posterior, shown),
        "by_strategy": source.stacked[:, shown].T.tolist(),
    }
    return columns, workers.astype(np.int64)


def _posterior(posterior: Any, shown: NDArray[np.int64]) -> list[list[float | int | None]]:
    """The most probable classes of each task, [class, probability, ...]."""
    rows = posterior[shown]
    dense = np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), np.float64)
    best = np.argsort(-dense, axis=1, kind="stable")[:, :_POSTERIOR]
    return [
        [x for k in top.tolist() if row[k] >= 0.005 for x in (k, short(row[k]))]
        for row, top in zip(dense, best, strict=True)
    ]
