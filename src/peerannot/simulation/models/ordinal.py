"""Ordered classes: near misses are likelier than far ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("ordinal")
@dataclass(frozen=True, kw_only=True)
class Ordinal(Simulator):
    """y_ij = round(y_i + b_j + s_j e), cut to 0..K-1, e ~ N(0, 1).

    b_j ~ N(0, bias) makes a worker lenient or strict, s_j ~ Gamma of mean ``spread`` and shape 4
    is their noise. Hence pi^j_kl = Phi((l + 1/2 - k - b_j) / s_j) - Phi((l - 1/2 - k - b_j) / s_j)
    with the outer cuts at infinity.

    References
    ----------
    P. McCullagh (1980), Regression models for ordinal data (the latent variable).
    """

    bias: float = option(0.3, at_least=0, help="standard deviation of the biases, in classes")
    spread: float = option(0.6, above=0, help="mean standard deviation of the noise, in classes")

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        from scipy.special import ndtr

        bias = rng.normal(0.0, self.bias, size=crowd.n_worker)
        spread = rng.gamma(4.0, self.spread / 4, size=crowd.n_worker)
        cuts = np.arange(crowd.n_classes - 1) + 0.5
        centre = np.arange(crowd.n_classes) + bias[:, None]
        below = ndtr((cuts - centre[:, :, None]) / spread[:, None, None])
        edge = np.zeros((crowd.n_worker, crowd.n_classes, 1))
        matrices = np.diff(np.concatenate((edge, below, edge + 1), axis=2), axis=2)
        return Plan(matrices=matrices, extra={"biases": bias, "spreads": spread})
