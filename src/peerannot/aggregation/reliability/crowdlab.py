"""CROWDLAB: votes and a classifier, each weighted by how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy
from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Content, Fit, Start, Strategy
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.passes.ties import TIE
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.majority_vote import MajorityVote
from peerannot.aggregation.votes.naive_soft import NaiveSoft
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
    consensus
        ``"majority_vote"`` as above, or ``"best_quality"``, cleanlab's default: the class that
        one pass over the majority vote finds likeliest, with which a second one is made.
    probabilities
        File ``.npy``, (n_tasks, n_classes), of the classifier's probabilities, rows in the order
        of the tasks. Required, unless they are given as ``init``.

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

    takes_init: ClassVar[bool] = True

    consensus: Literal["majority_vote", "best_quality"] = option(
        "majority_vote", help="what workers and the classifier are compared with"
    )
    probabilities: Path | None = option(None, help="file .npy of the classifier's probabilities")

    @classmethod
    def for_checks(cls, answers: Answers) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """A classifier that has seen the votes, and is not sure of them."""
        shares = NaiveSoft().fit(answers).dense_posterior()
        return {}, {"init": shares / 2 + 0.5 / answers.n_classes}

    def with_files(self) -> CROWDLAB:
        if not isinstance(self.probabilities, Path):
            return self
        read: Any = Content(str(self.probabilities), load_npy(self.probabilities))
        return replace(self, probabilities=read)

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        predicted = self._predicted(answers) if start.posterior is None else start.posterior
        votes = MajorityVote().fit(answers).dense_posterior()
        # Ties go to the class that the classifier finds likelier.
        consensus = _best(np.where(votes > 0, predicted + FLOOR, 0.0))
        fit = self._weighted(answers, predicted, consensus)
        if self.consensus == "best_quality":
            best = _best(fit.posterior)
            fit = self._weighted(answers, predicted, _best(best * (1.0 + consensus)))
        return fit

    def _weighted(
        self, answers: Answers, predicted: NDArray[np.float64], consensus: NDArray[np.float64]
    ) -> Fit:
        """Weights by a consensus, (n_tasks, n_classes) with rows that sum to 1, and the mean."""
        k, task, worker = answers.n_classes, answers.task, answers.worker
        weight = answers.weights
        size = answers.weight_per_task
        guess = _best(predicted)
        hit = weight * consensus[task, answers.label]
        judged = size > 1
        if judged.any():
            agree = np.bincount(task, hit, answers.n_tasks)
            likely = float((agree[judged] / size[judged]).mean())
            # Of the other answers to the task; the answer itself is one of those that agree.
            support = Support.of(answers)
            same = support.votes(answers)[support.ptr[task] + support.slot] - 1.0
            others = size[task] - 1.0
        else:
            judged = size > 0
            same = guess[task, answers.label]
            others = np.ones(answers.n_answers)
            likely = float(same.mean()) if same.size else 1.0
        seen = weight * judged[task]
        agreed = np.bincount(worker, seen * same, answers.n_workers)
        met = np.bincount(worker, seen * others, answers.n_workers)
        overall = agreed.sum() / met.sum() if met.sum() > 0 else 1.0
        skill = np.where(met > 0, agreed / np.where(met > 0, met, 1.0), overall)
        baseline, error, scale = 1.0, 0.0, 1.0
        if judged.any():
            baseline = max(1.0 - float(consensus[judged].mean(0).max()), FLOOR)
            error = 1.0 - float((guess[judged] * consensus[judged]).sum(1).mean())
            scale = float(np.sqrt(size[size > 0].mean()))
        trust = np.maximum(1.0 - (1.0 - skill) / baseline, FLOOR)
        model_trust = max(1.0 - error / baseline, FLOOR) * scale
        each = trust[worker] * weight
        unlikely = (1.0 - likely) / max(k - 1, 1)
        cell = task.astype(np.int64) * k + answers.label
        named = np.bincount(cell, each, answers.n_tasks * k).reshape(answers.n_tasks, k)
        posterior = model_trust * predicted + likely * named
        posterior += unlikely * (named.sum(1, keepdims=True) - named)
        posterior /= posterior.sum(1, keepdims=True)
        return Fit(
            posterior,
            skill=np.clip(skill, 0.0, 1.0),
            worker_columns={"weight": trust},
            extra={"classifier_weight": np.array(model_trust)},
        )

    def _predicted(self, answers: Answers) -> NDArray[np.float64]:
        if self.probabilities is None:
            raise ParameterError(
                f"{self.name} needs a classifier: {self.name}[probabilities=FILE.npy],"
                " (n_tasks, n_classes)"
            )
        given = Content.of(self.probabilities, "probabilities")
        array, where = np.asarray(given.value), given.where
        shape = (answers.n_tasks, answers.n_classes)
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise DataError(
                f"{where}: expected numbers of shape {shape}, one row a task,"
                f" not {array.dtype} of shape {array.shape}"
            )
        array = array.astype(np.float64)
        bad = ~(np.isfinite(array).all(1) & (array >= 0).all(1) & (array.sum(1) > 0))
        if bad.any():
            raise DataError(
                f"{where}: row {int(np.flatnonzero(bad)[0])} is not a distribution"
                " (finite, not negative, not all zero)"
            )
        return np.asarray(array / array.sum(1, keepdims=True))


def _best(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """One on the highest class of each row, shared where several are."""
    best = (score >= score.max(1, keepdims=True, initial=0.0) * (1 - TIE)).astype(np.float64)
    return np.asarray(best / best.sum(1, keepdims=True))
