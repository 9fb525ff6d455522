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

from peerannot._compiled import compiled, prange
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.passes.kernels import exp_down, over_blocks
from peerannot.aggregation.passes.support import (
    Support,
    answer_blocks,
    clamped,
    is_dense,
    posterior_of,
)
from peerannot.answers import Answers

__all__ = ["Coins", "start_shares"]


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
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls, answers: Answers, support: Support, gold: NDArray[np.int32],
        unit: NDArray[np.int32], n_units: int,
    ) -> Coins:  # fmt: skip
        """Prepare: O(answers)."""
        weight = answers.loop_weights
        total = _totals(unit, weight, answer_blocks(answers, n_units), n_units).sum(0)
        bounds = blocks_of(answers, n_units + answers.n_classes, width=1)
        return cls(answers, support, unit, n_units, gold, total, bounds, weight)

    def first(self, given: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Expected right answers of each unit by a posterior, by default by the vote shares."""
        if given is not None:
            return self._right_of(self._known(start_shares(self.support, given)))
        n_blocks, support = self.bounds.size - 1, self.support
        right = np.zeros((n_blocks, self.n_units))

        def work(b: int) -> None:
            start_block(
                support.ptr, support.size, support.label, support.slot, self.unit, self.weight,
                self.gold, self.bounds[b], self.bounds[b + 1], right[b],
            )  # fmt: skip

        over_blocks(work, n_blocks)
        return np.asarray(right.sum(0))

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
        n_blocks, support = self.bounds.size - 1, self.support
        right = np.zeros((n_blocks, self.n_units))
        mass = np.zeros((n_blocks, prior.size))
        log_prior = np.log(np.maximum(prior, 1e-300))

        def work(b: int) -> float:
            return coin_block(
                support.ptr, support.size, support.label, support.slot, self.unit, self.weight,
                self.gold, bonus, prior, log_prior, self.bounds[b], self.bounds[b + 1], right[b],
                mass[b], share, rest, posterior,
            )  # fmt: skip

        gains = over_blocks(work, n_blocks)
        return right.sum(0), mass.sum(0), float(sum(gains))


def start_shares(support: Support, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
    """A given posterior (n_tasks, n_classes) on the slots of a support."""
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    used = _used(support)
    return np.where(used, posterior[task, np.where(used, support.label, 0)], 0.0)


def _used(support: Support) -> NDArray[np.bool_]:
    task = np.repeat(np.arange(support.size.size), np.diff(support.ptr))
    return np.asarray(np.arange(task.size) - support.ptr[task] < support.size[task])


@compiled(parallel=True)
def _totals(unit: Any, weight: Any, bounds: Any, n: int) -> Any:  # pragma: no cover - compiled
    """Weight of the answers of each unit in each block of answers."""
    out = np.zeros((bounds.size - 1, n), np.float64)
    for b in prange(bounds.size - 1):
        for a in range(bounds[b], bounds[b + 1]):
            out[b, unit[a]] += weight[a] if weight.size else 1.0
    return out


@compiled()
def start_block(
    ptr: Any,
    size: Any,
    slot_label: Any,
    slot: Any,
    unit: Any,
    weight: Any,
    gold: Any,
    lo: int,
    hi: int,
    right: Any,
) -> None:  # pragma: no cover - compiled
    """Add right answers of tasks lo..hi by their vote shares; by gold, where it is known."""
    longest = 0
    for i in range(lo, hi):
        longest = max(longest, size[i])
    share = np.empty(longest)
    for i in range(lo, hi):
        first, last, n = ptr[i], ptr[i + 1], size[i]
        share[:n] = 0.0
        total = 0.0
        for a in range(first, last):
            v = weight[a] if weight.size else 1.0
            share[slot[a]] += v
            total += v
        for s in range(n):
            if gold[i] >= 0:
                share[s] = 1.0 if slot_label[first + s] == gold[i] else 0.0
            else:
                # Answers without weight share their task.
                share[s] = share[s] / total if total > 0.0 else 1.0 / n
        for a in range(first, last):
            right[unit[a]] += (weight[a] if weight.size else 1.0) * share[slot[a]]


@compiled()
def coin_block(
    ptr: Any,
    size: Any,
    slot_label: Any,
    slot: Any,
    unit: Any,
    weight: Any,
    gold: Any,
    bonus: Any,
    prior: Any,
    log_prior: Any,
    lo: int,
    hi: int,
    right: Any,
    mass: Any,
    share: Any,
    rest: Any,
    posterior: Any,
) -> float:  # pragma: no cover - compiled
    """Add right answers and class sums of tasks lo..hi; write shares or rows where asked.

    ``rest[i]`` times the prior is the posterior of a class that task i did not receive.
    """
    longest = 0
    for i in range(lo, hi):
        longest = max(longest, size[i])
    score = np.empty(longest)
    gain = 0.0
    product = 1.0
    others = 0.0
    for i in range(lo, hi):
        # Positions without a sign are not tested for counting from the end.
        first, last, n = np.uint64(ptr[i]), np.uint64(ptr[i + 1]), np.uint64(size[i])
        known = gold[i]
        if first == last:
            if known >= 0:
                mass[known] += 1.0
                gain += log_prior[known]
            if posterior.size:
                posterior[i] = prior
            continue
        left = 1.0
        for s in range(n):
            y = np.uint64(slot_label[first + s])
            score[s] = log_prior[y]
            left -= prior[y]
        left = max(left, 0.0) if n < prior.size else 0.0
        for a in range(first, last):
            v = weight[a] if weight.size else 1.0
            score[np.uint64(slot[a])] += v * bonus[np.uint64(unit[a])]
        other = 0.0
        if known >= 0:
            mass[known] += 1.0
            hit = log_prior[known]
            for s in range(n):
                if slot_label[first + s] == known:
                    hit = score[s]
                    score[s] = 1.0
                else:
                    score[s] = 0.0
            gain += hit
        else:
            top = 0.0 if left > 0.0 else -np.inf
            for s in range(n):
                top = max(top, score[s])
            other = exp_down(-top) if left > 0.0 else 0.0
            total = left * other
            for s in range(n):
                score[s] = exp_down(score[s] - top)
                total += score[s]
            gain += top
            # One logarithm for many tasks.
            product *= total
            if not 1e-200 < product < 1e200:
                gain += np.log(product)
                product = 1.0
            scale = 1.0 / total
            other *= scale
            others += other
            for s in range(n):
                score[s] *= scale
                y = np.uint64(slot_label[first + s])
                mass[y] += score[s] - prior[y] * other
        for a in range(first, last):
            v = weight[a] if weight.size else 1.0
            right[np.uint64(unit[a])] += v * score[np.uint64(slot[a])]
        if share.size:
            rest[i] = other
            for s in range(n):
                share[first + s] = score[s]
        if posterior.size:
            for c in range(prior.size):
                posterior[i, c] = other * prior[c]
            for s in range(n):
                posterior[i, slot_label[first + s]] = score[s]
    for c in range(prior.size):
        mass[c] += prior[c] * others
    return float(gain + np.log(product))
