"""Labels that are probably wrong, given what a classifier says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._text import few
from peerannot.errors import DataError, ParameterError
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.consensus import check_probabilities, crowdlab
from peerannot.identification.registry import METHODS

__all__ = ["ConfidentLearning", "LabelErrors", "confident_learning"]


@dataclass(frozen=True)
class ConfidentLearning:
    """What confident learning finds.

    Attributes
    ----------
    threshold : float64 array (n_classes,)
        Mean probability of a class over the tasks labelled with it; NaN for one never given.
    joint : float64 array (n_classes, n_classes)
        Estimated share of tasks ``[given label, true class]``; sums to 1.
    error : bool array (n_tasks,)
        Whether the label is probably wrong.
    likely : int64 array (n_tasks,)
        The class that the task confidently belongs to, else the label itself.
    self_confidence : float64 array (n_tasks,)
        Probability of the given label; NaN where there is none.
    margin : float64 array (n_tasks,)
        That probability less the largest of another class, in -1..1.
    """

    threshold: NDArray[np.float64]
    joint: NDArray[np.float64]
    error: NDArray[np.bool_]
    likely: NDArray[np.int64]
    self_confidence: NDArray[np.float64]
    margin: NDArray[np.float64]


def confident_learning(labels: ArrayLike, probabilities: ArrayLike) -> ConfidentLearning:
    r"""Confident learning: find wrong labels and estimate the noise.

    A task counts as class k when :math:`p_k(x) \ge t_k`, the mean of :math:`p_k` over the tasks
    labelled k, and k is the likeliest of such classes. A label is an error when its task counts
    as another class. The counts of (label, class), scaled to the number of tasks of each label,
    are the joint distribution.

    Parameters
    ----------
    labels
        (n_tasks,) the labels to judge, -1 for none.
    probabilities
        (n_tasks, n_classes), rows sum to 1, for tasks that the classifier was not trained on.

    Raises
    ------
    DataError
        Shapes do not fit, a label is out of range, or a row is not a distribution.

    References
    ----------
    Northcutt, C., Jiang, L. and Chuang, I. (2021). Confident learning: estimating uncertainty
    in dataset labels. JAIR 70, equations 1 to 3 and section 3.2 (off-diagonals of the confident
    joint).
    """
    given = np.asarray(labels)
    p = np.asarray(probabilities)
    if p.ndim != 2:
        raise DataError(f"probabilities: expected (n_tasks, n_classes), not {p.shape}")
    n, k = p.shape
    p = check_probabilities(p, (n, k))
    if given.shape != (n,) or given.dtype.kind not in "iu":
        raise DataError(f"labels: expected {n} whole numbers, not {given.dtype} {given.shape}")
    if n and (given.min() < -1 or given.max() >= k):
        raise DataError(f"labels: must be -1 or 0..{k - 1}")
    given = given.astype(np.int64)
    known = given >= 0
    own = np.where(known, p[np.arange(n), given], np.nan)
    number = np.bincount(given[known], minlength=k)
    total = np.bincount(given[known], weights=own[known], minlength=k)
    threshold = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    # A hair of slack: a class whose tasks all have one probability equals its own mean.
    confident = p >= np.where(number > 0, threshold, np.inf) - 1e-12
    likely = np.where(confident.any(1), np.where(confident, p, -1.0).argmax(1), given)
    counted = known & confident.any(1)
    joint = np.zeros((k, k))
    np.add.at(joint, (given[counted], likely[counted]), 1.0)
    # A label of which no task is confident is taken at its word.
    lost = (joint.sum(1) == 0) & (number > 0)
    joint[lost, lost] = 1.0
    rows = joint.sum(1, keepdims=True)
    joint = np.where(rows > 0, joint / np.where(rows > 0, rows, 1) * number[:, None], 0.0)
    joint /= max(joint.sum(), 1.0)
    rest = p.copy()
    rest[np.flatnonzero(known), given[known]] = -np.inf
    best_other = rest.max(1) if k > 1 else np.zeros(n)
    return ConfidentLearning(
        threshold=threshold,
        joint=joint,
        error=known & (likely != given),
        likely=likely,
        self_confidence=own,
        margin=np.where(known, own - np.where(np.isfinite(best_other), best_other, 0.0), np.nan),
    )


@METHODS.register("label-errors")
@dataclass(frozen=True, kw_only=True)
class LabelErrors(Method):
    """Labels and answers that are probably wrong, given a classifier's probabilities.

    Confident learning judges one label a task (``--hard-labels``, else the majority vote);
    CROWDLAB rates that label and every single answer. Needs ``--probabilities FILE``: a
    ``.npy`` (n_tasks, K) of a classifier for tasks that it was not trained on.

    Files: ``label_errors.csv``: task, file, label, score (confident learning's margin), error,
    likely, self_confidence, crowdlab (quality of the consensus), consensus; worst first.
    ``answer_quality.csv``: task, worker, label, score; worst first. ``worker_quality.csv``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels", "probabilities"})

    def _run(self, evidence: Evidence) -> Findings:
        answers = evidence.answers
        if evidence.probabilities is None:
            raise ParameterError(
                f"{self.name} needs --probabilities FILE, a .npy (n_tasks, n_classes) of a"
                " classifier for tasks that it was not trained on"
            )
        p = check_probabilities(evidence.probabilities, (answers.n_tasks, answers.n_classes))
        crowd = crowdlab(answers, p)
        labels = crowd.consensus if evidence.labels is None else evidence.labels
        if labels.shape != (answers.n_tasks,):
            raise DataError(f"labels: expected {answers.n_tasks} labels, not {few(labels.shape)}")
        found = confident_learning(labels, p)
        names = [*answers.classes, ""]
        order = worst_first(found.margin)
        table: dict[str, Any] = {
            "task": [answers.tasks[int(i)] for i in order],
            "file": evidence.file_of(order),
            "label": [names[int(labels[i])] for i in order],
            "score": found.margin[order],
            "error": found.error[order],
            "likely": [names[int(found.likely[i])] for i in order],
            "self_confidence": found.self_confidence[order],
            "crowdlab": crowd.task_quality[order],
            "consensus": [names[int(crowd.consensus[i])] for i in order],
        }
        rows = worst_first(crowd.answer_quality)
        single = {
            "task": [answers.tasks[int(i)] for i in answers.task[rows]],
            "worker": [answers.workers[int(j)] for j in answers.worker[rows]],
            "label": [names[int(y)] for y in answers.label[rows]],
            "score": crowd.answer_quality[rows],
        }
        by_worker = worst_first(crowd.worker_quality)
        workers = {
            "worker": [answers.workers[int(j)] for j in by_worker],
            "score": crowd.worker_quality[by_worker],
            "weight": crowd.worker_weight[by_worker],
            "n_answers": answers.answers_per_worker[by_worker],
        }
        return Findings(
            table,
            "identification/label_errors.csv",
            "score",
            files={
                "identification/answer_quality.csv": single,
                "identification/worker_quality.csv": workers,
            },
            summary={
                "n_errors": int(found.error.sum()),
                "classifier_weight": crowd.classifier_weight,
            },
            axis="margin of the label in the classifier's probabilities",
        )
