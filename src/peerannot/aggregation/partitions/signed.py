"""Votes whose weights may be negative: what counts as zero is told by the scores of all tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.partitions.base import Written, stream, told_as_held
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.votes import support_of
from peerannot.aggregation.ties import Ties
from peerannot.aggregation.votes import signed_vote_fit

__all__ = ["largest_score", "signed_scores", "write_signed"]

# As in `Support.winners`: below this part of the largest score, a score is rounding noise of a
# sum that is zero. A partition may have nothing but such scores, and cannot tell by itself.
NOISE = 1e-12


def largest_score(parts: Parts, weight: NDArray[np.float64]) -> float:
    """Largest score, regardless of sign, of a vote with these weights of workers."""
    return float(parts.sum(_largest, weight)[0].value)


def _largest(part: Part, weight: NDArray[np.float64]) -> tuple[Largest]:
    score = support_of(part).votes(part.answers, weight)
    return (Largest(float(np.abs(score).max(initial=0.0))),)


def signed_scores(part: Part, weight: NDArray[np.float64], largest: float) -> Any:
    """Scores on the slots of a partition, without noise."""
    score = support_of(part).votes(part.answers, weight)
    score[np.abs(score) <= NOISE * largest] = 0.0
    return score


def write_signed(
    part: Part, ties: Ties, seed: int, weight: NDArray[np.float64], largest: float
) -> Written:
    """What votes with these weights (n_workers,) say of the tasks of a partition."""
    score = signed_scores(part, weight, largest)
    fit = signed_vote_fit(
        part.answers, support_of(part), score, ties, stream(part, seed), part.gold
    )
    labels, confidence, posterior = told_as_held(part, ties, seed, support_of(part), fit.posterior)
    if posterior is fit.posterior:
        labels = fit.labels
    return labels, confidence, posterior
