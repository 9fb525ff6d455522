r"""How well a strategy predicts answers that it has not seen: a score that needs no truth.

Answers are dealt into folds, spread over the folds within each task. A strategy is fitted
without one fold; its posterior :math:`q` and the answers it saw give each worker a confusion
matrix, drawn towards that of the whole crowd by :data:`SHRINK` pseudo-answers a true class,

.. math::
    \hat\pi^j_{kl} = \frac{\sum_i q_{ik} 1[y_{ij}=l] + s\,\bar\pi_{kl}}
                          {\sum_i q_{ik} 1[j \text{ answered } i] + s},

and a held-out answer has the probability
:math:`P(y_{ij}=l) = \sum_k q_{ik}\,\hat\pi^j_{kl}`. Only the posterior is the strategy's own, so
votes and models are measured alike; a posterior that is too sure of itself pays for it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Strategy
from peerannot.answers import Answers, random_places
from peerannot.errors import ConvergenceWarning, ParameterError

__all__ = ["SHRINK", "CrowdCounts", "answered_pairs", "deal", "log_probabilities", "predictive"]

SHRINK = 1.0
TABLE_BYTES = 2**32


def deal(answers: Answers, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each answer, int64 (n_answers,): answers of a task differ in fold while they can."""
    rng = np.random.default_rng(seed)
    place = random_places(answers, rng)
    start = rng.integers(0, folds, answers.n_tasks)
    return np.asarray((place + start[answers.task]) % folds)


def predictive(
    strategy: Strategy, answers: Answers, fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-probability of each answer, by the strategy fitted without its fold, (n_answers,).

    Cost: one fit a fold, and O(answers x classes).

    Raises
    ------
    ParameterError
        The confusions would take more than 4 GiB, or the strategy cannot take these answers.
    """
    out = np.empty(answers.n_answers)
    for f in range(int(fold.max()) + 1):
        seen = fold != f
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            posterior = strategy.fit(answers.rows(seen)).dense_posterior()
        out[~seen] = log_probabilities(answers, seen, posterior)
    return out


def answered_pairs(
    answers: Answers, what: str, remedy: str = ""
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The (worker, label) pairs that occur, as worker x n_classes + label, and that of each answer.

    Raises
    ------
    ParameterError
        A table of them over the true classes is too large; ``what`` needs it.
    """
    k = answers.n_classes
    key, pair = np.unique(answers.worker.astype(np.int64) * k + answers.label, return_inverse=True)
    if key.size * k * 8 > TABLE_BYTES:
        raise ParameterError(
            f"{what} confusions of {answers.n_workers} workers over {k} classes,"
            f" {key.size * k * 8 / 2**30:.0f} GiB{remedy}"
        )
    return key, pair


@dataclass(frozen=True, eq=False)
class CrowdCounts:
    """Expected counts of the pairs that occur by true class, beside those of the crowd.

    Attributes
    ----------
    counts : float64 array (n_pairs, n_classes)
    crowd : float64 array (n_pairs, n_classes)
        Probability of the label of each pair by the whole crowd.
    totals : float64 array (n_pairs, n_classes)
        Answers of the worker of each pair.
    """

    counts: NDArray[np.float64]
    crowd: NDArray[np.float64]
    totals: NDArray[np.float64]

    @classmethod
    def of(
        cls, answers: Answers, key: NDArray[np.int64], counts: NDArray[np.float64]
    ) -> CrowdCounts:
        k = answers.n_classes
        worker, label = key // k, key % k
        crowd = np.full((k, k), 1.0 / k)  # [answered, true], one pseudo-answer a true class
        np.add.at(crowd, label, counts)
        crowd /= crowd.sum(0)
        totals = np.zeros((answers.n_workers, k))
        np.add.at(totals, worker, counts)
        return cls(counts, crowd[label], totals[worker])

    def confusion(self, strength: float) -> NDArray[np.float64]:
        """Probability of each pair's label given each true class, drawn towards that of the crowd
        by so many answers a class."""
        return (self.counts + strength * self.crowd) / (self.totals + strength)


def log_probabilities(
    answers: Answers, seen: NDArray[np.bool_], posterior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-probabilities of the answers not seen, from a posterior fitted to those seen."""
    from scipy.sparse import csr_array

    key, pair = answered_pairs(
        answers, "held-out answers need", "; compare on fewer tasks or with --truth"
    )
    shape = (key.size, answers.n_tasks)
    ones = np.ones(int(seen.sum()))
    counts = csr_array((ones, (pair[seen], answers.task[seen])), shape=shape) @ posterior
    confusion = CrowdCounts.of(answers, key, counts).confusion(SHRINK)
    rows = confusion[pair[~seen]] * posterior[answers.task[~seen]]
    return np.asarray(np.log(np.maximum(rows.sum(1), 1e-300)))
