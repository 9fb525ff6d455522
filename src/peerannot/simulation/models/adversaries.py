"""Workers who know the truth and hide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.ingredients import one_coin, rates
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("adversaries")
@dataclass(frozen=True, kw_only=True)
class Adversaries(Simulator):
    """The last floor(ratio W) workers are adversaries, the others right with probability a_j.

    With the power p of an adversary: ``wrong`` answers uniformly among the wrong classes,
    ``shift`` answers k + 1 (mod K) for k, so that a matrix can be undone; else, with
    probability 1 - p, the adversary is right and so hides. a_j is Beta of mean ``accuracy``.
    """

    ratio: float = option(0.2, at_least=0, at_most=1, help="share of adversaries")
    kind: Literal["wrong", "shift"] = option("wrong", help="what they answer: wrong or shift")
    power: float = option(0.9, at_least=0, at_most=1, help="probability that they attack")
    accuracy: float = option(0.8, above=0, at_most=1, help="mean accuracy of the others")

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        k, adversaries = crowd.n_classes, int(self.ratio * crowd.n_worker)
        honest = one_coin(rates(self.accuracy, crowd.n_worker - adversaries, rng), k)
        attack = (1 - np.eye(k)) / (k - 1)
        if self.kind == "shift":
            attack = np.roll(np.eye(k), 1, axis=1)
        attack = self.power * attack + (1 - self.power) * np.eye(k)
        return Plan(matrices=np.concatenate((honest, np.tile(attack, (adversaries, 1, 1)))))
