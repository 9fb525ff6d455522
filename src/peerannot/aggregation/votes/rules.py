"""Rules that count votes: majority vote, vote shares, and the two-thirds rule."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot._options import option
from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Fit, Fitted, Start, Strategy
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, in_place, stream
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.support import Support, clamped, is_dense, one_hot, posterior_of
from peerannot.aggregation.passes.ties import Ties, drawn_best, draws, pick
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Result
from peerannot.answers import Answers

__all__ = [
    "MajorityVote",
    "NaiveSoft",
    "TaskRule",
    "TwoThird",
    "WeightedRule",
    "too_hard",
    "vote_fit",
]


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


def too_hard(result: Result) -> str:
    """Lines ``-1 task`` of the tasks without a label: a file for ``--path-remove``."""
    undecided = np.flatnonzero(result.labels < 0)
    return "".join(f"-1 {result.tasks[int(i)]}\n" for i in undecided)


@dataclass(frozen=True, kw_only=True)
class TaskRule(Strategy):
    """A rule that decides each task by the answers to it, without a look at any other."""

    estimates_skill: ClassVar[bool] = False
    takes_gold: ClassVar[bool] = True
    counts_votes: ClassVar[bool] = False  # whether it only asks how many votes a class got

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
        return Fitted(fit, _vote, (self, weight))

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """Nothing: a pass over the votes says the weights."""
        return {}

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the votes say."""
        return self._fit(answers, Start(gold, None), silent)


def _vote(part: Part, rule: WeightedRule, weight: NDArray[np.float64]) -> Fit:
    support = support_of(part)
    return vote_fit(
        part.answers, support, support.votes(part.answers, weight), rule.ties,
        stream(part, rule.seed), hard=False, gold=part.gold,
    )  # fmt: skip


@STRATEGIES.register("majority-vote", "MV", "majority_voting")
@dataclass(frozen=True, kw_only=True)
class MajorityVote(TaskRule):
    """Majority vote: the class with most votes.

    ``label_i = argmax_k sum_j 1[y_ij = k]``. The posterior is the winner (1), shared equally
    among tied classes under ``ties="share"`` and ``"abstain"``; confidence and entropy are
    those of the vote shares. Answers' weights count. Cost: O(answers).

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086, section 3, bounds its error.
    """

    counts_votes: ClassVar[bool] = True

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        support = Support.of(answers)
        score = support.votes(answers)
        return vote_fit(answers, support, score, self.ties, self.seed, hard=True, gold=gold)


@STRATEGIES.register("naive-soft", "NS", "soft")
@dataclass(frozen=True, kw_only=True)
class NaiveSoft(TaskRule):
    """Vote shares: the posterior of a class is the share of votes that it got.

    ``z_ik = sum_j 1[y_ij = k] / |A_i|``. Not calibrated: three votes of three give 1. Training
    on it equals training on every single vote. Cost: O(answers).

    References
    ----------
    Lefort, T., Charlier, B., Joly, A. and Salmon, J. (2024). Peerannot: classification for
    crowdsourced image datasets with Python. Computo, section 3.1.
    """

    counts_votes: ClassVar[bool] = True

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        support = Support.of(answers)
        score = support.votes(answers)
        return vote_fit(answers, support, score, self.ties, self.seed, hard=False, gold=gold)


@STRATEGIES.register("twothird", "two-thirds")
@dataclass(frozen=True, kw_only=True)
class TwoThird(TaskRule):
    """Two-thirds rule of iNaturalist: decide where enough votes agree, else stay undecided.

    The label is the majority's where a task has at least ``min_votes`` votes and the largest
    share is at least ``share``; elsewhere -1. The posterior is the vote shares.

    Parameters
    ----------
    min_votes
        Fewest votes to decide.
    share
        Least share of the winning class.

    Notes
    -----
    Cost: O(answers). A known (gold) class decides its task.

    References
    ----------
    Van Horn, G. et al. (2018). The iNaturalist species classification and detection dataset.
    CVPR: observations of research grade.
    """

    counts_votes: ClassVar[bool] = True

    min_votes: int = option(2, at_least=1, help="fewest votes to decide")
    share: float = option(2 / 3, above=0.0, at_most=1.0, help="least share of the winner")

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        support = Support.of(answers)
        score = support.votes(answers)
        fit = vote_fit(answers, support, score, self.ties, self.seed, hard=False, gold=gold)
        assert fit.labels is not None and fit.confidence is not None
        # The smallest margin over rounding: 2 of 3 votes must pass a share of 2/3.
        agreed = fit.confidence >= self.share - 1e-12
        enough = (agreed & (answers.answers_per_task >= self.min_votes)) | (gold >= 0)
        fit.labels = np.where(enough, fit.labels, np.int32(-1)).astype(np.int32)
        undecided: dict[str, Any] = {"undecided": (~enough).astype(np.int8)}
        fit.task_columns.update(undecided)
        return fit

    def side_files(self, result: Result) -> dict[str, Any]:
        """``too_hard.txt``: a pruning file of the undecided tasks, rows ``-1 task``."""
        return {"too_hard.txt": too_hard(result)}


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
