"""Pairs of workers who agree more than their confusion matrices explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._threads import threads
from peerannot.aggregation import Result
from peerannot.aggregation.passes.expected_counts import expected_counts
from peerannot.agreement import WorkerPairs
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method
from peerannot.identification.registry import METHODS
from peerannot.identification.workers import false_discovery

__all__ = ["Copies", "copied_pairs"]

# Shares of copied answers that the alternative mixes: a little, half, nearly all.
_SHARES = (0.1, 0.4, 0.8)
# Pseudo-answers of the crowd's mean confusion in each row: a worker's rare answers, of which a
# few tasks tell nothing, are as rare as the crowd's.
_STRENGTH = 4.0


def copied_pairs(
    answers: Answers, result: Result, *, min_shared: int = 10, level: float = 0.05
) -> dict[str, Any]:
    r"""Test every pair of workers for answers in common that their skills do not explain.

    Null: given the true class, the two answer independently, each by their own confusion
    matrix. Alternative: with probability c the second repeats the first (or the first the
    second). The evidence is the likelihood ratio over the tasks that both answered,

    .. math::
        e_{ab} = \frac13 \sum_{c} \prod_i \frac{(1-c) P_i(y_a, y_b) + c\, 1[y_a = y_b]\,
        \tfrac12 (P_i(y_a) + P_i(y_b)}{P_i(y_a, y_b)}, \qquad
        P_i(y_a, y_b) = \sum_k z_i^{-ab}(k)\, \pi^a_{k y_a} \pi^b_{k y_b}

    mixed over c = .1, .4, .8, where :math:`z_i^{-ab}` is the posterior of the task from the
    answers of all others. Its mean under the null is 1, so :math:`p = \min(1, 1/e)` is a valid
    p-value by Markov's inequality, without approximation. Agreement on a wrong answer, which is
    rare, weighs far more than agreement on the right one. Benjamini and Hochberg's procedure
    controls the false discovery rate over all pairs.

    Parameters
    ----------
    min_shared
        Fewest tasks that the two share; pairs with fewer are not tested.
    level
        False discovery rate; pairs at or under it have ``copied`` true.

    Returns
    -------
    dict of columns, the most suspicious pair first
        ``first``, ``second`` (positions of workers), ``shared``, ``agreements`` (observed),
        ``expected`` (agreements under the null), ``log_evidence`` (natural logarithm of e),
        ``p_value``, ``q_value`` (adjusted), ``copied``.

    Raises
    ------
    DataError
        The result is not one of these answers.
    ParameterError
        The confusion matrices do not fit in memory.

    Notes
    -----
    What makes workers err alike for another reason, such as tasks that look like another class
    to everybody, is agreement beyond the model too: a flagged pair is a pair to look at.
    Confusion matrices are the counts given ``result.posterior``, drawn to the crowd's mean by 4
    pseudo-answers a row. Cost O(sum over tasks of answers squared x K).

    References
    ----------
    Vovk, V. and Wang, R. (2021). E-values: calibration, combination and applications. Annals
    of Statistics 49(3). Benjamini, Y. and Hochberg, Y. (1995). JRSS B 57(1).
    """
    if result.tasks != answers.tasks or result.classes != answers.classes:
        raise DataError("copied pairs: the result is not one of these answers")
    pairs = WorkerPairs.of(answers, min_shared)
    confusion, prior = _smooth(expected_counts(answers, result.dense_posterior()))
    agreements, expected = np.empty(len(pairs), np.int64), np.empty(len(pairs))
    log_evidence = np.empty((len(pairs), len(_SHARES)))
    native.identification_evidence(
        *pairs.arrays(answers), np.log(prior), confusion, np.log(confusion), np.array(_SHARES),
        agreements, expected, log_evidence, threads=threads(),
    )  # fmt: skip
    top = log_evidence.max(axis=1, initial=-np.inf) if len(pairs) else np.empty(0)
    mixed = top + np.log(np.exp(log_evidence - top[:, None]).mean(axis=1))
    p_value = np.exp(-np.maximum(mixed, 0.0))
    order = np.argsort(-mixed, kind="stable")
    q_value = false_discovery(p_value)
    columns = {
        "first": pairs.first,
        "second": pairs.second,
        "shared": pairs.shared,
        "agreements": agreements,
        "expected": expected,
        "log_evidence": mixed,
        "p_value": p_value,
        "q_value": q_value,
        "copied": q_value <= level,
    }
    return {name: column[order] for name, column in columns.items()}


def _smooth(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Confusion matrices drawn to the crowd's mean, and the class prior."""
    k = counts.shape[1]
    crowd = counts.sum(0) + 1.0 / k
    mean = crowd / crowd.sum(1, keepdims=True)
    drawn = counts + _STRENGTH * mean
    prior = counts.sum((0, 2)) + 1.0
    return drawn / drawn.sum(2, keepdims=True), prior / prior.sum()


@METHODS.register("copies", "copied-pairs")
@dataclass(frozen=True, kw_only=True)
class Copies(Method):
    """Pairs of workers who agree more than their confusion matrices explain.

    File: ``copied_pairs.csv``: first, second, shared, agreements, expected, log_evidence,
    p_value, q_value, copied; the most suspicious pair first. See `copied_pairs`.

    Parameters
    ----------
    min_shared
        Fewest tasks that a pair must share to be tested.
    level
        False discovery rate.
    max_iter
        Most iterations of Dawid-Skene.
    """

    min_shared: int = option(10, at_least=1, help="fewest tasks that two workers must share")
    level: float = option(0.05, above=0, below=1, help="false discovery rate")
    max_iter: int = option(50, at_least=1, help="most iterations of Dawid-Skene")

    def _run(self, evidence: Evidence) -> Findings:
        from peerannot.aggregation.confusion.dawid_skene import DawidSkene

        answers = evidence.answers
        result = DawidSkene(max_iter=self.max_iter).fit(answers, progress=evidence.progress)
        found = copied_pairs(answers, result, min_shared=self.min_shared, level=self.level)
        table: dict[str, Any] = dict(found)
        for side in ("first", "second"):
            table[side] = [answers.workers[int(j)] for j in found[side]]
        return Findings(
            table,
            "identification/copied_pairs.csv",
            "log_evidence",
            "pair",
            summary={"n_pairs": len(table["first"]), "n_copied": int(found["copied"].sum())},
        )
