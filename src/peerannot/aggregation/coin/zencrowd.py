"""ZenCrowd: the one-coin model from equally reliable workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation.coin.one_coin import OneCoin
from peerannot.aggregation.partitions.coins import PartsCoins
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["ZenCrowd"]


@STRATEGIES.register("zencrowd", "ZC")
@dataclass(frozen=True, kw_only=True)
class ZenCrowd(OneCoin):
    r"""ZenCrowd: the one-coin model from equally reliable workers.

    As the one-coin model, but EM starts from :math:`p_j` = ``reliability`` for all workers
    instead of vote shares, unless ``init`` is given.

    Parameters
    ----------
    reliability
        First :math:`p_j`.

    Notes
    -----
    Cost: as the one-coin model.

    References
    ----------
    Demartini, G., Difallah, D. E. and Cudré-Mauroux, P. (2012). ZenCrowd: leveraging
    probabilistic reasoning and crowdsourcing techniques for large-scale entity linking. WWW.
    """

    reliability: float = option(0.8, above=0.0, below=1.0, help="first reliability of all workers")

    def _start(self, coins: PartsCoins) -> NDArray[np.float64]:
        if coins.parts.shape.started:
            return super()._start(coins)
        return np.full(coins.n_units, float(self.reliability))
