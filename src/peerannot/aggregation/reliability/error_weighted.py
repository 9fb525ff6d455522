"""What votes weighted by each worker's errors share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Start, Strategy
from peerannot.aggregation.passes.support import Support
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.votes.rules import vote_fit
from peerannot.answers import Answers

__all__ = ["ErrorWeighted", "log_weights"]


# Added to error rates, so that a worker without errors has a large weight and not an infinite one.
LEAST_ERROR = 1e-9


@dataclass(frozen=True, kw_only=True)
class ErrorWeighted(Strategy):
    """Base of rules that vote, count each worker's errors, weigh the workers, and vote again.

    Parameters
    ----------
    max_iter
        Most rounds of voting.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True

    max_iter: int = option(100, at_least=1, help="most rounds of voting")

    @abstractmethod
    def _weigh(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Weights, not negative, from the errors and the answers (all > 0) of each worker."""

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        support = Support.of(answers)
        if start.posterior is None:
            winner = support.winners(support.votes(answers))
        else:
            winner = support.values(start.posterior)
        winner = support.decide(winner, self.ties, self.seed, start.gold)
        total = answers.weight_per_worker
        active = total > 0
        stays, rounds = False, 0
        while not stays and rounds < self.max_iter:
            errors = np.maximum(total - support.worker_sums(answers, winner), 0.0)
            weight = np.zeros(answers.n_workers)
            weight[active] = self._weigh(errors[active], total[active])
            score = support.votes(answers, weight)
            before = winner
            winner = support.decide(support.winners(score), self.ties, self.seed, start.gold)
            stays = bool(np.array_equal(winner, before))
            rounds += 1
            progress(rounds, self.max_iter, f"{np.count_nonzero(winner != before)} changes")
        fit = vote_fit(answers, support, score, self.ties, self.seed, hard=False, gold=start.gold)
        fit.skill = np.zeros(answers.n_workers)
        fit.skill[active] = 1 - errors[active] / total[active]
        fit.worker_columns = {"weight": weight}
        fit.diagnostics = Diagnostics(rounds, stays)
        return fit


def log_weights(error: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """``-log(error / scale)``; equal weights where that leaves nothing to tell workers apart."""
    weight = np.maximum(-np.log((error + LEAST_ERROR) / (scale + LEAST_ERROR)), 0.0)
    return weight if weight.max(initial=0.0) > 1e-9 else np.ones_like(weight)
