"""CROWDLAB: quality of labels from the votes and a classifier together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.passes.support import Support
from peerannot.answers import Answers
from peerannot.errors import DataError

__all__ = ["Crowdlab", "check_probabilities", "crowdlab"]

# A worker or classifier no better than always saying the commonest class keeps a trace of
# weight, so that a task on which nobody else spoke still has a distribution.
_LEAST_WEIGHT = 1e-4


@dataclass(frozen=True)
class Crowdlab:
    """What CROWDLAB finds.

    Attributes
    ----------
    posterior : float64 array (n_tasks, n_classes)
        Weighted mean of the classifier's and the workers' distributions.
    consensus : int64 array (n_tasks,)
        Majority vote; the classifier breaks ties, and speaks where there are no answers.
    task_quality : float64 array (n_tasks,)
        Probability that the consensus label is right.
    answer_quality : float64 array (n_answers,)
        Probability that each answer is right.
    worker_weight : float64 array (n_workers,)
    classifier_weight : float
    worker_quality : float64 array (n_workers,)
        Mean of answer quality and agreement, weighted as in the paper; NaN without answers.
    """

    posterior: NDArray[np.float64]
    consensus: NDArray[np.int64]
    task_quality: NDArray[np.float64]
    answer_quality: NDArray[np.float64]
    worker_weight: NDArray[np.float64]
    classifier_weight: float
    worker_quality: NDArray[np.float64]


def check_probabilities(
    probabilities: Any, shape: tuple[int, int], *, where: str = "probabilities"
) -> NDArray[np.float64]:
    """Probabilities of a classifier as float64, checked.

    Raises
    ------
    DataError
        The shape does not fit, or a row is not a distribution.
    """
    p = np.asarray(probabilities)
    if p.shape != shape or p.dtype.kind not in "fiu":
        raise DataError(
            f"{where}: expected floats of shape {shape} (tasks in ascending order of key, classes),"
            f" not {p.dtype} {p.shape}"
        )
    p = p.astype(np.float64)
    bad = ~np.isfinite(p).all(1) | (p < 0).any(1) | (np.abs(p.sum(1) - 1) > 1e-3)
    if bad.any():
        raise DataError(f"{where} row {int(np.flatnonzero(bad)[0])}: not a distribution")
    return np.asarray(p / p.sum(1, keepdims=True))


def crowdlab(answers: Answers, probabilities: Any) -> Crowdlab:
    r"""Combine the votes with a classifier's out-of-sample probabilities.

    .. math::
        \hat p_i = \frac{w_M\, p_M(x_i) + \sum_{j \in A_i} w_j\, p_{j}(y_{ij})}
                        {w_M + \sum_{j \in A_i} w_j}

    where :math:`p_j(y)` has P on the answer and (1 - P) / (K - 1) elsewhere, P being the mean
    agreement of answers with the consensus on tasks of two answers or more;
    :math:`w_j = 1 - (1 - s_j) / (1 - A_0)`, :math:`s_j` the share of other answers to the same
    tasks that agree with worker j and :math:`A_0` the accuracy of always saying the commonest
    class; :math:`w_M = (1 - (1 - A_M) / (1 - A_0)) \sqrt{\bar n}`, :math:`A_M` the accuracy of
    the classifier against the consensus there and :math:`\bar n` the mean number of answers.

    Parameters
    ----------
    probabilities
        (n_tasks, n_classes), rows sum to 1, for tasks that the classifier was not trained on.

    Raises
    ------
    DataError
        The probabilities do not fit the answers.

    Notes
    -----
    Cost O(answers x K). Where no task has two answers, workers get the classifier's weight
    times 1 / sqrt(mean answers), and P is the classifier's agreement with the answers.

    References
    ----------
    Goh, H. W., Tkachenko, U. and Mueller, J. (2022). CROWDLAB: Supervised learning to infer
    consensus labels and quality scores for data with multiple annotators. arXiv 2210.06812,
    section 3.
    """
    n, k = answers.n_tasks, answers.n_classes
    p_model = check_probabilities(probabilities, (n, k))
    size = answers.answers_per_task
    consensus = _consensus(answers, p_model)
    rows = size[answers.task] >= 2
    several = size >= 2
    task, worker, label = answers.task, answers.worker, answers.label
    agrees = (label == consensus[task]).astype(np.float64)
    guess = p_model.argmax(1)
    if several.any():
        by_task = np.bincount(task, weights=agrees, minlength=n)
        sure = float((by_task[several] / size[several]).mean())
        common = np.bincount(label[rows], minlength=k).argmax()
        base = float((consensus[several] == common).mean())
        accuracy = float((guess[several] == consensus[several]).mean())
        share, pairs = _peer_agreement(answers)
    else:
        sure = accuracy = float((guess[task] == label).mean())
        base = float((label == np.bincount(label, minlength=k).argmax()).mean())
        share, pairs = np.zeros(answers.n_workers), np.zeros(answers.n_workers)
    # With one class for all, nobody can be better than saying it: all weigh the same.
    room = 1 - base
    classifier_weight = _skill(np.array([accuracy]), room)[0] * float(np.sqrt(size.mean()))
    overall = float((share * pairs).sum() / pairs.sum()) if pairs.sum() > 0 else accuracy
    worker_weight = _skill(np.where(pairs > 0, share, overall), room)

    sure = min(max(sure, 1.0 / k), 1.0)
    other = (1 - sure) / (k - 1) if k > 1 else 0.0
    weight = worker_weight[worker]
    total = np.bincount(task, weights=weight, minlength=n)
    posterior = classifier_weight * p_model + (other * total)[:, None]
    cell = task.astype(np.int64) * k + label
    given = np.bincount(cell, weights=(sure - other) * weight, minlength=n * k)
    posterior += given.reshape(n, k)
    posterior /= posterior.sum(1, keepdims=True)
    answer_quality = posterior[task, label]
    counts = answers.answers_per_worker
    none = np.where(counts > 0, counts, np.nan)
    mean_quality = np.bincount(worker, weights=answer_quality, minlength=counts.size) / none
    with_peers = np.bincount(worker, weights=rows * agrees, minlength=counts.size)
    n_with_peers = np.bincount(worker, weights=rows, minlength=counts.size)
    agreement = np.where(
        n_with_peers > 0, with_peers / np.where(n_with_peers > 0, n_with_peers, 1), mean_quality
    )
    mix = classifier_weight / (classifier_weight + max(float(total.mean()), _LEAST_WEIGHT))
    return Crowdlab(
        posterior=posterior,
        consensus=consensus,
        task_quality=posterior[np.arange(n), consensus],
        answer_quality=answer_quality,
        worker_weight=worker_weight,
        classifier_weight=float(classifier_weight),
        worker_quality=mix * mean_quality + (1 - mix) * agreement,
    )


def _skill(accuracy: NDArray[np.float64], room: float) -> NDArray[np.float64]:
    """Accuracy above that of the commonest class, as a weight."""
    if room <= 0:
        return np.ones_like(accuracy)
    return np.maximum(1 - (1 - accuracy) / room, _LEAST_WEIGHT)


def _consensus(answers: Answers, p_model: NDArray[np.float64]) -> NDArray[np.int64]:
    support = Support.of(answers)
    winner = support.winners(support.votes(answers))
    # The classifier decides among the winners: every winner's share beats its probability.
    score = p_model.copy()
    used = np.flatnonzero(winner > 0)
    task = np.repeat(np.arange(answers.n_tasks), np.diff(support.ptr))[used]
    score[task, support.label[used]] += 2.0
    return np.asarray(score.argmax(1), dtype=np.int64)


def _peer_agreement(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the other answers to a worker's tasks that agree, and how many there are."""
    support = Support.of(answers)
    slots = np.bincount(answers.task_ptr[answers.task] + support.slot, minlength=answers.n_answers)
    same = slots[answers.task_ptr[answers.task] + support.slot] - 1
    others = answers.answers_per_task[answers.task] - 1
    n = answers.n_workers
    pairs = np.bincount(answers.worker, weights=others, minlength=n).astype(np.float64)
    agree = np.bincount(answers.worker, weights=same, minlength=n)
    return agree / np.where(pairs > 0, pairs, 1.0), pairs
