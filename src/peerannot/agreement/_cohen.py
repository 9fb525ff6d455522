"""Cohen's kappa of every pair of workers with enough tasks in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerannot._compiled import compiled, prange
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
    agree, chance = _agreements(*pairs.arrays(answers), answers.n_classes)
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


@compiled(parallel=True)
def _agreements(
    task_ptr: Any,
    task: Any,
    worker: Any,
    label: Any,
    order: Any,
    worker_ptr: Any,
    bounds: Any,
    ptr: Any,
    second: Any,
    k: int,
) -> Any:  # pragma: no cover - compiled
    n_workers = worker_ptr.size - 1
    agree = np.zeros(second.size, np.int64)
    chance = np.zeros(second.size, np.float64)
    for block in prange(bounds.size - 1):
        slot = np.full(n_workers, -1, np.int64)
        for j in range(bounds[block], bounds[block + 1]):
            n = ptr[j + 1] - ptr[j]
            if n == 0:
                continue
            mine = np.zeros((n, k), np.int64)
            theirs = np.zeros((n, k), np.int64)
            for p in range(n):
                slot[second[ptr[j] + p]] = p
            for at in range(worker_ptr[j], worker_ptr[j + 1]):
                row = order[at]
                i = task[row]
                for a in range(task_ptr[i], task_ptr[i + 1]):
                    p = slot[worker[a]]
                    if p < 0:
                        continue
                    mine[p, label[row]] += 1
                    theirs[p, label[a]] += 1
                    if label[row] == label[a]:
                        agree[ptr[j] + p] += 1
            for p in range(n):
                slot[second[ptr[j] + p]] = -1
                for c in range(k):
                    chance[ptr[j] + p] += mine[p, c] * theirs[p, c]
    return agree, chance
