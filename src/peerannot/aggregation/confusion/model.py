"""Models with a confusion matrix for each worker: one loop, wherever the answers are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Iterative
from peerannot.aggregation.drawing.confusions import Confusions
from peerannot.aggregation.online.models import Batch, Sums, move_counts
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.confusions import PartsEM, em_of
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.passes.confusions import EM, Pairs
from peerannot.aggregation.passes.extrapolation import Extrapolation
from peerannot.aggregation.passes.support import clamped
from peerannot.aggregation.passes.ties import Ties
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["ConfusionModel", "confusions_of", "ds_skill", "write_posterior"]


def ds_skill(confusion: NDArray[np.float64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that each worker is right: the diagonal, averaged by the class prior."""
    return np.asarray(np.einsum("jkk,k->j", confusion, prior))


@dataclass(frozen=True, kw_only=True)
class ConfusionModel(Iterative):
    """A strategy whose whole state is expected counts (n_pairs, K) and class sums (K,)."""

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {"difficulty": "ebcc", "dependence": "ebcc"}
    objective_name: ClassVar[str] = "log-likelihood"  # what its steps give, for people

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        em = PartsEM.of(parts, model=self.name)
        counts, mass, diagnostics = self._iterate(em, progress, checkpoint)
        fit = self.parameters(em.pairs, counts, mass, len(parts.shape.workers))
        fit.diagnostics = diagnostics
        return Fitted(fit, write_posterior, self.tables(em.pairs, counts, mass))

    def _iterate(
        self, em: PartsEM, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Diagnostics]:
        """Counts and class sums that the iterations end with."""
        saved = checkpoint.load()
        counts, mass = self._start(em) if saved is None else (saved["counts"], saved["mass"])
        objective = [] if saved is None else list(map(float, saved["objective"]))
        hard = saved is not None and bool(saved["hard"])
        leaps = Extrapolation.of(self, em.answers, saved)
        stopped = leaps.judges and self.stops(objective, em.answers)
        while not stopped and len(objective) < self.max_iter:
            hard = self.turns_hard(objective, em.answers.n_answers, hard)
            begin = leaps.start((counts, mass))
            *end, value = self.next_counts(em, begin[0], begin[1], hard)
            merit = self.merit(em.pairs, begin[0], value) if leaps.on else value
            counts, mass = leaps.end(tuple(end), merit)
            objective.append(value if leaps.kept else objective[-1])
            stopped = leaps.judges and self.stops(objective, em.answers)
            checkpoint.save({
                "n_iter": len(objective), "objective": objective, "counts": counts, "mass": mass,
                "hard": hard, **leaps.state(),
            })  # fmt: skip
            progress(len(objective), self.max_iter, f"{self.objective_name} {objective[-1]:.4f}")
        converged = stopped or self.tol == 0
        done = Diagnostics(len(objective), converged, tuple(objective), leaps.notes())
        return counts, mass, done

    def _start(self, em: PartsEM) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if em.parts.shape.started or not self.turns_hard([], em.answers.n_answers, False):
            return em.first()
        return em.first(_majority, self.ties, self.seed)

    def answer_model(self, answers: Answers, result: Result) -> Confusions:
        return confusions_of(self.name, answers, result)

    def batch_reader(self) -> ConfusionModel:
        """The model that reads a batch of answers, see `grow`."""
        return self

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """The sums with a batch in them, see `peerannot.aggregation.online.state`."""
        return move_counts(self, self.batch_reader(), sums, batch)

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the sums say of all answers."""
        em = EM.of(answers, gold, model=self.name)
        counts, mass = sums["counts"], sums["mass"]
        fit = self.parameters(em.pairs, counts, mass, answers.n_workers)
        fit.posterior = em.posterior(*self.tables(em.pairs, counts, mass))
        return fit

    def turns_hard(self, objective: list[float], n_answers: int, was: bool) -> bool:
        """Whether the next E-step gives each task to one class."""
        return False

    def next_counts(
        self, em: PartsEM, counts: NDArray[np.float64], mass: NDArray[np.float64], hard: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Counts and class sums of the next iteration, and the objective."""
        return em.step(*self.tables(em.pairs, counts, mass), hard=hard)

    def merit(self, pairs: Pairs, counts: NDArray[np.float64], value: float) -> float:
        """What iterations raise, up to a constant, where the objective is ``value``."""
        return value

    @abstractmethod
    def tables(
        self, pairs: Pairs, counts: NDArray[np.float64], mass: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logarithms of the confusion rows of each pair and of the class prior."""

    @abstractmethod
    def parameters(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        mass: NDArray[np.float64],
        n_workers: int,
    ) -> Fit:
        """Skills, confusion matrices and class prior, still without a posterior."""


def confusions_of(name: str, answers: Answers, result: Result) -> Confusions:
    """Answers by the matrices that a strategy of this name found.

    Raises
    ------
    ParameterError
        They were too large to hold.
    """
    if result.confusion is None:
        raise ParameterError(
            f"{name}: the matrices of {answers.n_workers} workers over {answers.n_classes} classes"
            " are too large to draw from; check class-one-coin"
        )
    return Confusions(answers, result.dense_posterior(), result.confusion)


def _majority(part: Part, ties: Ties, seed: int) -> NDArray[np.float64]:
    # Only hard starts need the family of votes.
    from peerannot.aggregation.votes.majority_vote import MajorityVote
    from peerannot.aggregation.votes.rules import dense_votes

    return np.asarray(clamped(dense_votes(part, MajorityVote(ties=ties, seed=seed)), part.gold))


def write_posterior(part: Part, table: NDArray[np.float64], log_prior: NDArray[np.float64]) -> Fit:
    """What tables of log-probabilities say of the tasks of a partition."""
    return Fit(em_of(part).posterior(table, log_prior))
