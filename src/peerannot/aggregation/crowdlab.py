"""CROWDLAB: votes and a classifier, each weighted by how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.support import Support
from peerannot.aggregation.ties import label_rows
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError

__all__ = ["CROWDLAB"]

FLOOR = 1e-6  # least weight


@STRATEGIES.register("crowdlab")
@dataclass(frozen=True, kw_only=True)
class CROWDLAB(Strategy):
    r"""Average of a classifier and of the workers, weighted by how much better than a guess.

    .. math::
        z_{ik} \propto w_M \hat p_{ik} + \sum_{j \in A_i} w_j \left(P\, 1[y_{ij} = k] +
        \tfrac{1 - P}{K - 1} 1[y_{ij} \ne k]\right)

    :math:`P` is the mean share of answers that equal the consensus (the majority vote, ties by
    the classifier). :math:`w_j = 1 - e_j / e_0`, where :math:`e_j` is the rate at which worker j
    disagrees with the other workers of the same tasks and :math:`e_0` the error of always
    guessing the most frequent consensus; :math:`w_M` likewise, from the classifier's
    disagreement with the consensus, times the square root of the mean number of answers. All
    three are measured on tasks with at least two answers. Weights are at least 1e-6.

    The classifier's probabilities must come from a model that did not see the tasks' own labels
    in training (cross-validation).

    Parameters
    ----------
    probabilities
        File ``.npy``, (n_tasks, n_classes), of the classifier's probabilities, rows in the order
        of the tasks. Required.

    Notes
    -----
    Worker column ``weight``; ``extra["classifier_weight"]``. A task without answers has the
    classifier's probabilities. Where no task has two answers, workers are compared with the
    classifier. Cost: O(answers + tasks x K), one pass.

    References
    ----------
    Goh, H. W., Tkachenko, U. and Mueller, J. (2022). CROWDLAB: supervised learning to infer
    consensus labels and quality scores for data with multiple annotators. arXiv:2210.06812,
    section 3.
    """

    probabilities: Path | None = option(None, help="file .npy of the classifier's probabilities")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        predicted = self._predicted(answers)
        k = answers.n_classes
        support = Support.of(answers)
        consensus = _consensus(answers, support, predicted)
        guess = predicted.argmax(1)
        many = answers.answers_per_task > 1
        rows = many[answers.task]
        shared = bool(rows.any())
        if shared:
            hit = answers.label == consensus[answers.task]
            agree = np.bincount(answers.task, weights=hit, minlength=answers.n_tasks)
            likely = float((agree[many] / answers.answers_per_task[many]).mean())
            # Of the others on the same task; the answer itself is one of those that agree.
            unit = support.votes(_unweighted(answers))
            same = unit[support.ptr[answers.task] + support.slot] - 1.0
            others = answers.answers_per_task[answers.task] - 1.0
        else:
            same = (answers.label == guess[answers.task]).astype(np.float64)
            others = np.ones(answers.n_answers)
            likely = float(same.mean()) if same.size else 1.0
            rows = np.ones(answers.n_answers, np.bool_)
        agreed = np.bincount(answers.worker[rows], same[rows], answers.n_workers)
        met = np.bincount(answers.worker[rows], others[rows], answers.n_workers)
        overall = agreed.sum() / max(met.sum(), 1.0)
        skill = np.where(met > 0, agreed / np.where(met > 0, met, 1.0), overall)
        judged = many if shared else answers.answers_per_task > 0
        baseline, error = 1.0, 0.0
        if judged.any():
            common = np.bincount(consensus[judged], minlength=k).max() / judged.sum()
            baseline = max(1.0 - float(common), FLOOR)
            error = float((guess[judged] != consensus[judged]).mean())
        weight = np.maximum(1.0 - (1.0 - skill) / baseline, FLOOR)
        size = answers.answers_per_task[answers.answers_per_task > 0]
        scale = float(np.sqrt(size.mean())) if size.size else 1.0
        model_weight = max(1.0 - error / baseline, FLOOR) * scale
        each = weight[answers.worker]
        if answers.weight is not None:
            each = each * answers.weight
        unlikely = (1.0 - likely) / max(k - 1, 1)
        posterior = model_weight * predicted
        cell = answers.task.astype(np.int64) * k + answers.label
        posterior += np.bincount(cell, each * (likely - unlikely), answers.n_tasks * k).reshape(
            answers.n_tasks, k
        )
        posterior += unlikely * np.bincount(answers.task, each, answers.n_tasks)[:, None]
        posterior = np.maximum(posterior, 0.0)
        posterior /= posterior.sum(1, keepdims=True)
        return Fit(
            posterior,
            skill=skill,
            worker_columns={"weight": weight},
            extra={"classifier_weight": np.array(model_weight)},
        )

    def _predicted(self, answers: Answers) -> NDArray[np.float64]:
        if self.probabilities is None:
            raise ParameterError(
                f"{self.name} needs a classifier: {self.name}[probabilities=FILE.npy],"
                " (n_tasks, n_classes)"
            )
        array = load_npy(self.probabilities)
        shape = (answers.n_tasks, answers.n_classes)
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise DataError(
                f"{self.probabilities}: expected numbers of shape {shape}, one row a task,"
                f" not {array.dtype} of shape {array.shape}"
            )
        array = array.astype(np.float64)
        bad = ~(np.isfinite(array).all(1) & (array >= 0).all(1) & (array.sum(1) > 0))
        if bad.any():
            raise DataError(
                f"{self.probabilities}: row {int(np.flatnonzero(bad)[0])} is not a distribution"
                " (finite, not negative, not all zero)"
            )
        return np.asarray(array / array.sum(1, keepdims=True))


def _unweighted(answers: Answers) -> Answers:
    return Answers(
        answers.task, answers.worker, answers.label, answers.tasks, answers.workers,
        answers.classes,
    )  # fmt: skip


def _consensus(
    answers: Answers, support: Support, predicted: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Majority vote; ties go to the class that the classifier finds likelier."""
    winner = support.winners(support.votes(answers))
    votes = np.zeros_like(predicted)
    task = np.repeat(np.arange(answers.n_tasks), np.diff(support.ptr))
    slots = np.flatnonzero(winner > 0)
    votes[task[slots], support.label[slots]] = 1.0
    votes[answers.answers_per_task == 0] = 1.0
    score = votes * (predicted + 1e-12)
    return label_rows(score, "first", 0)
