"""Vote shares: the posterior of a class is the share of votes that it got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import TaskRule, vote_fit
from peerannot.answers import Answers

__all__ = ["NaiveSoft"]


@STRATEGIES.register("naive-soft", "NS", "soft")
@dataclass(frozen=True, kw_only=True)
class NaiveSoft(TaskRule):
    """Vote shares: the posterior of a class is the share of votes that it got.

    ``z_ik = sum_j 1[y_ij = k] / |A_i|``. Not calibrated: three votes of three give 1. Training
    on it equals training on every single vote. Cost: O(answers).

    References
    ----------
    Lefort, T., Charlier, B., Joly, A. and Salmon, J. (2024). Peerannot: classification for
    crowdsourced image datasets with Python. Computo, section 3.1.
    """

    counts_votes: ClassVar[bool] = True

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        return vote_fit(answers, self.ties, self.seed, gold=gold)
