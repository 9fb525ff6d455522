"""Pairs of classes that the crowd confuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerannot._options import option
from peerannot.aggregation import Result
from peerannot.aggregation.passes.expected_counts import expected_counts
from peerannot.agreement import coincidence_matrix
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification.base import Evidence, Findings, Method
from peerannot.identification.registry import METHODS

__all__ = ["ConfusedClasses", "confused_classes"]


def confused_classes(answers: Answers, result: Result) -> dict[str, Any]:
    r"""How often the crowd takes one class for another, for every pair of classes.

    Parameters
    ----------
    result
        An aggregation of these answers; its posterior stands for the truth. Weights of answers
        count in all but ``lift``.

    Returns
    -------
    dict of columns, the most confused pair first
        ``first``, ``second``: class names; ``rate``: share of the answers to tasks of either
        class that name the other one; ``first_as_second``, ``second_as_first``: share of the
        answers to tasks of the one class that name the other; ``answers``: expected number of
        such answers both ways; ``lift``: how often two answers to one task are these two
        classes, over how often chance would pair them (1 = chance; it needs no truth).

    Raises
    ------
    DataError
        The result is not one of these answers.
    ParameterError
        There are too many classes for a matrix.

    Notes
    -----
    Pairs never confused are left out. Cost O(answers x K + K^2).
    """
    if result.tasks != answers.tasks or result.classes != answers.classes:
        raise DataError("confused classes: the result is not one of these answers")
    k = answers.n_classes
    pairs = coincidence_matrix(answers)
    posterior = result.dense_posterior()
    counts = expected_counts(answers, posterior, of_all=True)[0]
    first, second = np.triu_indices(k, 1)
    of_class = counts.sum(1)
    swapped = counts[first, second] + counts[second, first]
    margin = pairs.sum(1)
    chance = margin[first] * margin[second] / max(pairs.sum() - 1, 1)

    def share(part: Any, whole: Any) -> Any:
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)

    rate = share(swapped, of_class[first] + of_class[second])
    order = np.argsort(-rate, kind="stable")
    order = order[swapped[order] > 0]
    first, second = first[order], second[order]
    return {
        "first": [answers.classes[int(c)] for c in first],
        "second": [answers.classes[int(c)] for c in second],
        "rate": rate[order],
        "first_as_second": share(counts[first, second], of_class[first]),
        "second_as_first": share(counts[second, first], of_class[second]),
        "answers": swapped[order],
        "lift": share(pairs[first, second], chance[order]),
    }


@METHODS.register("confused-classes")
@dataclass(frozen=True, kw_only=True)
class ConfusedClasses(Method):
    """Pairs of classes that the crowd confuses.

    File: ``confused_classes.csv``: first, second, rate, first_as_second, second_as_first,
    answers, lift; the most confused pair first. See `confused_classes`.

    Parameters
    ----------
    max_iter
        Most iterations of Dawid-Skene, whose posterior stands for the truth.
    """

    max_iter: int = option(50, at_least=1, help="most iterations of Dawid-Skene")

    def _run(self, evidence: Evidence) -> Findings:
        from peerannot.aggregation.confusion.dawid_skene import DawidSkene

        result = DawidSkene(max_iter=self.max_iter).fit(
            evidence.answers, progress=evidence.progress
        )
        table = confused_classes(evidence.answers, result)
        summary: dict[str, Any] = {"n_class_pairs": len(table["first"])}
        if table["first"]:
            summary["most_confused"] = f"{table['first'][0]} / {table['second'][0]}"
        return Findings(
            table,
            "identification/confused_classes.csv",
            "rate",
            "class pair",
            summary=summary,
        )
