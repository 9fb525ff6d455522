"""Models with a probability of being right, where errors are even over the other classes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.drawing.base import AnswerModel, beta_prior, draw_classes

__all__ = ["ClassCoins", "Coins", "EasinessCoins"]


@dataclass(frozen=True, eq=False)
class _EvenErrors(AnswerModel):
    """Right with some probability, else any of the other classes."""

    @abstractmethod
    def draw_right(self, truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        """A draw of the probability that each answer is right, given the classes of tasks."""

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        truth = draw_classes(self.posterior, rng)
        true, k = truth[self.answers.task], self.answers.n_classes
        right = rng.random(true.size) < self.draw_right(truth, rng)
        wrong = rng.integers(0, max(k - 1, 1), true.size)
        wrong += (wrong >= true) & (k > 1)
        return truth, np.where(right, true, wrong)

    def _shares(
        self, right: NDArray[np.float64], spread: NDArray[np.float64], wide: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """From sums by worker and class met: right ones, variances of them and of wrong ones."""
        others = max(self.answers.n_classes - 1, 1)
        wrong = (self.met - right) / others
        return (
            right + wrong.sum(1, keepdims=True) - wrong,
            spread + wide.sum(1, keepdims=True) - wide,
        )

    def _wide(self, right: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of whether an answer is one given wrong label."""
        each = (1 - right) / max(self.answers.n_classes - 1, 1)
        return np.asarray(each * (1 - each))


@dataclass(frozen=True, eq=False)
class Coins(_EvenErrors):
    """Right with one probability for each worker.

    Attributes
    ----------
    rate : float64 array (n_workers,)
    """

    rate: NDArray[np.float64]

    def skills(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = self.answers.answers_per_worker.astype(np.float64)[:, None]
        return self.rate[:, None] * total, total

    @cached_property
    def _left_open(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right, total = self.skills()
        a, b = beta_prior(right, total, self.narrow)
        return (right + a)[:, 0], (total - right + b)[:, 0]

    def draw_right(self, truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        return np.asarray(rng.beta(*self._left_open)[self.answers.worker])

    def right(self) -> NDArray[np.float64]:
        return self.rate[self.answers.worker]

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rate = self.rate[:, None]
        return self._shares(
            self.met * rate, self.met * rate * (1 - rate), self.met * self._wide(rate)
        )


@dataclass(frozen=True, eq=False)
class ClassCoins(_EvenErrors):
    """Right with a probability for each worker and class.

    Attributes
    ----------
    rate : float64 array (n_workers, n_classes)
    """

    rate: NDArray[np.float64]

    def skills(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.rate * self.met, self.met

    @cached_property
    def _left_open(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right = self.rate * self.met
        a, b = beta_prior(right, self.met, self.narrow)
        return right + a, self.met - right + b

    def draw_right(self, truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        table = rng.beta(*self._left_open)
        return np.asarray(table[self.answers.worker, truth[self.answers.task]])

    def right(self) -> NDArray[np.float64]:
        return self.of_class(self.rate)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rate = self.rate
        return self._shares(
            self.met * rate, self.met * rate * (1 - rate), self.met * self._wide(rate)
        )


@dataclass(frozen=True, eq=False)
class EasinessCoins(_EvenErrors):
    """GLAD: right with probability sigmoid(alpha exp(beta)).

    Attributes
    ----------
    alpha : float64 array (n_workers,)
    beta : float64 array (n_tasks,)
    """

    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]

    @cached_property
    def _spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Standard deviations of alpha and beta: expected information, and 1 of the priors."""
        answers = self.answers
        easy, able = np.exp(self.beta)[answers.task], self.alpha[answers.worker]
        room = self.right() * (1 - self.right())
        of_worker = np.bincount(answers.worker, room * easy**2, answers.n_workers)
        of_task = np.bincount(answers.task, room * (able * easy) ** 2, answers.n_tasks)
        return 1 / np.sqrt(1 + of_worker), 1 / np.sqrt(1 + of_task)

    def _chance(self, alpha: NDArray[np.float64], beta: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import expit

        return np.asarray(expit(alpha[self.answers.worker] * np.exp(beta)[self.answers.task]))

    def draw_right(self, truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        of_alpha, of_beta = self._spread
        return self._chance(rng.normal(self.alpha, of_alpha), rng.normal(self.beta, of_beta))

    def right(self) -> NDArray[np.float64]:
        return self._chance(self.alpha, self.beta)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right = self.right()
        return self._shares(
            self.by_worker(right), self.by_worker(right * (1 - right)),
            self.by_worker(self._wide(right)),
        )  # fmt: skip
