"""A classifier of features, for strategies that weigh one: cross-validated heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._logistic import LogisticSolver
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.request import Request
from peerannot.aggregation.votes.naive_soft import NaiveSoft
from peerannot.answers import Answers
from peerannot.dataset import Features, read_features
from peerannot.errors import DataError, ParameterError

__all__ = ["FOLDS", "of_classifier", "out_of_fold"]

FOLDS = 5
LEAST = 10  # tasks with answers


def of_classifier(request: Request, strategy: Strategy, answers: Answers) -> NDArray[np.float64]:
    """What heads on the features that a request names say of each task, (n_tasks, n_classes).

    Raises
    ------
    ParameterError
        The strategy weighs no classifier, or has been given another.
    DataError
        The features cannot be used, or too few tasks have answers.
    """
    spelled = request.spell("features")
    if not strategy.takes_classifier:
        raise ParameterError(f"{spelled}: {strategy.name} weighs no classifier; crowdlab does")
    if request.init is not None or getattr(strategy, "probabilities", None) is not None:
        raise ParameterError(f"{spelled}: {strategy.name} has probabilities already; give one")
    given = request.features
    features = given if isinstance(given, Features) else read_features(given)
    values = features.of_tasks(answers.tasks)
    voted = np.flatnonzero(answers.answers_per_task > 0)
    if voted.size < LEAST:
        raise DataError(
            f"{spelled}: heads are learnt from tasks with answers, at least {LEAST},"
            f" and there are {voted.size}"
        )
    if int(answers.answers_per_task.max()) < 2:
        request.tell(
            "no task has two answers, so workers are judged by the classifier alone: where"
            " features say little, the majority vote is right more often"
        )
    shares = NaiveSoft().fit(answers).dense_posterior()
    return out_of_fold(values, shares, voted, strategy.seed)


def out_of_fold(
    features: NDArray[Any], target: NDArray[np.float64], voted: NDArray[np.int64], seed: int = 0
) -> NDArray[np.float64]:
    """Probabilities (n, K) of multinomial logistic regressions on features (n, d).

    Parameters
    ----------
    features, target
        Of the tasks; ``target`` (n, K) are shares of votes.
    voted
        Tasks to learn from. Those of a fold, one of five, are told by a head on the others, whose
        penalty is chosen on a fifth of these.

    Notes
    -----
    Cost: that of `LogisticSolver.path`, five times.
    """
    n = len(features)
    generator = np.random.default_rng(seed)
    fold = generator.permutation(n) % FOLDS
    found = np.empty((n, target.shape[1]))
    for one in range(FOLDS):
        known = generator.permutation(voted[fold[voted] != one])
        held, learnt = np.split(known, [max(len(known) // FOLDS, 1)])
        solver = LogisticSolver(features[learnt])
        head = solver.path(target[learnt], features[held], target[held]).head
        logits = head.logits(features[fold == one])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        found[fold == one] = shares / shares.sum(axis=1, keepdims=True)
    return found
