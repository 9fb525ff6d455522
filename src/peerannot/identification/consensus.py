"""CROWDLAB: quality of labels from the votes and a classifier together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.reliability.crowdlab import CROWDLAB
from peerannot.aggregation.uncertainty.label_quality import mean_probability, worker_quality
from peerannot.answers import Answers
from peerannot.errors import DataError

__all__ = ["Crowdlab", "check_probabilities", "crowdlab"]


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
    consensus; :math:`w_M = (1 - (1 - A_M) / (1 - A_0)) \sqrt{\bar n}`, :math:`A_M` the accuracy of
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
    The computation of `peerannot.aggregation.CROWDLAB` with its default options, weights at least
    1e-6. Cost O(answers x K).

    References
    ----------
    Goh, H. W., Tkachenko, U. and Mueller, J. (2022). CROWDLAB: Supervised learning to infer
    consensus labels and quality scores for data with multiple annotators. arXiv 2210.06812,
    section 3.
    """
    p_model = check_probabilities(probabilities, (answers.n_tasks, answers.n_classes))
    result = CROWDLAB(ties="first").fit(answers, init=p_model)
    posterior = result.dense_posterior()
    consensus = result.task_columns["consensus"].astype(np.int64)
    quality = worker_quality(answers, result)
    return Crowdlab(
        posterior=posterior,
        consensus=consensus,
        task_quality=posterior[np.arange(answers.n_tasks), consensus],
        answer_quality=posterior[answers.task, answers.label],
        worker_weight=result.worker_columns["weight"],
        classifier_weight=float(result.extra["classifier_weight"]),
        # Who met nobody has no agreement.
        worker_quality=np.where(np.isnan(quality), mean_probability(answers, result), quality),
    )
