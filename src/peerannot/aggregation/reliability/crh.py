"""CRH: error-weighted votes as first published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.reliability.error_weighted import ErrorWeighted, log_weights

__all__ = ["CRH"]


@STRATEGIES.register("crh")
@dataclass(frozen=True, kw_only=True)
class CRH(ErrorWeighted):
    r"""Conflict resolution on heterogeneous data: error-weighted vote as first published.

    As `PM`, but the errors are divided by their sum:
    :math:`w_j = -\log (e_j / \sum_{j'} e_{j'})` with :math:`e_j` the error rate (the paper's
    loss, divided by the number of answers as its section 2.5 says for missing values). With
    many workers the weights differ little, so it stays near the majority vote.

    Notes
    -----
    Cost: O(answers) a round, usually under 10 rounds. Ties as in `PM`.

    References
    ----------
    Li, Q. et al. (2014). Resolving conflicts in heterogeneous data by truth discovery and source
    reliability estimation. SIGMOD, section 2.
    """

    def weigh_errors(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rate = errors / total
        return log_weights(rate, float(rate.sum()))
