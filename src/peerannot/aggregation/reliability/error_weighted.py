"""What votes weighted by each worker's errors share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.reliability.voting_rounds import VotingRounds

__all__ = ["ErrorWeighted", "log_weights"]


# Added to error rates, so that a worker without errors has a large weight and not an infinite one.
LEAST_ERROR = 1e-9


@dataclass(frozen=True, kw_only=True)
class ErrorWeighted(VotingRounds):
    """Base of rules that weigh workers by their errors.

    Parameters
    ----------
    max_iter
        Most rounds of voting.
    """

    @abstractmethod
    def weigh_errors(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Weights, not negative, from the errors and the answers (all > 0) of each worker."""

    def weigh(
        self, right: NDArray[np.float64], total: NDArray[np.float64], n_classes: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        errors, active = np.maximum(total - right, 0.0), total > 0
        skill, weight = np.zeros(total.size), np.zeros(total.size)
        skill[active] = 1 - errors[active] / total[active]
        weight[active] = self.weigh_errors(errors[active], total[active])
        return skill, weight


def log_weights(error: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """``-log(error / scale)``; equal weights where that leaves nothing to tell workers apart."""
    weight = np.maximum(-np.log((error + LEAST_ERROR) / (scale + LEAST_ERROR)), 0.0)
    return weight if weight.max(initial=0.0) > 1e-9 else np.ones_like(weight)
