"""A crowd as one meets it: able and less able workers, spammers, pairs that look alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.errors import ParameterError
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.ingredients import rates
from peerannot.simulation.plan import Plan
from peerannot.simulation.streams import confused


@SIMULATIONS.register("mixed-crowd")
@dataclass(frozen=True, kw_only=True)
class MixedCrowd(Simulator):
    """Ordinary workers with confusable classes and hard tasks, spammers, and constant workers.

    With p(k) the class that k is mistaken for, an ordinary worker has
    pi^j_kk = a_j, pi^j_kp(k) = pull (1 - a_j), and the rest uniform; a_j is Beta of mean
    ``accuracy``. A share ``hard`` of the tasks has hardness h_i ~ U(0.4, 0.9), the others 0:
    P(y_ij = l) = (1 - h_i) pi^j_kl + h_i (1[l = k] + 1[l = p(k)]) / 2. floor(spammers W) workers
    answer uniformly and ``constants`` workers always give one class of theirs. ``matrices`` are
    the averages over the tasks drawn, ``kinds`` names the kind of each worker.
    """

    accuracy: float = option(0.8, above=0, below=1, help="mean accuracy of ordinary workers")
    pairs: str = option(
        "", help="classes mistaken for each other, 3-8,4-9; others for the next class"
    )
    pull: float = option(0.6, at_least=0, at_most=1, help="share of errors that go to the pair")
    hard: float = option(0.2, at_least=0, at_most=1, help="share of hard tasks")
    spammers: float = option(0.1, at_least=0, at_most=1, help="share of workers who guess")
    constants: int = option(1, at_least=0, help="workers who always give one class")

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        self.partners(crowd.n_classes)
        if int(self.spammers * crowd.n_worker) + self.constants > crowd.n_worker:
            raise ParameterError(
                f"mixed-crowd: {self.constants} constant workers and a share {self.spammers:g} of"
                f" spammers are more than {crowd.n_worker} workers"
            )

    def partners(self, k: int) -> NDArray[np.int64]:
        """The class that each class is mistaken for, int64 (k,)."""
        partner = np.roll(np.arange(k), -1)
        for pair in filter(None, self.pairs.replace(" ", "").split(",")):
            ends = pair.split("-")
            if len(ends) != 2 or not all(e.isdecimal() and int(e) < k for e in ends):
                raise ParameterError(
                    f"mixed-crowd: pairs must be classes 0..{k - 1} as 3-8,4-9, not {self.pairs!r}"
                )
            one, other = map(int, ends)
            partner[one], partner[other] = other, one
        if (partner == np.arange(k)).any():
            raise ParameterError("mixed-crowd: a class cannot be mistaken for itself")
        return partner

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        n, k = crowd.n_worker, crowd.n_classes
        partner, classes = self.partners(k), np.arange(k)
        kinds = np.full(n, "ordinary")
        spammers = int(self.spammers * n)
        order = rng.permutation(n)
        kinds[order[:spammers]] = "spammer"
        kinds[order[spammers : spammers + self.constants]] = "constant"

        accuracy = rates(self.accuracy, n, rng, concentration=12.0)
        error = (1 - accuracy)[:, None]
        others = max(k - 2, 1)
        pull = self.pull if k > 2 else 1.0
        clear = np.repeat((1 - pull) * error / others, k * k, axis=1).reshape(n, k, k)
        clear[:, classes, partner] = pull * error
        clear[:, classes, classes] = accuracy[:, None]
        clear[kinds == "spammer"] = 1 / k
        constant = np.flatnonzero(kinds == "constant")
        clear[constant] = np.eye(k)[rng.integers(0, k, size=constant.size)][:, None, :]

        is_hard = rng.random(crowd.n_task) < self.hard
        hardness = np.where(is_hard, rng.uniform(0.4, 0.9, size=crowd.n_task), 0.0)
        counts = np.maximum(np.bincount(truth, minlength=k), 1)
        mean = (np.bincount(truth, hardness, minlength=k) / counts)[:, None]
        matrices = clear.copy()
        ordinary = kinds == "ordinary"
        blur = (np.eye(k) + np.eye(k)[partner]) / 2
        matrices[ordinary] = (1 - mean) * clear[ordinary] + mean * blur
        return Plan(
            matrices=matrices,
            difficulties=hardness,
            hardness=hardness,
            lookalike=partner[truth],
            extra={"kinds": kinds, "clear_matrices": clear},
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
        assert plan.hardness is not None and plan.lookalike is not None
        true = truth[task]
        label = confused(plan.extra["clear_matrices"], true, worker, rng)
        blurred = rng.random(task.size) < plan.hardness[task]
        blurred &= (plan.extra["kinds"] == "ordinary")[worker]
        either = np.where(rng.random(task.size) < 0.5, true, plan.lookalike[task])
        return np.where(blurred, either, label).astype(np.int32)
