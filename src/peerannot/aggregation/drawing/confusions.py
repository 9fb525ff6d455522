"""Models with a confusion matrix for each worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.drawing.base import AnswerModel, beta_prior, draw_classes
from peerannot.answers import Answers

__all__ = ["Confusions", "Styles"]

_STEPS = 20  # of the styles of MACE, which converge in a few


@dataclass(frozen=True, eq=False)
class Confusions(AnswerModel):
    """Answers by the row of the true class in the matrix of the worker.

    Attributes
    ----------
    confusion : float64 array (n_workers, n_classes true, n_classes answered)
    """

    confusion: NDArray[np.float64]

    def skills(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.met * np.einsum("jkk->jk", self.confusion), self.met

    @cached_property
    def _left_open(self) -> NDArray[np.float64]:
        """Dirichlet parameters: the worker's answers, and the crowd's mean row."""
        counts = self.met[:, :, None] * self.confusion
        crowd = counts.sum(0) + 1e-3
        crowd /= crowd.sum(1, keepdims=True)
        strength = np.add(*beta_prior(*self.skills(), self.narrow))
        return np.asarray(counts + strength[:, None] * crowd)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        truth = draw_classes(self.posterior, rng)
        table = rng.standard_gamma(self._left_open)
        table /= np.maximum(table.sum(2, keepdims=True), 1e-300)
        rows = table[self.answers.worker, truth[self.answers.task]]
        return truth, draw_classes(rows, rng)

    def right(self) -> NDArray[np.float64]:
        return self.of_class(np.einsum("jkk->jk", self.confusion))

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        met, table = self.met, self.confusion
        return (
            np.einsum("jk,jkl->jl", met, table),
            np.einsum("jk,jkl->jl", met, table * (1 - table)),
        )


@dataclass(frozen=True, eq=False)
class Styles(AnswerModel):
    """MACE: a worker knows the class, or says a label in a style of its own.

    Attributes
    ----------
    competence : float64 array (n_workers,)
        Probability to know.
    style : float64 array (n_workers, n_classes)
        Labels said without knowing; rows sum to 1.
    strength : float
        Pseudo-answers in a row of the style.
    """

    competence: NDArray[np.float64]
    style: NDArray[np.float64]
    strength: float

    @classmethod
    def of(
        cls, answers: Answers, posterior: NDArray[np.float64],
        competence: NDArray[np.float64], each: float,
    ) -> Styles:  # fmt: skip
        """With the styles that go with the competences; ``each`` are pseudo-answers a label."""
        k = answers.n_classes
        code = answers.worker.astype(np.int64) * k + answers.label
        shape = (answers.n_workers, k)
        said = np.bincount(code, minlength=shape[0] * k).reshape(shape)
        right = posterior[answers.task, answers.label]
        hits = np.bincount(code, right, shape[0] * k).reshape(shape)
        know, style = competence[:, None], np.full(shape, 1.0 / k)
        for _ in range(_STEPS):
            unknown = said - hits * know / np.maximum(know + (1 - know) * style, 1e-300) + each
            style = unknown / unknown.sum(1, keepdims=True)
        return cls(answers, posterior, competence, style, each * k)

    def skills(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total = self.answers.answers_per_worker.astype(np.float64)[:, None]
        return self.competence[:, None] * total, total

    @cached_property
    def _left_open(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        know, total = self.skills()
        a, b = beta_prior(know, total, self.narrow)
        unknown = total - know + self.strength
        return (know + a)[:, 0], (total - know + b)[:, 0], unknown * self.style

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        a, b, said = self._left_open
        worker, truth = self.answers.worker, draw_classes(self.posterior, rng)
        style = rng.standard_gamma(said)
        style /= np.maximum(style.sum(1, keepdims=True), 1e-300)
        knows = rng.random(worker.size) < rng.beta(a, b)[worker]
        return truth, np.where(knows, truth[self.answers.task], draw_classes(style[worker], rng))

    def right(self) -> NDArray[np.float64]:
        know = self.competence[:, None]
        return self.of_class(know + (1 - know) * self.style)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        know, met = self.competence[:, None], self.met
        others = met.sum(1, keepdims=True) - met
        wrong = (1 - know) * self.style
        right = know + wrong
        return met * right + others * wrong, met * right * (1 - right) + others * wrong * (
            1 - wrong
        )
