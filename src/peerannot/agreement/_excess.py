"""How far pairs of workers agree beyond what their skills explain, and groups of such workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.agreement._pairs import WorkerPairs
from peerannot.answers import Answers

__all__ = ["ExcessAgreement"]

LEAST_SPREAD = 0.01  # of an agreement: pairs that always agree are not known without error
ROUNDS = 30
PULL = 20.0  # tasks that the common skill weighs


@dataclass(frozen=True)
class ExcessAgreement:
    r"""Agreements of pairs of workers beside those that skills alone give.

    Where two workers err independently and wrong classes are alike,

    .. math:: \frac{K}{K-1} \Big(P(\text{agree}) - \frac 1 K\Big) = s_a s_b, \qquad
        s_j = \frac{K p_j - 1}{K - 1}

    with :math:`p_j` the probability to be right. The skills are fitted to the pairs of different
    groups alone, so workers of a group may err together without passing for able ones.

    Attributes
    ----------
    first, second : int64 arrays (n_pairs,)
        Positions of the workers.
    shared : float64 array (n_pairs,)
        Tasks that both answered.
    agreement : float64 array (n_pairs,)
        Share of them where they agree.
    n_workers : int
    n_classes : float
        Classes; any number over 1 where wrong answers are as often the same as among so many.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shared: NDArray[np.float64]
    agreement: NDArray[np.float64]
    n_workers: int
    n_classes: float

    @classmethod
    def of(cls, answers: Answers, min_shared: int = 100) -> ExcessAgreement:
        """The pairs of ``min_shared`` tasks or more in common.

        Cost O(sum over tasks of answers squared).

        Raises
        ------
        ParameterError
            ``min_shared`` is under 1.
        """
        pairs = WorkerPairs.of(answers, min_shared)
        agree, chance = np.empty(len(pairs), np.int64), np.empty(len(pairs))
        native.agreement_cohen(
            *pairs.arrays(answers), agree, chance, n_classes=answers.n_classes, threads=threads()
        )
        return cls(
            pairs.first.astype(np.int64), pairs.second.astype(np.int64),
            pairs.shared.astype(np.float64), agree / pairs.shared,
            answers.n_workers, answers.n_classes,
        )  # fmt: skip

    def __len__(self) -> int:
        return int(self.first.size)

    def accuracy(self, group: NDArray[np.int64], *, alike: bool = False) -> NDArray[np.float64]:
        """Probability of each worker to be right, float64 (n_workers,).

        Parameters
        ----------
        group
            Group of each worker, (n_workers,); pairs inside a group say nothing.
        alike
            One number for all workers.
        """
        apart = group[self.first] != group[self.second]
        k = self.n_classes
        skill = np.full(self.n_workers, 0.5)
        if apart.any() and k > 1:
            centred = (self.agreement - 1 / k) * k / (k - 1)
            mean = float(np.average(centred[apart], weights=self.shared[apart]))
            skill[:] = np.sqrt(max(mean, 0.01))
            if not alike:
                skill = self._fit_skills(skill, apart, centred)
        return np.asarray((1 + (k - 1) * skill) / k)

    def _fit_skills(
        self, skill: NDArray[np.float64], apart: NDArray[np.bool_], centred: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Weighted least squares of products of two skills, drawn to their mean."""
        one = np.concatenate((self.first[apart], self.second[apart]))
        other = np.concatenate((self.second[apart], self.first[apart]))
        weight, value = np.tile(self.shared[apart], 2), np.tile(centred[apart], 2)
        n = self.n_workers
        for _ in range(ROUNDS):
            there = skill[other]
            top = np.bincount(one, weight * value * there, n) + PULL * skill.mean()
            under = np.bincount(one, weight * there**2, n) + PULL
            # The geometric mean: alone, skills too large give skills too small in the next round.
            new = np.sqrt(np.clip(top / under, 0.02, 0.995) * skill)
            if np.abs(new - skill).max() < 1e-4:
                return np.asarray(new)
            skill = new
        return skill

    def excess(self, accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Agreement beyond that of independent errors, on the scale of a correlation of errors.

        Wrong answers that are shared count as the same class, (n_pairs,).
        """
        return self._excess(accuracy) / self._scale(accuracy)

    def _excess(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b, k = p[self.first], p[self.second], self.n_classes
        return np.asarray(self.agreement - a * b - (1 - a) * (1 - b) / max(k - 1, 1))

    def _scale(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        spread = np.maximum(p * (1 - p), 1e-6)
        return np.asarray(2 * np.sqrt(spread[self.first] * spread[self.second]))

    def within(
        self, group: NDArray[np.int64], accuracy: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Mean excess of the pairs inside the group of each worker, 0 without any; (n_workers,)."""
        same = group[self.first] == group[self.second]
        own, n = group[self.first[same]], int(group.max(initial=-1)) + 1
        weight = self.shared[same]
        total = np.bincount(own, weight, n)
        value = np.bincount(own, weight * self.excess(accuracy)[same], n)
        mean = np.divide(value, total, out=np.zeros(n), where=total > 0)
        return np.asarray(np.clip(mean, 0.0, 0.95)[group])

    def partitions(
        self, *, alike: bool, least: float = 0.05, surprise: float = 3.0
    ) -> list[NDArray[np.int64]]:
        """Workers put together step by step, from all apart on.

        The two groups of largest mean excess are put together and accuracies are fitted anew,
        while that excess is over ``least`` and ``surprise`` standard errors. Group of each
        worker, named by its first member.

        Cost: O(pairs) for each of at most n_workers steps.
        """
        n = self.n_workers
        group = np.arange(n)
        steps = [group]
        spread = self.shared * np.maximum(self.agreement * (1 - self.agreement), LEAST_SPREAD)
        while True:
            a, b = group[self.first], group[self.second]
            apart = a != b
            if not apart.any():
                return steps
            key = (np.minimum(a, b) * n + np.maximum(a, b))[apart]
            keys, place = np.unique(key, return_inverse=True)
            if keys.size < 2:  # one more step would leave no pair to learn skills from
                return steps
            p = self.accuracy(group, alike=alike)
            value = np.bincount(place, (self.shared * self._excess(p))[apart])
            scale = np.bincount(place, (self.shared * self._scale(p))[apart])
            error = np.sqrt(np.bincount(place, spread[apart]))
            mean = value / scale
            clear = (mean > least) & (value > surprise * error)
            if not clear.any():
                return steps
            low, high = divmod(int(keys[np.argmax(np.where(clear, mean, -np.inf))]), n)
            group = np.where(group == high, low, group)
            steps.append(group)
