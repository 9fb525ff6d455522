"""PM: error-weighted votes in the form of the truth-inference survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.reliability.error_weighted import ErrorWeighted, log_weights

__all__ = ["PM"]


@STRATEGIES.register("pm", "participant-mine-voting")
@dataclass(frozen=True, kw_only=True)
class PM(ErrorWeighted):
    r"""Error-weighted vote in the form of the truth-inference survey.

    From the majority vote (or ``init``), until the labels stay:

    .. math::
        e_j = \frac{1}{n_j} \sum_i 1[y_{ij} \neq \hat y_i], \qquad
        w_j = -\log \frac{e_j}{\max_{j'} e_{j'}}, \qquad
        \hat y_i = \arg\max_k \sum_j w_j 1[y_{ij} = k]

    The worst worker has weight 0. The posterior is the shares of the weights; the skill is
    :math:`1 - e_j`.

    Notes
    -----
    Cost: O(answers) a round, usually under 15 rounds. Tied classes count 1/m each, or one is
    taken under ``ties="first"`` or ``"random"``. `CRH` divides by the sum of the errors instead.

    References
    ----------
    Li, Q. et al. (2014). Resolving conflicts in heterogeneous data by truth discovery and source
    reliability estimation. SIGMOD.

    Zheng, Y. et al. (2017). Truth inference in crowdsourcing: is the problem solved? PVLDB 10(5).
    """

    def weigh_errors(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rate = errors / total
        return log_weights(rate, float(rate.max(initial=0.0)))
