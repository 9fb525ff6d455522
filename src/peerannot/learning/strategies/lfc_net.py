"""LFC-net: Raykar's learning from crowds, with a network as the classifier."""

from __future__ import annotations

from dataclasses import dataclass

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.learning.strategies.base import (
    STRATEGIES,
    CrowdHead,
    EndToEnd,
    Run,
    refuse_if_large,
)
from peerannot.learning.strategies.targets import EMHead

__all__ = ["LFCNet"]


@STRATEGIES.register("lfc-net", "raykar")
@dataclass(frozen=True, kw_only=True)
class LFCNet(EndToEnd):
    """Crowd-aware Dawid and Skene with the network as prior, after Raykar et al.

    Expectation maximisation of the posterior. E-step, in log space: ``q_i(k)`` is proportional
    to ``p_k(x_i) prod_j pi_j[k, y_ij]``, with the predictions of the network as it is then, made
    for all training images in evaluation mode. M-step: ``period`` epochs of cross entropy on
    ``q``, and ``pi_j`` the mode under a Dirichlet prior on each row: expected counts of (true,
    answered), plus ``diagonal`` on the diagonal and ``off`` elsewhere, rows normalised. The first
    ``q`` is the shares of votes.

    Notes
    -----
    Raykar's classifier is a logistic regression, fitted to convergence in each M-step, with a
    normal prior on its weights; here it is the network, and the prior is the weight decay.
    ``AggNet`` has the same E-step, but every epoch, from the predictions that the epoch made
    while the network changed. Workers of few answers keep near the prior. ``pi_j`` is a confusion
    matrix; ``posterior`` is the last ``q``. An E-step costs a pass of the network over the
    training images, and time and memory in the answers.

    References
    ----------
    V. Raykar, S. Yu, L. Zhao, G. Valadez, C. Florin, L. Bogoni and L. Moy, "Learning from
    crowds", JMLR 11 (2010), sections 2.3 to 2.6 and 3. Pseudo-counts: Y. Zheng et al., "Truth
    inference in crowdsourcing: is the problem solved?", PVLDB 10 (2017).
    """

    diagonal: float = option(4.0, above=0, help="pseudo-count of right answers a class")
    off: float = option(1.0, above=0, help="pseudo-count of each wrong answer a class")
    period: int = option(5, at_least=1, help="epochs of an M-step")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("LFCNet", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self, answers)


class _Head(EMHead):
    def __init__(self, options: LFCNet, answers: Answers) -> None:
        super().__init__(options, answers)
        self.period = options.period
        self._run: Run | None = None

    def begin(self, run: Run) -> None:
        self._run = run

    def begin_epoch(self, epoch: int) -> None:
        if epoch and epoch % self.period == 0 and self._run is not None:
            self.e_step(self._run.predict().double().log_softmax(dim=1))
