"""What a fitted model says of answers: how probable right ones are, and draws of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers

__all__ = ["AnswerModel", "beta_prior", "draw_classes"]

# Least and most share of the variance of a Bernoulli that skills of workers may have.
_SPREAD = (1e-4, 0.9)


@dataclass(frozen=True, eq=False)
class AnswerModel(ABC):
    """A fitted model as a law of the answers, given who answers which task.

    Attributes
    ----------
    answers : Answers
        The answers that it was fitted to.
    posterior : float64 array (n_tasks, n_classes)
    narrow : float
        Part of the variance between workers that is drawn. Classes and skills are fitted
        together, so that fitted skills of few answers lie further apart than the answers of
        known classes would explain; what part is left is found by drawing and fitting again.
    """

    answers: Answers
    posterior: NDArray[np.float64]
    narrow: float = field(default=1.0, kw_only=True)

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Classes of the tasks from the posterior, int64 (n_tasks,), then answers, (n_answers,).

        What the model holds of workers (and tasks) is drawn too, from what its estimates leave
        open: estimates of few answers lie further apart than skills do.
        """

    @abstractmethod
    def right(self) -> NDArray[np.float64]:
        """Probability that each answer is right, float64 (n_answers,)."""

    @abstractmethod
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected number of each label from each worker, (n_workers, n_classes), and variance."""

    def skills(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Right answers of each worker and answers, (n_workers, n_columns) both, by the fit; None
        where workers have no prior that answers were to tell."""
        return None

    def differ(self) -> float | None:
        """How much workers differ: the variance of their rates, as a part of the most that it can
        be; None where that is not drawn."""
        skills = self.skills()
        if skills is None:
            return None
        share, weight = _spread(*skills)[1], skills[1].sum(0)
        return float(np.average(share, weights=np.maximum(weight, 1e-12)))

    @cached_property
    def met(self) -> NDArray[np.float64]:
        """Expected number of tasks of each class that each worker met, (n_workers, n_classes)."""
        return self.by_worker(np.ones(self.answers.n_answers))

    def by_worker(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of a value of each answer by worker and class of the task, by the posterior."""
        from scipy.sparse import csr_array

        answers = self.answers
        cells: Any = csr_array(
            (value, (answers.worker, answers.task)), shape=(answers.n_workers, answers.n_tasks)
        )
        return np.asarray(cells @ self.posterior)

    def of_class(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over the class of a task of a table (n_workers, n_classes), for each answer."""
        task, worker = self.answers.task, self.answers.worker
        return np.asarray(np.einsum("ik,ik->i", self.posterior[task], table[worker]))


def draw_classes(posterior: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A class from each row of probabilities, int64 (n_rows,)."""
    below = posterior[:, :-1].cumsum(1)
    return np.asarray((rng.random(len(posterior))[:, None] > below).sum(1))


def beta_prior(
    right: NDArray[np.float64], total: NDArray[np.float64], narrow: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Beta distributions of rates over the rows (workers), one a column, by moments.

    Where rates differ no more than their own sampling error the distribution is narrow: that is
    how rates of few answers are told from skills that differ. Of the variance that is left, the
    part ``narrow`` is taken.
    """
    mean, share = _spread(right, total)
    strength = 1 / np.maximum(narrow * share, _SPREAD[0]) - 1
    return mean * strength, (1 - mean) * strength


def _spread(
    right: NDArray[np.float64], total: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of rates over the rows, and variances as parts of mean (1 - mean), (n_columns,)."""
    sums = total.sum(0)
    mean = np.where(sums > 0, (right.sum(0) + 0.5) / (sums + 1.0), 0.5)
    rate = right / np.maximum(total, 1e-12)
    size = np.maximum(sums, 1e-12)
    room = mean * (1 - mean)
    # E (rate - mean)^2 = V + (room - V) / total, averaged by answers.
    seen = (total * (rate - mean) ** 2).sum(0) / size
    noise = np.minimum((total > 0).sum(0) / size, 0.99)
    return mean, np.clip((seen / room - noise) / (1 - noise), *_SPREAD)
