"""Weighted votes on the labels that each task received; the number of classes costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._sizes import sizes
from peerannot._threads import threads
from peerannot.aggregation.passes.ties import Ties, pick
from peerannot.answers import Answers
from peerannot.answers.distinct import distinct_labels

__all__ = [
    "NONE",
    "Support",
    "answer_blocks",
    "clamped",
    "is_dense",
    "loop_weights",
    "one_hot",
    "posterior_of",
]

NONE = np.empty(0)  # what loops take for numbers that are not given


@dataclass(frozen=True)
class Support:
    """The distinct labels of each task, in order of label.

    Attributes
    ----------
    ptr : int64 array (n_tasks + 1,)
        Slots of task ``i`` start at ``ptr[i]``: the answers' own ``task_ptr``, so some slots
        stay unused.
    size : int64 array (n_tasks,)
        Number of distinct labels of each task.
    label : int32 array (n_answers,)
        Label of each slot.
    slot : int32 array (n_answers,)
        Slot of each answer, counted from its task's first.
    """

    ptr: NDArray[np.int64]
    size: NDArray[np.int64]
    label: NDArray[np.int32]
    slot: NDArray[np.int32]

    @classmethod
    def of(cls, answers: Answers) -> Support:
        """Find the distinct labels of every task: O(answers x distinct labels of a task)."""
        return cls(answers.task_ptr, *distinct_labels(answers))

    def votes(
        self,
        answers: Answers,
        worker_weight: NDArray[np.float64] | None = None,
        answer_weight: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Sum of weights on each slot, see `loop_weights`."""
        out = np.empty(self.slot.size)
        native.votes_scores(
            self.ptr, self.slot, answers.worker,
            *loop_weights(answers, worker_weight, answer_weight), out, threads=threads(),
        )  # fmt: skip
        return out

    def winners(self, score: NDArray[np.float64], n_classes: int = 0) -> NDArray[np.float64]:
        """Share of each slot among the best of its task: 1 for a sole winner, 1/m for m tied.

        With ``n_classes``, the classes that a task did not receive compete with score 0: where
        every score is negative they win, and no slot does.
        """
        return self._best(score, n_classes, shares=False)

    def decide(
        self,
        winner: NDArray[np.float64],
        ties: Ties,
        seed: int | np.random.Generator,
        gold: NDArray[np.int32],
    ) -> NDArray[np.float64]:
        """Winners as a strategy should see them while it iterates.

        Known classes win their tasks. Under ``"first"`` and ``"random"`` one of tied winners
        is taken; else they stay tied, each with its share.
        """
        if ties in ("first", "random"):
            labels = pick(self.ptr, self.size, self.label, winner, ties, seed)
            winner = one_hot(self, labels)
        if (gold >= 0).any():
            known = one_hot(self, gold)
            winner = np.where(np.repeat(gold >= 0, np.diff(self.ptr)), known, winner)
        return winner

    def shares(self, score: NDArray[np.float64], n_classes: int = 0) -> NDArray[np.float64]:
        """Positive scores divided by their sum in each task; its winners where none is positive.

        With ``n_classes`` see `winners`.
        """
        return self._best(score, n_classes, shares=True)

    def _best(
        self, score: NDArray[np.float64], n_classes: int, *, shares: bool
    ) -> NDArray[np.float64]:
        out = np.empty(score.size)
        native.votes_winners(
            self.ptr, self.size, score, out, n_classes=n_classes,
            zero=_zero(score) if n_classes else 0.0, shares=shares, threads=threads(),
        )  # fmt: skip
        return out

    def rest(self, share: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
        """What the shares leave of 1 for each class that a task did not receive, (n_tasks,)."""
        task = np.repeat(np.arange(self.size.size), np.diff(self.ptr))
        left = 1.0 - np.bincount(task, weights=share, minlength=self.size.size)
        left[left < 1e-9] = 0.0
        return np.asarray(left / np.maximum(n_classes - self.size, 1))

    def values(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        """The entries of a posterior (n_tasks, n_classes) on the slots."""
        out = np.empty(self.label.size)
        native.votes_values(
            self.ptr, self.size, self.label, np.ascontiguousarray(posterior, float), out,
            threads=threads(),
        )  # fmt: skip
        return out

    def worker_sums(self, answers: Answers, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over each worker's answers of the value on the answer's slot, (n_workers,).

        Answers' weights count. The sums of fixed blocks of answers are added in order, so the
        result is the same for any number of threads.
        """
        out = np.empty(answers.n_workers)
        native.votes_worker_sums(
            self.ptr, self.slot, answers.task, answers.worker, answers.loop_weights, value,
            answer_blocks(answers), out, threads=threads(),
        )  # fmt: skip
        return out

    def confidence(self, share: NDArray[np.float64], winner: NDArray[np.float64]) -> Any:
        """Share of the winner, and entropy of the shares, of each task."""
        confidence, entropy = np.empty(self.size.size), np.empty(self.size.size)
        native.votes_confidence(
            self.ptr, self.size, share, winner, confidence, entropy, threads=threads()
        )
        return confidence, entropy


def loop_weights(
    answers: Answers,
    worker_weight: NDArray[np.float64] | None,
    answer_weight: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight of each worker and of each answer, whose product an answer weighs.

    That of an answer is its own by default; both have no rows where they are 1.
    """
    by_worker = NONE if worker_weight is None else np.ascontiguousarray(worker_weight, np.float64)
    return by_worker, answers.loop_weights if answer_weight is None else answer_weight


def answer_blocks(answers: Answers, n_units: int | None = None) -> NDArray[np.int64]:
    """Bounds of blocks of answers, for sums over each worker's (unit's) answers in parallel.

    They depend on the answers alone, so sums added in their order do too.
    """
    units = answers.n_workers if n_units is None else n_units
    blocks = 8 if units * 8 <= answers.n_answers else 1
    return np.linspace(0, answers.n_answers, blocks + 1).astype(np.int64)


def is_dense(n_tasks: int, n_classes: int) -> bool:
    """Whether a posterior of this shape is held dense."""
    return n_tasks * n_classes * 8 <= sizes().dense


def posterior_of(
    support: Support,
    share: NDArray[np.float64],
    n_classes: int,
    rest: NDArray[np.float64] | None = None,
    prior: NDArray[np.float64] | None = None,
    of_tasks: int | None = None,
) -> Any:
    """Posterior (n_tasks, n_classes) from shares on slots: dense where that is small, else CSR.

    A task without answers is uniform in the dense form, and an empty row in the sparse one.
    ``rest`` (n_tasks,) times ``prior`` (n_classes,) is the mass of each class that a task did
    not receive (0 without ``rest``; ``prior`` is 1 by default); the sparse form has no room for
    it and scales the shares to 1 instead, and leaves a row empty that has no shares.
    ``of_tasks`` is the number of all tasks, by which the form is chosen, where these are a part.
    """
    n_tasks = support.size.size
    if is_dense(of_tasks or n_tasks, n_classes):
        out = np.empty((n_tasks, n_classes))
        native.votes_dense(
            support.ptr, support.size, support.label, share, NONE if rest is None else rest,
            np.ones(n_classes) if prior is None else prior, out, threads=threads(),
        )  # fmt: skip
        return out
    if rest is not None:
        # Shares of a row without any mass would be those of its winners.
        share = np.where(share > 0.0, support.shares(share), 0.0)
    from scipy.sparse import csr_array

    indptr = np.concatenate(([0], np.cumsum(support.size)))
    used = np.arange(indptr[-1]) + np.repeat(support.ptr[:-1] - indptr[:-1], support.size)
    shape = (n_tasks, n_classes)
    return csr_array((share[used], support.label[used], indptr), shape=shape)


def clamped(posterior: Any, gold: NDArray[np.int32]) -> Any:
    """The posterior with rows of known class (``gold >= 0``) certain; dense is changed in place."""
    known = np.flatnonzero(gold >= 0)
    if not known.size:
        return posterior
    if isinstance(posterior, np.ndarray):
        posterior[known] = 0.0
        posterior[known, gold[known]] = 1.0
        return posterior
    from scipy.sparse import csr_array, diags_array

    sure = csr_array((np.ones(known.size), (known, gold[known])), shape=posterior.shape)
    kept = csr_array(diags_array((gold < 0).astype(np.float64)) @ posterior + sure)
    kept.eliminate_zeros()
    kept.sort_indices()
    return kept


def one_hot(support: Support, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """1 on the slot of each task's label, 0 elsewhere."""
    out = np.empty(support.label.size)
    native.votes_one_hot(support.ptr, support.size, support.label, labels, out, threads=threads())
    return out


def _zero(score: NDArray[np.float64]) -> float:
    """Below this, a score is the rounding noise of a sum that is zero."""
    return 1e-12 * max(float(score.max(initial=0.0)), -float(score.min(initial=0.0)))
