"""Entropy of the votes of each task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerannot.agreement._counts import LabelCounts
from peerannot.answers import Answers

__all__ = ["vote_entropy"]


def vote_entropy(answers: Answers, *, normalised: bool = False) -> NDArray[np.float64]:
    r"""Entropy of the vote shares of each task, float64 (n_tasks,), natural logarithm.

    .. math:: H_i = - \sum_k \frac{n_{ik}}{n_i} \log \frac{n_{ik}}{n_i}

    Parameters
    ----------
    normalised
        Divide by log K, so that it lies in 0..1 (with one class it stays 0).

    Notes
    -----
    A task without answers has NaN: nothing is known of it. Cost O(answers).
    """
    counts = LabelCounts.of(answers)
    share = counts.count / counts.per_entry(counts.size)
    # Adding 0 turns the -0.0 of unanimous tasks into 0.
    entropy = -counts.row_sums(share * np.log(share)) + 0.0
    entropy[counts.size == 0] = np.nan
    if normalised and answers.n_classes > 1:
        entropy /= np.log(answers.n_classes)
    return entropy
