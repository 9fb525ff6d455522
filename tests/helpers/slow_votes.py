"""Slow transcriptions of votes, which compiled loops must equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerannot.answers import Answers


def dense_votes(answers: Answers, worker_weight: Any = None) -> np.ndarray[Any, Any]:
    """Sums of weights (n_tasks, n_classes), one answer at a time."""
    out = np.zeros((answers.n_tasks, answers.n_classes))
    for a in range(answers.n_answers):
        w = 1.0 if worker_weight is None else worker_weight[answers.worker[a]]
        if answers.weight is not None:
            w *= answers.weight[a]
        out[answers.task[a], answers.label[a]] += w
    return out


def best(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows of scores as shares of the largest; ties share equally."""
    mark = scores >= scores.max(1, keepdims=True) - 1e-9
    return np.asarray(mark / mark.sum(1, keepdims=True))


def agreement(answers: Answers, winner: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Share of each worker's answers that win, one answer at a time."""
    right, total = np.zeros(answers.n_workers), np.zeros(answers.n_workers)
    for a in range(answers.n_answers):
        w = 1.0 if answers.weight is None else answers.weight[a]
        right[answers.worker[a]] += w * winner[answers.task[a], answers.label[a]]
        total[answers.worker[a]] += w
    return np.divide(right, total, out=np.zeros_like(right), where=total > 0)


def rows(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows divided by their sum."""
    return np.asarray(scores / scores.sum(1, keepdims=True))
