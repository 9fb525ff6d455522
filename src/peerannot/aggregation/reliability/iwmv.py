"""Iterative weighted majority vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.reliability.voting_rounds import VotingRounds
from peerannot.aggregation.votes.wawa import share_right

__all__ = ["IWMV"]


@STRATEGIES.register("iwmv", "iterative-weighted-majority-vote")
@dataclass(frozen=True, kw_only=True)
class IWMV(VotingRounds):
    r"""Iterative weighted majority vote, an approximation of the one-coin maximum a posteriori.

    From the majority vote (or ``init``), until the labels stay:

    .. math::
        s_j = \frac{1}{n_j} \sum_i 1[y_{ij} = \hat y_i], \qquad v_j = K s_j - 1, \qquad
        \hat y_i = \arg\max_k \sum_j v_j 1[y_{ij} = k]

    The weight :math:`K s_j - 1` is the first-order expansion, at chance level, of the log-odds
    of the one-coin model. It is negative for a worker below chance, whose vote then speaks
    against the class. The posterior is the shares of the positive scores: it orders classes but
    is not calibrated. The skill is :math:`s_j`.

    Parameters
    ----------
    max_iter
        Most rounds of voting.

    Notes
    -----
    Cost: O(answers) a round, usually 5 to 10 rounds; the number of classes costs nothing. Under
    ``ties="first"`` or ``"random"`` one of tied classes is taken in each round, else each of m
    counts 1/m. Published peerannot calls iterated `Wawa` (:math:`v_j = s_j`) by this name.

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086, section 4, algorithm 1.
    """

    signed: ClassVar[bool] = True

    def weigh(
        self, right: NDArray[np.float64], total: NDArray[np.float64], n_classes: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        skill = share_right(right, total)
        return skill, n_classes * skill - 1
