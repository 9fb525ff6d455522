"""What rules that count votes share, each task alone or with weights of workers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Fit, Fitted, Start, Strategy
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, in_place, stream
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.support import Support, clamped, is_dense, one_hot, posterior_of
from peerannot.aggregation.passes.ties import Ties, drawn_best, draws, pick
from peerannot.answers import Answers

__all__ = ["TaskRule", "WeightedRule", "dense_votes", "vote_fit", "write_weighted"]


def vote_fit(
    answers: Answers,
    support: Support,
    score: NDArray[np.float64],
    ties: Ties,
    seed: int | np.random.Generator,
    *,
    hard: bool,
    gold: NDArray[np.int32] | None = None,
) -> Fit:
    """The `Fit` of any weighted vote from the scores (not negative) on its slots.

    With ``hard`` the posterior is the winner (shared or drawn by the tie rule), else the shares
    of the scores; confidence and entropy are those of the shares either way. Known classes
    (``gold >= 0``) are certain.
    """
    decided = hard and ties in ("first", "random")
    if is_dense(answers.n_tasks, answers.n_classes):
        draw = draws(answers.n_tasks, ties, seed)
        posterior, labels, confidence, entropy = _dense_vote(
            support.ptr, support.size, support.label, score, draw, answers.n_classes,
            ties == "abstain", hard, decided,
        )  # fmt: skip
    else:
        share, winner = support.shares(score), support.winners(score)
        labels = pick(support.ptr, support.size, support.label, winner, ties, seed)
        confidence, entropy = support.confidence(share, winner)
        if hard:
            share = one_hot(support, labels) if decided else winner
        posterior = posterior_of(support, share, answers.n_classes)
    fit = Fit(posterior, labels=labels, confidence=confidence, entropy=entropy)
    if gold is not None and (gold >= 0).any():
        fit.posterior = clamped(fit.posterior, gold)
        fit.labels = np.where(gold >= 0, gold, labels).astype(np.int32)
        fit.confidence = np.where(gold >= 0, 1.0, confidence)
        fit.entropy = np.where(gold >= 0, 0.0, entropy)
    return fit


@dataclass(frozen=True, kw_only=True)
class TaskRule(Strategy):
    """A rule that decides each task by the answers to it, without a look at any other."""

    estimates_skill: ClassVar[bool] = False
    takes_gold: ClassVar[bool] = True

    @abstractmethod
    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        """Labels and posterior of these tasks; known classes (``gold >= 0``) are certain."""

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        return Fitted(Fit(None), _decide, (self,))

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        return self.decide(answers, start.gold)

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """Nothing: the votes themselves are the state."""
        return {}

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the votes say."""
        return self.decide(answers, gold)


def _decide(part: Part, rule: TaskRule) -> Fit:
    return in_place(rule, part).decide(part.answers, part.gold)


def dense_votes(part: Part, rule: TaskRule) -> NDArray[np.float64]:
    """What a rule says of the tasks of a partition of which nothing is known.

    Dense, (n_tasks, n_classes); uniform where there are no answers.
    """
    answers = part.answers
    unknown = np.full(answers.n_tasks, -1, np.int32)
    posterior = in_place(rule, part).decide(answers, unknown).posterior
    if not isinstance(posterior, np.ndarray):
        posterior = posterior.toarray()
        posterior[answers.answers_per_task == 0] = 1.0 / answers.n_classes
    return np.asarray(posterior)


@dataclass(frozen=True, kw_only=True)
class WeightedRule(Strategy):
    """A vote weighted by one number a worker, none negative."""

    takes_gold: ClassVar[bool] = True

    @abstractmethod
    def weigh(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], Fit]:
        """Weights (n_workers,), and what is known of workers."""

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        weight, fit = self.weigh(parts, progress, checkpoint)
        return Fitted(fit, write_weighted, (self, weight))

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """Nothing: a pass over the votes says the weights."""
        return {}

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the votes say."""
        return self._fit(answers, Start(gold, None), silent)


def write_weighted(part: Part, rule: Strategy, weight: NDArray[np.float64]) -> Fit:
    """What votes with these weights (n_workers,), none negative, say of a partition."""
    support = support_of(part)
    return vote_fit(
        part.answers, support, support.votes(part.answers, weight), rule.ties,
        stream(part, rule.seed), hard=False, gold=part.gold,
    )  # fmt: skip


@compiled(parallel=True)
def _dense_vote(
    ptr: Any,
    size: Any,
    label: Any,
    score: Any,
    draw: Any,
    n_classes: int,
    abstain: bool,
    hard: bool,
    decided: bool,
) -> Any:  # pragma: no cover - compiled
    """Posterior, label, confidence and entropy of each task in one pass over the slots."""
    n = size.size
    posterior = np.empty((n, n_classes), np.float64)
    labels = np.empty(n, np.int32)
    confidence = np.empty(n, np.float64)
    entropy = np.empty(n, np.float64)
    for i in prange(n):
        start, end = ptr[i], ptr[i] + size[i]
        chosen, floor, tied = drawn_best(score, start, end, draw[i])
        total, surprise = 0.0, 0.0
        for s in range(start, end):
            total += score[s]
        row = posterior[i]
        row[:] = 1.0 / n_classes if start == end else 0.0
        # Where no score is positive, all are 0: the labels received share the task.
        for s in range(start, end):
            share = score[s] / total if total > 0.0 else 1.0 / tied
            if size[i] > 1 and share > 0.0:
                surprise -= share * np.log(share)
            if not hard:
                row[label[s]] = share
            elif score[s] >= floor and (not decided or s - start == chosen):
                row[label[s]] = 1.0 if decided else 1.0 / tied
        labels[i] = label[start + chosen] if tied == 1 or (tied > 1 and not abstain) else -1
        best = score[start + chosen] if start < end else 0.0
        confidence[i] = best / total if total > 0.0 else (1.0 / tied if tied else 0.0)
        entropy[i] = surprise
    return posterior, labels, confidence, entropy
