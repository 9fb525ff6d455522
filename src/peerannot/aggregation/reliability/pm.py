"""Votes weighted by each worker's errors: PM and CRH."""

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
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics
from peerannot.aggregation.votes.rules import vote_fit
from peerannot.aggregation.votes.wawa import worker_weight
from peerannot.answers import Answers

__all__ = ["CRH", "PM", "ErrorWeighted"]

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
        total = worker_weight(answers)
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


def _log_weights(error: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """``-log(error / scale)``; equal weights where that leaves nothing to tell workers apart."""
    weight = np.maximum(-np.log((error + LEAST_ERROR) / (scale + LEAST_ERROR)), 0.0)
    return weight if weight.max(initial=0.0) > 1e-9 else np.ones_like(weight)


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

    def _weigh(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rate = errors / total
        return _log_weights(rate, float(rate.max(initial=0.0)))


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

    def _weigh(
        self, errors: NDArray[np.float64], total: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rate = errors / total
        return _log_weights(rate, float(rate.sum()))
