"""Easy, hard and hopeless tasks; good and bad workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator, read_matrices
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.models.independent_confusion import benevolent
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("discrete-difficulty")
@dataclass(frozen=True, kw_only=True)
class DiscreteDifficulty(Simulator):
    """Everyone is right on easy tasks, guesses on random ones, and errs by pi^j on hard ones.

    P(random) = random, P(easy) : P(hard) = ratio_diff : 1. The first floor(ratio W) workers are
    good, rows Dirichlet(0.2) with the largest entry on the diagonal; the others bad, rows
    Dirichlet(5) as they fall.

    References
    ----------
    J. Whitehill et al. (2009), Whose vote should count more (two kinds of worker and of task).
    """

    published: ClassVar[bool] = True

    ratio: float = option(0.1, at_least=0, at_most=1, help="share of good workers")
    ratio_diff: float = option(1.0, at_least=0, help="easy tasks for each hard one")
    random: float = option(0.0, at_least=0, at_most=1, help="share of tasks nobody can tell")
    matrix_file: Path | None = option(
        None, help=".npy of confusion matrices (n_worker, n_classes, n_classes)"
    )

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        read_matrices(self.matrix_file, crowd)

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        hard = (1 - self.random) / (self.ratio_diff + 1)
        levels = rng.choice(
            ["easy", "hard", "random"],
            p=[self.ratio_diff * hard, hard, self.random],
            size=crowd.n_task,
        )
        matrices = read_matrices(self.matrix_file, crowd)
        if matrices is None:
            good = int(self.ratio * crowd.n_worker)
            k = crowd.n_classes
            matrices = np.concatenate(
                (
                    benevolent(good, k, 0.2, rng),
                    rng.dirichlet(np.full(k, 5.0), size=(crowd.n_worker - good, k)),
                )
            )
        hardness = np.where(levels == "easy", 0.0, np.where(levels == "hard", 0.6, 1.0))
        return Plan(matrices=matrices, difficulties=levels, hardness=hardness)

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
        confused = super().labels(crowd, truth, plan, task, worker, rng)
        guessed = rng.integers(0, crowd.n_classes, size=task.size, dtype=np.int32)
        easy, hopeless = plan.difficulties == "easy", plan.difficulties == "random"
        label = np.where(hopeless[task], guessed, confused)
        return np.where(easy[task], truth[task], label).astype(np.int32)
