"""Judges such as language models: able, few, and wrong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.errors import ParameterError
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.ingredients import one_coin, rates, wrong_labels
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("correlated-judges", "llm-judges")
@dataclass(frozen=True, kw_only=True)
class CorrelatedJudges(Simulator):
    """A Gaussian copula of errors, with one tempting wrong class a task.

    Judge j of family f is right on task i when
    sqrt(c) g_i + sqrt(w - c) z_if + sqrt(1 - w) e_ij <= Phi^-1(a_j), all N(0, 1): two judges of
    one family have latent correlation w = ``within``, of two families c = ``across``. A wrong
    judge gives the task's distractor d_i, uniform among the wrong classes, with probability
    ``tempting``, else a uniformly wrong class. a_j is Beta of mean ``accuracy``. ``families``
    has the family of each judge: in turn, or the first ``largest`` of them in one and the others
    in turn in the rest.

    References
    ----------
    M. J. Emrich, M. R. Piedmonte (1991), A method for generating high-dimensional multivariate
    binary variates (binary variables by thresholds of correlated normal ones).
    """

    families: int = option(2, at_least=1, help="families of judges")
    accuracy: float = option(0.85, above=0, below=1, help="mean accuracy")
    within: float = option(0.6, at_least=0, at_most=1, help="latent correlation in a family")
    across: float = option(0.3, at_least=0, at_most=1, help="latent correlation between families")
    tempting: float = option(0.7, at_least=0, at_most=1, help="P(wrong answer is the distractor)")
    largest: float = option(
        0.0, at_least=0, at_most=1, help="share of judges of the first family; 0: all alike"
    )

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        if self.across > self.within:
            raise ParameterError(
                f"correlated-judges: across ({self.across:g}) must be at most within"
                f" ({self.within:g})"
            )
        if self.largest > 0 and self.families < 2:
            raise ParameterError("correlated-judges: largest needs two families or more")

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        accuracy = rates(self.accuracy, crowd.n_worker, rng, concentration=50.0)
        judge = np.arange(crowd.n_worker)
        family = judge % self.families
        if self.largest > 0:
            first = round(self.largest * crowd.n_worker)
            family = np.where(judge < first, 0, 1 + (judge - first) % (self.families - 1))
        return Plan(
            matrices=one_coin(accuracy, crowd.n_classes),
            extra={
                "abilities": accuracy,
                "families": family,
                "distractors": wrong_labels(truth, crowd.n_classes, rng),
            },
        )

    def labels(
        self,
        crowd: Crowd,
        truth: NDArray[np.int64],
        plan: Plan,
        task: NDArray[np.int32],
        worker: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> NDArray[np.int32]:
        from scipy.special import ndtri

        shared = rng.standard_normal(truth.size) * self.across**0.5
        by_family = rng.standard_normal((self.families, truth.size))
        by_family *= (self.within - self.across) ** 0.5
        latent = (by_family + shared)[plan.extra["families"][worker], task]
        latent += (1 - self.within) ** 0.5 * rng.standard_normal(task.size)
        right = latent <= ndtri(plan.extra["abilities"])[worker]
        true = truth[task]
        tempted = rng.random(task.size) < self.tempting
        other = wrong_labels(true, crowd.n_classes, rng)
        wrong = np.where(tempted, plan.extra["distractors"][task], other)
        return np.where(right, true, wrong).astype(np.int32)
