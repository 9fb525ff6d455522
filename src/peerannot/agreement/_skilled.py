"""Uncertainty and consistency of answers, given how skilled the workers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import few
from peerannot.answers import Answers, check_answers
from peerannot.errors import DataError, ParameterError

__all__ = ["consistency", "entropy_threshold", "uncertainty"]


def uncertainty(
    answers: Answers,
    skill: Mapping[str, float] | ArrayLike | None = None,
    *,
    of: Literal["tasks", "workers"] = "tasks",
) -> NDArray[np.float64]:
    r"""Entropy of the labels of each task or worker, weighted by skill, natural logarithm.

    .. math:: p_k \propto \sum_{a} s_a 1[y_a = k] + \tfrac{1 - s_a}{K - 1} 1[y_a \ne k]

    over the answers of a task (worker); :math:`s_a` is the skill of the worker of an answer.

    Parameters
    ----------
    skill
        Probability that each worker is right, (n_workers,) or by worker; 1 by default.
    of
        ``"tasks"`` or ``"workers"``.

    Returns
    -------
    float64 array (n_tasks,) or (n_workers,), NaN without answers.

    Raises
    ------
    DataError
        Skills are not one number in 0..1 for each worker.

    Notes
    -----
    Cost O(answers + rows x K). crowd-kit's metric of this name.
    """
    check_answers(answers)
    if of not in ("tasks", "workers"):
        raise ParameterError(f"uncertainty: of must be tasks or workers, not {of!r}")
    row, n = (
        (answers.task, answers.n_tasks) if of == "tasks" else (answers.worker, answers.n_workers)
    )
    k = answers.n_classes
    right = _skills(answers, skill)[answers.worker]
    other = (1.0 - right) / max(k - 1, 1)
    cell = row.astype(np.int64) * k + answers.label
    mass = np.bincount(cell, right - other, minlength=n * k).reshape(n, k)
    mass += np.bincount(row, other, minlength=n)[:, None]
    total = mass.sum(1, keepdims=True)
    share = mass / np.where(total > 0, total, 1.0)
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(1) + 0.0
    return np.where(np.bincount(row, minlength=n) > 0, entropy, np.nan)


def consistency(
    answers: Answers,
    skill: Mapping[str, float] | ArrayLike,
    labels: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.float64]:
    r"""Probability of the label of each task, given its answers and the skills.

    .. math:: \frac{\prod_a P(y_a \mid z = \ell)}{\sum_k \prod_a P(y_a \mid z = k)}

    where a worker of skill s says the right class with probability s, and each other with
    :math:`(1 - s) / (K - 1)`.

    Parameters
    ----------
    skill
        As `uncertainty` has it.
    labels
        Positions of classes, (n_tasks,), such as ``result.labels``; by default the class of most
        answers, the first where several are.

    Returns
    -------
    float64 array (n_tasks,), NaN without answers or label.

    Raises
    ------
    DataError
        Skills are not one number in 0..1 for each worker, or labels are not one for each task.

    Notes
    -----
    Products are taken in logarithms. Cost O(answers + tasks x K). crowd-kit's metric of this name.
    """
    check_answers(answers)
    n, k = answers.n_tasks, answers.n_classes
    right = np.clip(_skills(answers, skill)[answers.worker], 1e-12, 1 - 1e-12)
    other = (1.0 - right) / max(k - 1, 1)
    cell = answers.task.astype(np.int64) * k + answers.label
    gain = np.log(right) - np.log(other)
    score = np.bincount(cell, gain, minlength=n * k).reshape(n, k)
    if labels is None:
        labels = np.bincount(cell, minlength=n * k).reshape(n, k).argmax(1)
    label = np.asarray(labels)
    if label.shape != (n,) or (n and (label.min() < -1 or label.max() >= k)):
        raise DataError(f"labels: expected {n} positions of classes, -1 for none")
    share = np.exp(score - score.max(1, keepdims=True, initial=-np.inf))
    found = share[np.arange(n), label] / share.sum(1)
    return np.where((answers.answers_per_task > 0) & (label >= 0), found, np.nan)


def entropy_threshold(
    answers: Answers,
    skill: Mapping[str, float] | ArrayLike | None = None,
    *,
    percentile: float = 10,
    min_answers: int = 2,
) -> Answers:
    """The answers without those of workers whose answers vary least.

    Finds who answers the same too often, as by always pressing one button.

    Parameters
    ----------
    skill
        As `uncertainty` has it.
    percentile
        Workers at this percentile of the uncertainties of workers, or under it, go.
    min_answers
        Workers of fewer answers stay.

    Raises
    ------
    ParameterError
        ``percentile`` is not in 0..100.

    Notes
    -----
    Cost: `uncertainty`. crowd-kit's function of this name.
    """
    if not 0 <= percentile <= 100:
        raise ParameterError(f"entropy_threshold: percentile must be in 0..100, not {percentile}")
    check_answers(answers)
    judged = answers.answers_per_worker >= max(min_answers, 1)
    if not judged.any():
        return answers
    found = uncertainty(answers, skill, of="workers")
    gone = judged & (found <= np.percentile(found[judged], percentile))
    return answers.without_workers(answers.workers.take(np.flatnonzero(gone)))


def _skills(answers: Answers, skill: Mapping[str, float] | ArrayLike | None) -> NDArray[np.float64]:
    if skill is None:
        return np.ones(answers.n_workers)
    series: Any = skill
    if callable(getattr(series, "items", None)):
        known = {str(worker): value for worker, value in series.items()}
        lacking = [w for w in answers.workers if w not in known]
        if lacking:
            raise DataError(f"skill: {len(lacking)} workers have none: {few(lacking)}")
        skill = [known[w] for w in answers.workers]
    array = np.asarray(skill, dtype=np.float64)
    if array.shape != (answers.n_workers,):
        raise DataError(f"skill: expected {answers.n_workers} numbers, one a worker")
    if not ((array >= 0) & (array <= 1)).all():
        raise DataError("skill: must be in 0..1")
    return array
