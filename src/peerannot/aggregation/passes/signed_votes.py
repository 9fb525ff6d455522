"""Votes whose weights may be negative: what counts as zero is told by the scores of all tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.parts import Part, Parts, stream
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.partitions.support import as_held, support_of
from peerannot.aggregation.passes.support import Support, clamped, posterior_of
from peerannot.aggregation.passes.ties import Ties, label_rows
from peerannot.answers import Answers

__all__ = [
    "largest_score",
    "signed_scores",
    "signed_vote_fit",
    "without_noise",
    "write_scores",
    "write_signed",
]

# As in `Support.winners`: below this part of the largest score, a score is rounding noise of a
# sum that is zero. A partition may have nothing but such scores, and cannot tell by itself.
NOISE = 1e-12


def signed_vote_fit(
    answers: Answers,
    support: Support,
    score: NDArray[np.float64],
    ties: Ties,
    seed: int | np.random.Generator,
    gold: NDArray[np.int32],
) -> Fit:
    """The `Fit` of a vote whose weights may be negative.

    A class that a task did not receive has score 0, so it wins over classes voted down; the
    posterior is the shares of the positive scores, or the winners where there are none. Where
    the posterior is sparse, a task with nothing but classes voted down stays undecided.
    """
    share = support.shares(score, answers.n_classes)
    rest = support.rest(share, answers.n_classes)
    posterior = posterior_of(
        support, share, answers.n_classes, rest if (rest[support.size > 0] > 0).any() else None
    )
    posterior = clamped(posterior, gold)
    labels = label_rows(posterior, ties, seed)
    answered = (answers.answers_per_task > 0) | (gold >= 0)
    return Fit(posterior, labels=np.where(answered, labels, np.int32(-1)).astype(np.int32))


def largest_score(parts: Parts, weight: NDArray[np.float64]) -> float | None:
    """Largest score, regardless of sign, of a vote with these weights of workers.

    None where there is one partition, which can tell by itself.
    """
    return None if len(parts) == 1 else float(parts.sum(_largest, weight)[0].value)


def _largest(part: Part, weight: NDArray[np.float64]) -> tuple[Largest]:
    score = support_of(part).votes(part.answers, weight)
    return (Largest(float(np.abs(score).max(initial=0.0))),)


def signed_scores(part: Part, weight: NDArray[np.float64], largest: float | None) -> Any:
    """Scores on the slots of a partition, without noise."""
    return without_noise(support_of(part).votes(part.answers, weight), largest)


def without_noise(score: NDArray[np.float64], largest: float | None) -> NDArray[np.float64]:
    """Scores, 0 where they are nothing beside the largest one of all partitions."""
    if largest is not None:
        score[np.abs(score) <= NOISE * largest] = 0.0
    return score


def write_signed(
    part: Part, ties: Ties, seed: int, weight: NDArray[np.float64], largest: float | None
) -> Fit:
    """What votes with these weights (n_workers,) say of the tasks of a partition."""
    return write_scores(part, ties, seed, signed_scores(part, weight, largest))


def write_scores(part: Part, ties: Ties, seed: int, score: NDArray[np.float64]) -> Fit:
    """What scores on the slots say of the tasks of a partition."""
    support = support_of(part)
    fit = signed_vote_fit(part.answers, support, score, ties, stream(part, seed), part.gold)
    held = as_held(part, support, fit.posterior)
    return fit if held is fit.posterior else Fit(held)
