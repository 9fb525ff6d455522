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
from peerannot.aggregation.base import Content, Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, Shape
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.ties import TIE
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.majority_vote import MajorityVote
from peerannot.aggregation.votes.naive_soft import NaiveSoft
from peerannot.aggregation.votes.rules import dense_votes
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
    in training (cross-validation). With ``--features FILE`` they are made so, of heads on features
    of the tasks (docs/features.md).

    Parameters
    ----------
    consensus
        ``"majority_vote"`` as above, or ``"best_quality"``, cleanlab's default: the class that
        one pass over the majority vote finds likeliest, with which a second one is made.
    probabilities
        File ``.npy``, (n_tasks, n_classes), of the classifier's probabilities, rows in the order
        of the tasks. Required, unless they are given as ``init``, or features of the tasks are
        given to `peerannot.aggregate`.

    Notes
    -----
    Worker column ``weight``; ``extra["classifier_weight"]``; task column ``consensus``, the
    position of the class that workers were compared with, which cleanlab calls the consensus
    label (the label here is the likeliest class). A task without answers has the
    classifier's probabilities. Where no task has two answers, workers are compared with the
    classifier: where it is weak, labels are then worse than the majority vote's.
    Cost: O(answers + tasks x K), one pass.

    References
    ----------
    Goh, H. W., Tkachenko, U. and Mueller, J. (2022). CROWDLAB: supervised learning to infer
    consensus labels and quality scores for data with multiple annotators. arXiv:2210.06812,
    section 3.
    """

    takes_init: ClassVar[bool] = True
    takes_classifier: ClassVar[bool] = True

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

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        if not parts.shape.started:
            parts.advance(_keep_predicted, self._predicted(parts.shape))
        before, trust = None, self._trust(parts, None)
        if self.consensus == "best_quality":
            before, trust = trust, self._trust(parts, trust)
        fit = Fit(
            None,
            skill=np.clip(trust.skill, 0.0, 1.0),
            worker_columns={"weight": trust.worker},
            extra={"classifier_weight": np.array(trust.classifier)},
        )
        return Fitted(fit, _write, (trust, before))

    def _trust(self, parts: Parts, before: _Trust | None) -> _Trust:
        """Weights by the consensus: the majority vote, or what earlier weights find likeliest."""
        judged = parts.sum(_judge, before, True)
        some = judged[0] > 0
        n, likely, agreed, met, frequency, hits, size, answered = (
            judged if some else parts.sum(_judge, before, False)
        )
        overall = agreed.sum() / met.sum() if met.sum() > 0 else 1.0
        skill = np.where(met > 0, agreed / np.where(met > 0, met, 1.0), overall)
        baseline, error, scale = 1.0, 0.0, 1.0
        if answered:
            baseline = max(1.0 - float((frequency / n).max()), FLOOR)
            error = 1.0 - float(hits / n)
            scale = float(np.sqrt(size / answered))
        weight = np.maximum(1.0 - (1.0 - skill) / baseline, FLOOR)
        model = max(1.0 - error / baseline, FLOOR) * scale
        n_likely = n if some else parts.shape.n_answers
        return _Trust(skill, weight, model, float(likely / n_likely) if n_likely else 1.0)

    def _predicted(self, shape: Shape) -> NDArray[np.float64]:
        if self.probabilities is None:
            raise ParameterError(
                f"{self.name} needs a classifier: {self.name}[probabilities=FILE.npy],"
                " (n_tasks, n_classes), or features of the tasks (--features FILE)"
            )
        given = Content.of(self.probabilities, "probabilities")
        array, where = np.asarray(given.value), given.where
        expected = (shape.n_tasks, len(shape.classes))
        if array.shape != expected or array.dtype.kind not in "fiu":
            raise DataError(
                f"{where}: expected numbers of shape {expected}, one row a task,"
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


@dataclass(frozen=True)
class _Trust:
    """How far workers and the classifier can be trusted.

    Attributes
    ----------
    skill, worker : float64 arrays (n_workers,)
        Agreement with others, and the weight that it gives.
    classifier : float
    likely : float
        Share of answers that equal the consensus.
    """

    skill: NDArray[np.float64]
    worker: NDArray[np.float64]
    classifier: float
    likely: float


def _keep_predicted(part: Part, predicted: NDArray[np.float64]) -> tuple[Any, tuple[int]]:
    n = part.answers.n_tasks
    return predicted[part.first_task : part.first_task + n], (n,)


def _of_classifier(part: Part) -> NDArray[np.float64]:
    return np.asarray(part.kept if part.start is None else part.start)


def _consensus(part: Part, trust: _Trust | None) -> NDArray[np.float64]:
    """One on the class of each task, shared where it is not clear."""

    def make() -> Any:
        # Ties go to the class that the classifier finds likelier.
        votes = dense_votes(part, MajorityVote())
        return _best(np.where(votes > 0, _of_classifier(part) + FLOOR, 0.0))

    majority: NDArray[np.float64] = part.once("consensus", make)
    return majority if trust is None else _best(_best(_posterior(part, trust)) * (1.0 + majority))


def _judge(part: Part, before: _Trust | None, by_others: bool) -> tuple[Any, ...]:
    """Sums over the tasks by which workers are judged: those with two answers, or any.

    Their number; their shares of answers that equal the consensus (or the answers that equal the
    classifier, where it is no others by which workers are judged); agreements and comparisons of
    each worker; the classes of the consensus; and how far the classifier meets them. Of all tasks
    with answers: the number of these, and of the tasks.
    """
    answers, support, predicted = part.answers, support_of(part), _of_classifier(part)
    task, worker = answers.task, answers.worker
    consensus, guess = _consensus(part, before), _best(predicted)
    weight, size = answers.weights, answers.weight_per_task
    if by_others:
        judged = size > 1
        agree = np.bincount(task, weight * consensus[task, answers.label], answers.n_tasks)
        likely = float((agree[judged] / size[judged]).sum())
        # Of the other answers to the task; the answer itself is one of those that agree.
        same = support.votes(answers)[support.ptr[task] + support.slot] - 1.0
        others = size[task] - 1.0
    else:
        judged = size > 0
        same = guess[task, answers.label]
        likely = float(same.sum())
        others = np.ones(answers.n_answers)
    seen = weight * judged[task]
    return (
        int(judged.sum()), likely,
        np.bincount(worker, seen * same, answers.n_workers),
        np.bincount(worker, seen * others, answers.n_workers),
        consensus[judged].sum(0),
        float((guess[judged] * consensus[judged]).sum(1).sum()),
        float(size[size > 0].sum()), int((size > 0).sum()),
    )  # fmt: skip


def _posterior(part: Part, trust: _Trust) -> NDArray[np.float64]:
    answers, n, k = part.answers, part.answers.n_tasks, part.answers.n_classes
    each = trust.worker[answers.worker] * answers.weights
    unlikely = (1.0 - trust.likely) / max(k - 1, 1)
    cell = answers.task.astype(np.int64) * k + answers.label
    named = np.bincount(cell, each, n * k).reshape(n, k)
    posterior = trust.classifier * _of_classifier(part) + trust.likely * named
    posterior += unlikely * (named.sum(1, keepdims=True) - named)
    posterior /= posterior.sum(1, keepdims=True)
    return posterior


def _write(part: Part, trust: _Trust, before: _Trust | None) -> Fit:
    consensus = _consensus(part, before).argmax(1).astype(np.int32)
    return Fit(_posterior(part, trust), task_columns={"consensus": consensus})


def _best(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """One on the highest class of each row, shared where several are."""
    best = (score >= score.max(1, keepdims=True, initial=0.0) * (1 - TIE)).astype(np.float64)
    return np.asarray(best / best.sum(1, keepdims=True))
