"""LA with a second pass over the tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.passes.signed_votes import largest_score, signed_vote_fit, write_signed
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.la import OnePassLA, skill_of
from peerannot.answers import Answers

__all__ = ["TwoPassLA"]


@STRATEGIES.register("la-two-pass", "LA2")
@dataclass(frozen=True, kw_only=True)
class TwoPassLA(OnePassLA):
    r"""`OnePassLA`, then a second pass that votes with the skills that the first one found.

    :math:`\hat y_i = \arg\max_k \sum_j (K a_j - 1) 1[y_{ij} = k]`, the weights of `IWMV`; they
    are negative for workers below chance. The posterior is the shares of the positive scores.

    Notes
    -----
    Cost: O(answers), two passes.

    References
    ----------
    Yang, Y. et al. (2024). A lightweight, effective, and efficient model for label aggregation
    in crowdsourcing. ACM TKDD 18(4), algorithm 2. arXiv:2212.00007.
    """

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        ((right, seen),) = self._chain(parts, remember=False)
        weight = len(parts.shape.classes) * skill_of(right, seen) - 1
        fit = Fit(None, worker_columns={"weight": weight})
        self.add_skill(fit, right, seen)
        given = (self.ties, self.seed, weight, largest_score(parts, weight))
        return Fitted(fit, write_signed, given)

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """As in one pass; the second one is made by `read`."""
        return super().grow(sums, batch)

    def fit_of(
        self,
        answers: Answers,
        gold: NDArray[np.int32],
        credit: NDArray[np.float64],
        right: NDArray[np.float64],
        seen: NDArray[np.float64],
    ) -> Fit:
        weight = answers.n_classes * skill_of(right, seen) - 1
        support = Support.of(answers)
        score = support.votes(answers, weight)
        fit = signed_vote_fit(answers, support, score, self.ties, self.seed, gold)
        self.add_skill(fit, right, seen)
        fit.worker_columns = {"weight": weight}
        return fit
