"""Discrepancies between answers and a model: of tasks, of pairs of workers, of workers.

Those of tasks and pairs rest on residuals of being right. An answer is right with probability
h = z_iy once it is seen, and e before by the model. With d_jk the mean of h - e of worker j in
class k and q = e + sum_k z_ik d_jk, the residual is x = (h - q) / sqrt(q (1 - q)): what a worker
cannot tell apart is not taken for difficulty or for copying.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.drawing.base import AnswerModel
from peerannot.answers import Answers

__all__ = ["Layout", "Measured", "measure"]

# Probabilities nearer to 0 or 1 count as this: one surprise is then worth at most ten residuals.
_LEAST = 0.01
# Tasks that a worker is taken to have met in each class, as the model has it.
_PRIOR = 2.0


class Measured(NamedTuple):
    """Discrepancies of one set of answers with the model fitted to them.

    Attributes
    ----------
    together : float
        Mean correlation of the residuals of two answers to a task.
    entropies : float64 array (n_entropies,)
        Entropies of the shares of votes, in order; those of large crowds thinned.
    task : float64 array (n_tasks,)
        Mean residual of each task times the root of its answers; below 0: harder than modelled.
    pair : float64 array (n_pairs,)
        How much more than the mean pair the residuals of two workers go together.
    worker : float64 array (n_workers,)
        Root mean square of the deviations of a worker's label counts, in standard deviations.
    label : float64 array (n_classes,)
        Answers with each label beyond what is expected, in standard deviations.
    """

    together: float
    entropies: NDArray[np.float64]
    task: NDArray[np.float64]
    pair: NDArray[np.float64]
    worker: NDArray[np.float64]
    label: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Who answers what: all that stays from one draw to the next.

    Attributes
    ----------
    answers : Answers
    left, right : int64 arrays (n_meetings,)
        Rows of two answers of two workers to one task, where the pair is looked at.
    pair : int32 array (n_meetings,)
        Which pair that is.
    first, second, shared : int arrays (n_pairs,)
    """

    answers: Answers
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    pair: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shared: NDArray[np.int64]

    @classmethod
    def of(cls, answers: Answers, min_shared: int, most: int) -> Layout:
        """Find the pairs of workers who share ``min_shared`` tasks, at most the ``most`` of them
        who share the most tasks: O(sum over tasks of answers squared)."""
        left, right = _meetings(answers)
        a, b = answers.worker[left].astype(np.int64), answers.worker[right].astype(np.int64)
        code = np.minimum(a, b) * answers.n_workers + np.maximum(a, b)
        code[a == b] = -1  # a worker twice is no pair
        found, pair, size = np.unique(code, return_inverse=True, return_counts=True)
        kept = np.flatnonzero((size >= min_shared) & (found >= 0))
        kept = np.sort(kept[np.argsort(-size[kept], kind="stable")][:most])
        place = np.full(found.size, -1)
        place[kept] = np.arange(kept.size)
        pair = place[pair.reshape(-1)]
        here = pair >= 0
        return cls(
            answers, left[here], right[here], pair[here], found[kept] // answers.n_workers,
            found[kept] % answers.n_workers, size[kept],
        )  # fmt: skip

    @cached_property
    def voted(self) -> NDArray[np.int64]:
        """Tasks with two answers or more."""
        return np.flatnonzero(self.answers.answers_per_task > 1)

    @cached_property
    def meetings(self) -> float:
        """Pairs of answers to one task, over all tasks."""
        size = self.answers.answers_per_task.astype(np.float64)
        return float((size * (size - 1)).sum()) / 2


def measure(layout: Layout, model: AnswerModel, label: NDArray[np.int64]) -> Measured:
    """Discrepancies of labels, given in the order of the answers, with the model fitted to them."""
    answers = layout.answers
    x = _residuals(model, label)
    size = answers.answers_per_task
    total = np.bincount(answers.task, x, answers.n_tasks)
    own = np.bincount(answers.task, x**2, answers.n_tasks)
    together = float((total**2 - own).sum() / 2 / max(layout.meetings, 1.0))
    n_pairs = layout.first.size
    product = np.bincount(layout.pair, x[layout.left] * x[layout.right], n_pairs)
    expected, variance = model.shares()
    code = answers.worker.astype(np.int64) * answers.n_classes + label
    seen = np.bincount(code, minlength=expected.size).reshape(expected.shape)
    off = seen - expected
    return Measured(
        together,
        _entropies(layout, label),
        total / np.sqrt(np.maximum(size, 1)),
        (product - together * layout.shared) / np.sqrt(np.maximum(layout.shared, 1)),
        np.sqrt((off**2 / (variance + 1.0)).mean(1)),
        off.sum(0) / np.sqrt(variance.sum(0) + 1.0),
    )


def _residuals(model: AnswerModel, label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standardised residual of being right of each answer, float64 (n_answers,)."""
    task = model.answers.task
    seen, before = model.posterior[task, label], model.right()
    mean = model.by_worker(seen - before) / (model.met + _PRIOR)
    chance = np.clip(before + model.of_class(mean), _LEAST, 1 - _LEAST)
    return np.asarray((seen - chance) / np.sqrt(chance * (1 - chance)))


def _entropies(layout: Layout, label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropies of the shares of votes over tasks of two answers or more, in order."""
    answers = layout.answers
    code = answers.task.astype(np.int64) * answers.n_classes + label
    cell, count = np.unique(code, return_counts=True)
    task = cell // answers.n_classes
    share = count / answers.answers_per_task[task]
    entropy = -np.bincount(task, share * np.log(share), answers.n_tasks)
    ordered = np.sort(entropy[layout.voted])
    if ordered.size <= 200:
        return np.asarray(ordered)
    return np.asarray(np.quantile(ordered, np.linspace(0, 1, 200)))


def _meetings(answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of every two answers to one task."""
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    sizes = answers.answers_per_task
    for size in np.unique(sizes[sizes > 1]).tolist():
        start = answers.task_ptr[:-1][sizes == size][:, None]
        a, b = np.triu_indices(size, 1)
        left.append((start + a).ravel())
        right.append((start + b).ravel())
    return np.concatenate(left), np.concatenate(right)
