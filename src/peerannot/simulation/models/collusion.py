"""Groups of workers who agree on their answers beforehand."""

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


@SIMULATIONS.register("collusion")
@dataclass(frozen=True, kw_only=True)
class Collusion(Simulator):
    """The last floor(ratio W) workers form groups that give one answer a task.

    Group g agrees on c_ig for task i, right with probability ``agreed_accuracy``, else uniformly
    wrong. A member answers c_ig with probability ``loyalty``, else as anyone would: right with
    probability a_j, Beta of mean ``accuracy``. Given the truth, members are not independent.
    ``groups`` has the group of each worker, -1 for none.
    """

    ratio: float = option(0.3, at_least=0, at_most=1, help="share of colluders")
    groups: int = option(2, at_least=1, help="groups of colluders")
    agreed_accuracy: float = option(0.3, at_least=0, at_most=1, help="P(agreed answer is right)")
    loyalty: float = option(0.95, at_least=0, at_most=1, help="P(member gives the agreed answer)")
    accuracy: float = option(0.75, above=0, at_most=1, help="mean accuracy of workers on their own")

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        colluders = int(self.ratio * crowd.n_worker)
        if 0 < colluders < self.groups:
            raise ParameterError(
                f"collusion: {colluders} colluders cannot form {self.groups} groups;"
                " raise ratio or lower groups"
            )

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        colluders = int(self.ratio * crowd.n_worker)
        group = np.full(crowd.n_worker, -1, np.int64)
        group[crowd.n_worker - colluders :] = np.arange(colluders) % self.groups
        alone = rates(self.accuracy, crowd.n_worker, rng)
        together = self.loyalty * self.agreed_accuracy + (1 - self.loyalty) * alone
        return Plan(
            matrices=one_coin(np.where(group < 0, alone, together), crowd.n_classes),
            extra={"groups": group, "abilities": alone},
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
        k, group = crowd.n_classes, plan.extra["groups"][worker]
        agreed = np.empty((self.groups, truth.size), np.int64)
        for row in agreed:
            right = rng.random(truth.size) < self.agreed_accuracy
            row[:] = np.where(right, truth, wrong_labels(truth, k, rng))
        true = truth[task]
        own_right = rng.random(task.size) < plan.extra["abilities"][worker]
        own = np.where(own_right, true, wrong_labels(true, k, rng))
        loyal = (group >= 0) & (rng.random(task.size) < self.loyalty)
        return np.where(loyal, agreed[group, task], own).astype(np.int32)
