"""Passes of a model in which workers of a group err together, beside their confusions.

A *ballot* is what one group said of one task. The factor of a group is a class that tempts all
its members in a task; only the labels on a ballot tell tempting classes apart, so a pass costs
O(answers x K) whatever the number of workers and of classes that nobody named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers

__all__ = ["Factors", "SharedErrorEM"]

LEAST = 1e-300
FIRST_RATE = 0.2  # of tempted tasks, where nothing is known yet


@dataclass(frozen=True)
class Factors:
    """What is known of workers and groups.

    Attributes
    ----------
    confusion : float64 array (n_workers, true, answered)
        Of answers that the factor did not give.
    prior : float64 array (n_classes,)
    rate : float64 array (n_groups,)
        How often a group is tempted; 0 for a worker alone.
    pull : float64 array (n_groups,)
        How often a tempted member follows.
    """

    confusion: NDArray[np.float64]
    prior: NDArray[np.float64]
    rate: NDArray[np.float64]
    pull: NDArray[np.float64]


class SharedErrorEM:
    """E- and M-steps over the answers.

    Parameters
    ----------
    answers
        The votes; weights count.
    group
        Group of each worker, 0..n_groups - 1, (n_workers,).
    gold
        Known classes, -1 for unknown.
    diagonal, off_diagonal
        Pseudo-counts of each confusion matrix.
    """

    def __init__(
        self, answers: Answers, group: NDArray[np.int64], gold: NDArray[np.int32],
        diagonal: float, off_diagonal: float,
    ) -> None:  # fmt: skip
        self.answers, self.group, self.gold = answers, group, gold
        self._diagonal, self._off = diagonal, off_diagonal
        k = answers.n_classes
        self._task = answers.task.astype(np.int64)
        self._worker = answers.worker.astype(np.int64)
        self._label = answers.label.astype(np.int64)
        self._weight = np.asarray(answers.weights, dtype=np.float64)
        self.n_groups = int(group.max(initial=-1)) + 1
        self.size = np.bincount(group, minlength=self.n_groups)
        of = group[self._worker]
        ballots, self._ballot = np.unique(self._task * self.n_groups + of, return_inverse=True)
        self._ballot_task, self._ballot_group = np.divmod(ballots, max(self.n_groups, 1))
        slots, self._slot = np.unique(self._ballot * k + self._label, return_inverse=True)
        self._slot_ballot, slot_label = np.divmod(slots, k)
        self._wrong = (slot_label[:, None] != np.arange(k)).astype(np.float64)
        others = self._sum(self._slot_ballot, self._wrong, ballots.size)
        self._unseen = (k - 1 - others) / max(k - 1, 1)

    def _sum(
        self, index: NDArray[np.int64], value: NDArray[np.float64], n: int
    ) -> NDArray[np.float64]:
        """Sums of rows by index, (n, K)."""
        return np.stack([np.bincount(index, column, n) for column in value.T], axis=1)

    def start(self, alike: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vote shares where a ballot counts as its effective votes.

        ``alike`` is the correlation inside the group of each worker, (n_workers,).
        """
        n, k = self.answers.n_tasks, self.answers.n_classes
        on_ballot = np.bincount(self._ballot, self._weight)[self._ballot]
        weight = self._weight / (1 + np.maximum(on_ballot - 1, 0) * alike[self._worker])
        votes = np.bincount(self._task * k + self._label, weight, n * k).reshape(n, k)
        total = votes.sum(1, keepdims=True)
        return self.known(np.where(total > 0, votes / np.where(total > 0, total, 1.0), 1 / k))

    def known(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        """The posterior, changed in place, with known classes certain."""
        known = np.flatnonzero(self.gold >= 0)
        posterior[known] = 0.0
        posterior[known, self.gold[known]] = 1.0
        return posterior

    def first(self, posterior: NDArray[np.float64], alike: NDArray[np.float64]) -> Factors:
        """What a posterior to start from says, with factors that are only guessed."""
        own = np.ones((self._task.size, self.answers.n_classes))
        grouped = self.size > 1
        inside = np.zeros(self.n_groups)
        inside[self.group] = alike
        pull = np.where(grouped, np.sqrt(np.clip(inside, 0.05, 0.95)), 0.0)
        rate = np.where(grouped, FIRST_RATE, 0.0)
        return Factors(self._confusion(posterior, own), self._prior(posterior), rate, pull)

    def _confusion(
        self, posterior: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        n, k = self.answers.n_workers, self.answers.n_classes
        cell = self._worker * k + self._label
        value = posterior[self._task] * own * self._weight[:, None]
        counts = self._sum(cell, value, n * k).reshape(n, k, k).transpose(0, 2, 1) + self._off
        counts[:, np.arange(k), np.arange(k)] += self._diagonal - self._off
        total = counts.sum(2, keepdims=True)
        return np.where(total > 0, counts / np.where(total > 0, total, 1.0), 1 / k)

    def _prior(self, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
        met = (self.answers.answers_per_task > 0) | (self.gold >= 0)
        mass = posterior[met].sum(0)
        k = mass.size
        return np.asarray(mass / mass.sum()) if mass.sum() > 0 else np.full(k, 1 / k)

    def step(self, now: Factors) -> tuple[NDArray[np.float64], Factors, float]:
        """Posterior, what is known after it, and the log-likelihood before."""
        n, k = self.answers.n_tasks, self.answers.n_classes
        b, g, group = self._ballot, self._ballot_group, self.group[self._worker]
        weight = self._weight[:, None]
        log_own = np.log(np.maximum(now.confusion[self._worker, :, self._label], LEAST))
        pull = np.minimum(now.pull[group], 1 - 1e-6)[:, None]
        free = self._sum(b, log_own * weight, g.size)
        apart = free + np.bincount(b, np.log1p(-pull[:, 0]) * self._weight, g.size)[:, None]
        follows = pull + (1 - pull) * np.exp(log_own)
        gain = (np.log(np.maximum(follows, LEAST)) - np.log1p(-pull) - log_own) * weight
        at_slot = np.minimum(self._sum(self._slot, gain, self._slot_ballot.size), 600.0)
        tempts = np.exp(at_slot) * self._wrong / max(k - 1, 1)
        every = self._unseen + self._sum(self._slot_ballot, tempts, g.size)
        rate = now.rate[g][:, None]
        log_tempted = np.log(np.maximum(rate, LEAST)) + apart + np.log(np.maximum(every, LEAST))
        log_ballot = np.logaddexp(np.log1p(-rate) + free, log_tempted)

        logits = self._sum(self._ballot_task, log_ballot, n)
        logits += np.log(np.maximum(now.prior, LEAST))
        top = logits.max(1, keepdims=True)
        share = np.exp(logits - top)
        total = share.sum(1, keepdims=True)
        likelihood = self._log_likelihood(logits, (top + np.log(total))[:, 0])
        posterior = self.known(share / total)

        tempted = np.exp(log_tempted - log_ballot)
        of_ballot = posterior[self._ballot_task]
        by_slot = (tempts / np.maximum(every[self._slot_ballot], LEAST))[self._slot]
        given = by_slot * tempted[b] * pull / np.maximum(follows, LEAST)
        grouped = self.size > 1
        met = np.bincount(g, minlength=self.n_groups)
        hits = np.bincount(g, (tempted * of_ballot).sum(1), self.n_groups)
        new_rate = np.where(grouped, (hits + 1) / (met + 5), 0.0)
        of_answer = posterior[self._task] * weight
        followed = np.bincount(group, (given * of_answer).sum(1), self.n_groups)
        chances = np.bincount(group, (tempted[b] * of_answer).sum(1), self.n_groups)
        new_pull = np.where(grouped, np.clip((followed + 1) / (chances + 2), 0.01, 0.99), 0.0)
        after = Factors(
            self._confusion(posterior, 1 - given), self._prior(posterior), new_rate, new_pull
        )
        return posterior, after, likelihood

    def _log_likelihood(self, logits: NDArray[np.float64], summed: NDArray[np.float64]) -> float:
        known = self.gold >= 0
        told = logits[np.flatnonzero(known), self.gold[known]]
        met = (self.answers.answers_per_task > 0) & ~known
        return float(summed[met].sum() + told.sum())
