"""Majority vote: the class with most votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import TaskRule, vote_fit
from peerannot.answers import Answers

__all__ = ["MajorityVote"]


@STRATEGIES.register("majority-vote", "MV", "majority_voting")
@dataclass(frozen=True, kw_only=True)
class MajorityVote(TaskRule):
    """Majority vote: the class with most votes.

    ``label_i = argmax_k sum_j 1[y_ij = k]``. The posterior is the winner (1), shared equally
    among tied classes under ``ties="share"`` and ``"abstain"``; confidence and entropy are
    those of the vote shares. Answers' weights count. Cost: O(answers).

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086, section 3, bounds its error.
    """

    counts_votes: ClassVar[bool] = True

    def decide(self, answers: Answers, gold: NDArray[np.int32]) -> Fit:
        return vote_fit(answers, self.ties, self.seed, hard=True, gold=gold)
