"""Scores of workers that are read off their confusion matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._options import option
from peerannot.aggregation import Result
from peerannot.aggregation.confusion.dawid_skene import DawidSkene
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.identification.base import Evidence, Findings, Method, worst_first
from peerannot.identification.registry import METHODS

__all__ = [
    "NeedsConfusions",
    "SpamScore",
    "TraceConfusion",
    "fit_confusion",
    "given_confusion",
    "spam_score",
]

_ROW_TOLERANCE = 1e-3


def spam_score(confusion: ArrayLike) -> NDArray[np.float64]:
    r"""Spam score of each confusion matrix, float64 (n_workers,).

    .. math:: s_j = \frac{1}{K(K-1)} \sum_{k<k'} \sum_l (\pi^j_{kl} - \pi^j_{k'l})^2

    0 for a worker whose answers do not depend on the truth (a spammer), 1 for a perfect one.
    Computed as the spread of each column about its mean, :math:`K \sum \pi^2 - (\sum \pi)^2`,
    in O(n_workers K^2). With one class it is 0.

    Parameters
    ----------
    confusion
        (n_workers, n_classes true, n_classes answered), rows sum to 1.

    References
    ----------
    Raykar, V. C. and Yu, S. (2012). Eliminating spammers and ranking annotators for
    crowdsourced labeling tasks. JMLR 13, 491-518, equation 10.
    """
    pi = np.asarray(confusion, dtype=np.float64)
    k = pi.shape[1]
    if k < 2:
        return np.zeros(len(pi))
    centred = pi - pi.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("jkl,jkl->j", centred, centred) / (k - 1))


def given_confusion(evidence: Evidence) -> NDArray[np.float64] | None:
    """The matrices given beforehand, one for each of the answers' workers.

    Raises
    ------
    DataError
        Their shape does not fit, or a row is not a distribution.
    """
    if evidence.confusion is None:
        return None
    pi = np.asarray(evidence.confusion, dtype=np.float64)
    k = evidence.answers.n_classes
    rows, n = evidence.worker_rows()
    by_id = evidence.answers.workers.numbers()
    if pi.shape == (n, k, k):
        pi = pi[rows]
    elif pi.shape == (evidence.n_workers, k, k) and by_id is not None and _within(by_id, len(pi)):
        pi = pi[by_id]
    elif pi.shape != (evidence.answers.n_workers, k, k):
        raise DataError(
            f"confusion matrices: expected shape ({n}, {k}, {k}) as [worker, true, answered],"
            f" not {pi.shape}"
        )
    if not np.isfinite(pi).all() or (pi < 0).any():
        raise DataError("confusion matrices: entries must be finite and not negative")
    if (np.abs(pi.sum(2) - 1) > _ROW_TOLERANCE).any():
        raise DataError("confusion matrices: rows (answers given the true class) must sum to 1")
    return pi


def _within(ids: NDArray[np.int64], n: int) -> bool:
    return bool(((ids >= 0) & (ids < n)).all())


def fit_confusion(answers: Answers, evidence: Evidence, max_iter: int, name: str) -> Result:
    """Dawid-Skene on the answers, with confusion matrices.

    Raises
    ------
    ParameterError
        The matrices are too large to hold.
    """
    result = DawidSkene(max_iter=max_iter).fit(answers, progress=evidence.progress)
    if result.confusion is None:
        raise ParameterError(
            f"{name}: confusion matrices of {answers.n_workers} workers over"
            f" {answers.n_classes} classes do not fit in memory; choose fewer classes"
        )
    return result


@dataclass(frozen=True, kw_only=True)
class NeedsConfusions(Method):
    """A method that needs confusion matrices: given, or fitted by Dawid-Skene.

    Parameters
    ----------
    max_iter
        Most iterations of Dawid-Skene.
    """

    max_iter: int = option(50, at_least=1, help="most iterations of Dawid-Skene")

    def _confusion(self, evidence: Evidence) -> NDArray[np.float64]:
        """Confusion matrices of the answers' workers."""
        given = given_confusion(evidence)
        if given is not None:
            return given
        result = fit_confusion(evidence.answers, evidence, self.max_iter, self.name)
        assert result.confusion is not None
        return result.confusion

    def _worker_findings(
        self, evidence: Evidence, score: NDArray[np.float64], stem: str, table: str, axis: str
    ) -> Findings:
        """Findings from a score of each worker, the lowest being the worst."""
        answers = evidence.answers
        order = worst_first(score)
        columns: dict[str, Any] = {
            "worker": [answers.workers[int(j)] for j in order],
            "score": score[order],
            "n_answers": answers.answers_per_worker[order],
        }
        return Findings(
            columns,
            f"identification/{table}.csv",
            "score",
            "worker",
            files={f"identification/{stem}.npy": evidence.spread(score), **evidence.worker_ids()},
            summary={f"mean_{self.name.replace('-', '_')}": float(score.mean())},
            axis=axis,
        )


@METHODS.register("spam-score", "spam_score")
@dataclass(frozen=True, kw_only=True)
class SpamScore(NeedsConfusions):
    """Spam score of each worker (Raykar and Yu): 0 when answers do not depend on the truth.

    Files: ``spam_score.npy`` (n_workers,), rows by worker id, NaN for workers without answers;
    ``spam_score.csv``: worker, score, n_answers. See `spam_score`.
    """

    def _run(self, evidence: Evidence) -> Findings:
        score = spam_score(self._confusion(evidence))
        return self._worker_findings(
            evidence, score, "spam_score", "spam_score", "spam score (0 = spammer, 1 = perfect)"
        )


@METHODS.register("trace-confusion", "trace_confusion")
@dataclass(frozen=True, kw_only=True)
class TraceConfusion(NeedsConfusions):
    """Trace of each worker's confusion matrix: K for a perfect worker, 1 for a guessing one.

    Files: ``traces_confusion.npy`` (n_workers,), rows by worker id, NaN for workers without
    answers; ``trace_confusion.csv``: worker, score, n_answers.
    """

    def _run(self, evidence: Evidence) -> Findings:
        score = np.einsum("jkk->j", self._confusion(evidence))
        axis = (
            f"trace of the confusion matrix (1 = guessing, {evidence.answers.n_classes} = perfect)"
        )
        return self._worker_findings(evidence, score, "traces_confusion", "trace_confusion", axis)
