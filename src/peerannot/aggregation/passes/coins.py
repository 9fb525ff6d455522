"""E/M passes of models where all wrong classes of an answer are alike, for any number of classes.

There, an answer only tells the class that it names from all others: the score of a class is a
sum of bonuses over the answers that name it, and classes that a task did not receive share one
score. Passes cost O(answers), however many classes there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.passes.support import NONE, Support, clamped, is_dense, posterior_of
from peerannot.answers import Answers

__all__ = ["Coins", "label_shares", "start_shares"]


@dataclass(frozen=True)
class Coins:
    """Answers, prepared for passes where each unit (a worker, say) has one bonus.

    Attributes
    ----------
    answers, support
        The votes, and the distinct labels (slots) of each task.
    unit : int32 array (n_answers,)
        Unit of each answer.
    n_units : int
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    total : float64 array (n_units,)
        Weight of the answers of each unit.
    """

    answers: Answers
    support: Support
    unit: NDArray[np.int32]
    n_units: int
    gold: NDArray[np.int32]
    total: NDArray[np.float64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(
        cls, answers: Answers, support: Support, gold: NDArray[np.int32],
        unit: NDArray[np.int32], n_units: int,
    ) -> Coins:  # fmt: skip
        """Prepare: O(answers)."""
        total = np.bincount(unit, answers.weight, n_units).astype(np.float64, copy=False)
        bounds = blocks_of(answers, n_units + answers.n_classes, width=1)
        return cls(answers, support, unit, n_units, gold, total, bounds)

    def first(self, given: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Expected right answers of each unit by a posterior, by default by the vote shares."""
        if given is not None:
            return self._right_of(self._known(start_shares(self.support, given)))
        right = np.empty(self.n_units)
        _start(self.answers, self.support, self.unit, self.gold, self.bounds, right)
        return right

    def begun(
        self, given: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of the start: the probability of the label of each answer, the expected right answers of
        each unit, and class sums (n_classes,).

        That is a posterior, by default the vote shares.
        """
        answers, support, unknown = self.answers, self.support, self.gold < 0
        if given is None:
            own, right = np.empty(answers.n_answers), np.empty(self.n_units)
            mass = np.empty(answers.n_classes)
            _start(answers, support, self.unit, self.gold, self.bounds, right, mass, own)
            return own, right, mass
        known = np.bincount(self.gold[~unknown], minlength=answers.n_classes)
        mass = given[unknown & (answers.answers_per_task > 0)].sum(0) + known
        share = self._known(start_shares(support, given))
        own = share[support.ptr[answers.task] + support.slot]
        return own, self._right_of(share), np.asarray(mass, np.float64)

    def _known(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares on the slots, with gold labels certain."""
        known = self.gold[self.answers.task]
        hit = (self.support.label == known).astype(np.float64)
        return np.where(known >= 0, hit * _used(self.support), share)

    def _right_of(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected right answers of each unit, given shares on the slots."""
        hit = share[self.support.ptr[self.answers.task] + self.support.slot]
        hit *= self.answers.weights
        return np.bincount(self.unit, weights=hit, minlength=self.n_units).astype(np.float64)

    def step(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """One pass.

        Parameters
        ----------
        bonus : (n_units,)
            What an answer of the unit adds to the log-probability of the class that it names,
            over what it adds to every other.
        prior : (n_classes,)
            Frequencies of the classes.

        Returns
        -------
        Expected right answers of each unit, class sums (n_classes,), and the log-likelihood less
        that of all answers being wrong.
        """
        nothing = np.empty(0)
        return self._run(bonus, prior, nothing, nothing, np.empty((0, 0)))

    def step_apart(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64], own: NDArray[np.float64],
        *, over: bool = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:  # fmt: skip
        """One pass in which no task meets its own counts.

        Parameters
        ----------
        bonus : (n_units, 3)
            What an answer of the unit adds by all counts, and what this changes by were an answer
            left out that is surely wrong, and one that is surely right.
        prior : (n_classes,)
        own : (n_answers,)
            Probability of the label of each answer that these counts are of.
        over
            Whether the new one is written over it.

        Returns
        -------
        Expected right answers of each unit, class sums (n_classes,), the new probability of the
        label of each answer, and the sum of what it differs by.
        """
        total, after, change = self._run_apart(bonus, prior, own, over=over)
        return total[: self.n_units], total[self.n_units :], after, change

    def posterior_apart(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64], own: NDArray[np.float64]
    ) -> Any:
        """The posterior of such a pass, as `posterior` has it."""
        n, k = self.answers.n_tasks, self.answers.n_classes
        if is_dense(n, k):
            posterior = np.empty((n, k))
            self._run_apart(bonus, prior, own, posterior=posterior)
            return clamped(posterior, self.gold)
        share, rest = np.zeros(self.answers.n_answers), np.ones(n)
        self._run_apart(bonus, prior, own, share, rest)
        return clamped(posterior_of(self.support, share, k, rest, prior), self.gold)

    def _run_apart(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64], own: NDArray[np.float64],
        share: NDArray[np.float64] = NONE, rest: NDArray[np.float64] = NONE,
        posterior: NDArray[np.float64] | None = None, over: bool = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:  # fmt: skip
        support, k = self.support, prior.size
        total, after = np.empty(self.n_units + k), own if over else np.empty(own.size)
        change = native.apart_coin(
            support.ptr, support.size, support.label, support.slot, self.answers.label, self.unit,
            self.answers.loop_weights, self.gold, bonus, prior, np.log(np.maximum(prior, 1e-300)),
            own, self.bounds, total, after, share, rest,
            np.empty((0, k)) if posterior is None else posterior, threads=threads(),
        )  # fmt: skip
        return total, after, change

    def posterior(self, bonus: NDArray[np.float64], prior: NDArray[np.float64]) -> Any:
        """Posterior (n_tasks, n_classes), dense or sparse as `posterior_of` says."""
        n, k = self.answers.n_tasks, self.answers.n_classes
        if is_dense(n, k):
            posterior = np.empty((n, k))
            self._run(bonus, prior, np.empty(0), np.empty(0), posterior)
            return clamped(posterior, self.gold)
        share, rest = np.zeros(self.answers.n_answers), np.ones(n)
        self._run(bonus, prior, share, rest, np.empty((0, k)))
        return clamped(posterior_of(self.support, share, k, rest, prior), self.gold)

    def _run(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64], share: NDArray[np.float64],
        rest: NDArray[np.float64], posterior: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:  # fmt: skip
        support, total = self.support, np.empty(self.n_units + prior.size)
        gain = native.coin_step(
            support.ptr, support.size, support.label, support.slot, self.unit,
            self.answers.loop_weights, self.gold, self.answers.label, bonus, prior,
            np.log(np.maximum(prior, 1e-300)), self.bounds, total, share, rest, posterior,
            threads=threads(),
        )  # fmt: skip
        return total[: self.n_units], total[self.n_units :], gain


def label_shares(
    answers: Answers, support: Support
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vote share of the label of each answer, and of how much of a vote that answer is.

    Both are (n_answers,); the second sums to 1 over a task.
    """
    ptr, weight, task = answers.task_ptr, answers.weight, answers.task
    if weight is not None and (answers.weight_per_task == 0).any():
        # Answers without any weight share their task, a label like another.
        share = support.shares(support.votes(answers))
        same = np.bincount(ptr[task] + support.slot, minlength=task.size)
        place = ptr[task] + support.slot
        total = answers.weight_per_task[task]
        part = np.divide(answers.weights, total, out=share[place] / same[place], where=total > 0)
        return share[place], part
    part = (1.0 / np.maximum(answers.weight_per_task, 1e-300))[task]
    own, right = np.empty(task.size), np.empty(answers.n_workers)
    unknown = np.full(answers.n_tasks, -1, np.int32)
    bounds = blocks_of(answers, answers.n_workers, width=1)
    _start(answers, support, answers.worker, unknown, bounds, right, own=own)
    if weight is not None:
        part *= weight
    return own, part


def _start(
    answers: Answers, support: Support, unit: NDArray[np.int32], gold: NDArray[np.int32],
    bounds: NDArray[np.int64], right: NDArray[np.float64],
    mass: NDArray[np.float64] = NONE, own: NDArray[np.float64] = NONE,
) -> None:  # fmt: skip
    native.coin_start(
        support.ptr, support.size, support.label, support.slot, unit, answers.loop_weights, gold,
        bounds, right, mass, own, threads=threads(),
    )  # fmt: skip


def start_shares(support: Support, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
    """A given posterior (n_tasks, n_classes) on the slots of a support."""
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    used = _used(support)
    return np.where(used, posterior[task, np.where(used, support.label, 0)], 0.0)


def _used(support: Support) -> NDArray[np.bool_]:
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    return np.asarray(np.arange(task.size) - support.ptr[task] < support.size[task])
