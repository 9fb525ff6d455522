"""What rules that count votes share, each task alone or with weights of workers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._progress import Progress, silent
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted, Start, Strategy
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, in_place, stream
from peerannot.aggregation.partitions.support import in_form_of_all, support_of
from peerannot.aggregation.passes.support import (
    NONE,
    Support,
    answer_blocks,
    clamped,
    is_dense,
    loop_weights,
    one_hot,
    posterior_of,
)
from peerannot.aggregation.passes.ties import Ties, draws, pick
from peerannot.answers import Answers

__all__ = ["TaskRule", "WeightedRule", "dense_votes", "right_votes", "vote_fit", "write_weighted"]


def vote_fit(
    answers: Answers,
    ties: Ties,
    seed: int | np.random.Generator,
    *,
    hard: bool = False,
    worker_weight: NDArray[np.float64] | None = None,
    answer_weight: NDArray[np.float64] | None = None,
    gold: NDArray[np.int32] | None = None,
    support: Support | None = None,
) -> Fit:
    """The `Fit` of a vote, each answer weighted by its worker and by itself; no weight is negative.

    With ``hard`` the posterior is the winner (shared or drawn by the tie rule), else the shares
    of the votes; confidence and entropy are those of the shares either way. Known classes
    (``gold >= 0``) are certain. ``answer_weight`` takes the place of the answers' own weights;
    ``support`` is that of the answers, where it is there already.
    """
    decided, n = hard and ties in ("first", "random"), answers.n_tasks
    if is_dense(n, answers.n_classes):
        posterior, labels = np.empty((n, answers.n_classes)), np.empty(n, np.int32)
        confidence, entropy = np.empty(n), np.empty(n)
        native.votes_vote(
            answers.task_ptr, answers.label, answers.worker,
            *loop_weights(answers, worker_weight, answer_weight), draws(n, ties, seed), posterior,
            labels, confidence, entropy, abstain=ties == "abstain", hard=hard, decided=decided,
            threads=threads(),
        )  # fmt: skip
    else:
        support = support or Support.of(answers)
        score = support.votes(answers, worker_weight, answer_weight)
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
    with in_form_of_all(part):
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


def right_votes(
    part: Part,
    rule: Strategy,
    weight: NDArray[np.float64] | None = None,
    *,
    majority: bool = False,
) -> NDArray[np.float64]:
    """Sum of the weights of each worker's answers that win a vote on their task, (n_workers,).

    Workers vote with ``weight``, or with ``majority`` only settle ties of a vote without it.
    Known classes win their tasks; of tied winners one is taken under ``"first"`` and
    ``"random"``, else each counts its share. The sums of fixed blocks of tasks are added in
    order, so the result is the same for any number of threads.
    """
    answers, decided = part.answers, rule.ties in ("first", "random")
    out = np.empty(answers.n_workers)
    native.votes_right(
        answers.task_ptr, answers.label, answers.worker, *loop_weights(answers, weight),
        draws(answers.n_tasks, rule.ties, stream(part, rule.seed)) if decided else NONE, part.gold,
        np.searchsorted(answers.task_ptr[:-1], answer_blocks(answers)), out,
        n_classes=answers.n_classes, decided=decided, majority=majority, threads=threads(),
    )  # fmt: skip
    return out


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


def write_weighted(
    part: Part,
    rule: Strategy,
    weight: NDArray[np.float64] | None = None,
    answer_weight: NDArray[np.float64] | None = None,
) -> Fit:
    """What votes with these weights of workers or answers say of a partition, see `vote_fit`."""
    with in_form_of_all(part):
        dense = is_dense(part.answers.n_tasks, part.answers.n_classes)
        return vote_fit(
            part.answers, rule.ties, stream(part, rule.seed), worker_weight=weight,
            answer_weight=answer_weight, gold=part.gold,
            support=None if dense else support_of(part),
        )  # fmt: skip
