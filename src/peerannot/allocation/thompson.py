"""Mutual information with skills that are drawn, so that new workers are tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.allocation.mutual_information import MutualInformation
from peerannot.allocation.registry import POLICIES

__all__ = ["Thompson"]


@POLICIES.register("thompson")
@dataclass(frozen=True, kw_only=True)
class Thompson(MutualInformation):
    """As `mutual-information`, for skills drawn from what is known of each worker.

    A worker of n answers and estimated skill s is right with a probability drawn from
    Beta((n + K) s, (n + K) (1 - s)), and errs alike in all K classes; K answers of the mean worker
    are what a worker without history has. So those of few answers are tried now and then,
    and are left when they turn out bad. Another draw once there are more answers. Gains told are
    those of the drawn skills.

    When to use: workers come and go, and little is known of many of them.

    Parameters
    ----------
    seed
        Seed of the draws.

    Notes
    -----
    Cost: that of `mutual-information`, and a draw a worker.

    References
    ----------
    Thompson, W. R. (1933). On the likelihood that one unknown probability exceeds another in view
    of the evidence of two samples. Biometrika 25.
    """

    seed: int = option(0, at_least=0, help="seed of the draws")

    def skills(
        self, skill: NDArray[np.float64], n_answers: NDArray[np.int64], n_classes: int
    ) -> NDArray[np.float64]:
        rng = np.random.default_rng((self.seed, int(n_answers.sum())))
        weight = n_answers + n_classes
        return rng.beta(weight * skill, weight * (1 - skill))
