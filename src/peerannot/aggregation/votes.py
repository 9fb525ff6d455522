"""Rules that count votes: majority vote, vote shares, and the two-thirds rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.support import Support, posterior_of
from peerannot.aggregation.ties import Ties, pick
from peerannot.answers import Answers

__all__ = ["MajorityVote", "NaiveSoft", "TwoThird", "vote_fit"]


def vote_fit(
    answers: Answers,
    support: Support,
    score: NDArray[np.float64],
    ties: Ties,
    seed: int,
    *,
    hard: bool,
) -> Fit:
    """The `Fit` of any weighted vote from the scores on its slots.

    With ``hard`` the posterior is the winner (shared or drawn by the tie rule), else the shares
    of the scores; confidence and entropy are those of the shares either way.
    """
    share = support.shares(score)
    winner = support.winners(score)
    labels = pick(support.ptr, support.size, support.label, winner, ties, seed)
    confidence, entropy = support.confidence(share, winner)
    if hard:
        decided = ties in ("first", "random")
        share = _one_hot(support, labels) if decided else winner
    return Fit(
        posterior_of(support, share, answers.n_classes),
        labels=labels,
        confidence=confidence,
        entropy=entropy,
    )


def _one_hot(support: Support, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    offset = np.arange(task.size) - support.ptr[task]
    chosen = (support.label == labels[task]) & (offset < support.size[task])
    return np.asarray(chosen, dtype=np.float64)


@STRATEGIES.register("majority-vote", "MV", "majority_voting")
@dataclass(frozen=True, kw_only=True)
class MajorityVote(Strategy):
    """Majority vote: the class with most votes.

    ``label_i = argmax_k sum_j 1[y_ij = k]``. The posterior is the winner (1), shared equally
    among tied classes under ``ties="share"`` and ``"abstain"``; confidence and entropy are
    those of the vote shares. Answers' weights count. Cost: O(answers).
    """

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        return vote_fit(answers, support, support.votes(answers), self.ties, self.seed, hard=True)


@STRATEGIES.register("naive-soft", "NS", "soft")
@dataclass(frozen=True, kw_only=True)
class NaiveSoft(Strategy):
    """Vote shares: the posterior of a class is the share of votes that it got.

    ``z_ik = sum_j 1[y_ij = k] / |A_i|``. Not calibrated: three votes of three give 1. Training
    on it equals training on every single vote. Cost: O(answers).
    """

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        return vote_fit(answers, support, support.votes(answers), self.ties, self.seed, hard=False)


@STRATEGIES.register("two-third", "twothird", "two-thirds")
@dataclass(frozen=True, kw_only=True)
class TwoThird(Strategy):
    """Two-thirds rule of iNaturalist: decide where enough votes agree, else stay undecided.

    The label is the majority's where a task has at least ``min_votes`` votes and the largest
    share is at least ``share``; elsewhere -1. The posterior is the vote shares.

    Parameters
    ----------
    min_votes
        Fewest votes to decide.
    share
        Least share of the winning class.
    """

    min_votes: int = option(2, at_least=1, help="fewest votes to decide")
    share: float = option(2 / 3, above=0.0, at_most=1.0, help="least share of the winner")

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        fit = vote_fit(answers, support, support.votes(answers), self.ties, self.seed, hard=False)
        assert fit.labels is not None and fit.confidence is not None
        # The smallest margin over rounding: 2 of 3 votes must pass a share of 2/3.
        enough = (fit.confidence >= self.share - 1e-12) & (
            answers.answers_per_task >= self.min_votes
        )
        fit.labels = np.where(enough, fit.labels, np.int32(-1)).astype(np.int32)
        undecided: dict[str, Any] = {"undecided": (~enough).astype(np.int8)}
        fit.task_columns.update(undecided)
        return fit
