"""Abilities of workers and continuous difficulties of tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.ingredients import wrong_labels
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("glad", "continuous-difficulty")
@dataclass(frozen=True, kw_only=True)
class Glad(Simulator):
    """P(y_ij = y_i) = sigmoid(alpha_j exp(beta_i)), errors uniform over the other classes.

    alpha_j ~ N(ability_mean, ability_sd) is the ability of a worker (below 0: an adversary),
    beta_i ~ N(ease_mean, ease_sd) the log inverse difficulty of a task, saved as difficulties.

    References
    ----------
    J. Whitehill et al. (2009), Whose vote should count more: optimal integration of labels from
    labelers of unknown expertise, eq. 1.
    """

    ability_mean: float = option(1.0, help="mean ability")
    ability_sd: float = option(1.0, at_least=0, help="standard deviation of the abilities")
    ease_mean: float = option(1.0, help="mean log inverse difficulty")
    ease_sd: float = option(1.0, at_least=0, help="standard deviation of log inverse difficulty")

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        alpha = rng.normal(self.ability_mean, self.ability_sd, size=crowd.n_worker)
        beta = rng.normal(self.ease_mean, self.ease_sd, size=crowd.n_task)
        return Plan(difficulties=beta, hardness=1 / (1 + np.exp(beta)), extra={"abilities": alpha})

    def labels(
        self,
        crowd: Crowd,
        truth: NDArray[np.int64],
        plan: Plan,
        task: NDArray[np.int32],
        worker: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> NDArray[np.int32]:
        assert plan.difficulties is not None
        from scipy.special import expit

        right = expit(plan.extra["abilities"][worker] * np.exp(plan.difficulties)[task])
        true = truth[task]
        wrong = wrong_labels(true, crowd.n_classes, rng)
        return np.where(rng.random(task.size) < right, true, wrong).astype(np.int32)
