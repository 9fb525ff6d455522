"""Cohen's kappa of every pair of workers with enough tasks in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.agreement._pairs import WorkerPairs, wilson
from peerannot.answers import Answers

__all__ = ["cohen_kappa"]


def cohen_kappa(
    answers: Answers, *, min_shared: int = 10, confidence: float = 0.95
) -> dict[str, Any]:
    r"""Cohen's kappa of pairs of workers, in sparse form.

    .. math::
        \kappa = \frac{p_o - p_e}{1 - p_e}, \qquad p_e = \sum_k p^a_k \, p^b_k

    over the tasks that both answered: :math:`p_o` the share where they agree, :math:`p^a_k` how
    often worker a said k there.

    Parameters
    ----------
    min_shared
        Fewest tasks in common; pairs with fewer are left out.
    confidence
        Of Wilson's interval of the agreement.

    Returns
    -------
    dict of columns, a row a pair in order of (first, second)
        ``first``, ``second`` (positions of workers, int32), ``shared``, ``agreement``,
        ``agreement_low``, ``agreement_high``, ``kappa`` (NaN where both always say one class).

    Raises
    ------
    ParameterError
        ``min_shared`` is under 1.

    Notes
    -----
    Cost O(sum over tasks of answers squared) and O(n_classes) for each pair found.

    References
    ----------
    Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and
    Psychological Measurement 20(1), 37-46.
    """
    pairs = WorkerPairs.of(answers, min_shared)
    agree, chance = np.empty(len(pairs), np.int64), np.empty(len(pairs))
    native.agreement_cohen(
        *pairs.arrays(answers), agree, chance, n_classes=answers.n_classes, threads=threads()
    )
    observed = agree / pairs.shared
    expected = chance / pairs.shared.astype(np.float64) ** 2
    below = expected < 1
    kappa = np.where(below, (observed - expected) / np.where(below, 1 - expected, 1.0), np.nan)
    low, high = wilson(agree, pairs.shared, confidence)
    return {
        "first": pairs.first,
        "second": pairs.second,
        "shared": pairs.shared,
        "agreement": observed,
        "agreement_low": low,
        "agreement_high": high,
        "kappa": kappa,
    }
