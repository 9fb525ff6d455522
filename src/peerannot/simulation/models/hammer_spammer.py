"""Hammers, who are always right, and spammers, who answer at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("hammer-spammer")
@dataclass(frozen=True, kw_only=True)
class HammerSpammer(Simulator):
    """The last floor(ratio W) workers are spammers, matrix 1/K everywhere; the others identity.

    References
    ----------
    D. Karger, S. Oh, D. Shah (2011), Iterative learning for reliable crowdsourcing systems.
    """

    published: ClassVar[bool] = True

    ratio: float = option(0.1, at_least=0, at_most=1, help="share of spammers")

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        k = crowd.n_classes
        spammers = int(self.ratio * crowd.n_worker)
        matrices = np.tile(np.eye(k), (crowd.n_worker, 1, 1))
        matrices[crowd.n_worker - spammers :] = 1 / k
        return Plan(matrices=matrices)
