"""AggNet, deep EM: Dawid and Skene's model with the network as its prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from peerannot._options import option
from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import (
    STRATEGIES,
    BatchVotes,
    CrowdHead,
    EndToEnd,
    refuse_if_large,
)
from peerannot.learning.strategies.targets import EMHead

__all__ = ["AggNet"]


@STRATEGIES.register("aggnet", "AggNet", "deep-em", "DL-EM")
@dataclass(frozen=True, kw_only=True)
class AggNet(EndToEnd):
    """Expectation maximisation with a network: Raykar et al., Albarqouni et al.

    E-step, before each epoch, in log space: ``q_i(k)`` is proportional to ``p_k(x_i) prod_j
    pi_j[k, y_ij]`` with the predictions that the last epoch made. M-step: the network trains an
    epoch on ``q`` by cross entropy, and ``pi_j`` is the expected count of (true, answered)
    plus a prior, ``diagonal`` on the diagonal and ``off`` elsewhere, rows normalised, through
    which workers of few answers keep near it. The start is the shares of votes, for ``warmup``
    epochs.

    Notes
    -----
    ``pi_j`` is a confusion matrix; ``posterior`` is ``q``. An E-step costs time and memory in the
    answers. `LFCNet` is the same model with whole M-steps and predictions made for each E-step.

    References
    ----------
    S. Albarqouni et al., "AggNet: deep learning from crowds for mitosis detection", IEEE TMI 35
    (2016); F. Rodrigues and F. Pereira, AAAI 2018, section 3; V. Raykar et al., "Learning from
    crowds", JMLR 11 (2010), section 2.
    """

    diagonal: float = option(4.0, above=0, help="pseudo-count of right answers a class")
    off: float = option(1.0, above=0, help="pseudo-count of each wrong answer a class")
    warmup: int = option(5, at_least=1, help="first epochs on the shares of votes")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        k = answers.n_classes
        refuse_if_large("AggNet", answers.n_workers, k * k, "choose CrowdLayer[variant=VW]")
        return _Head(self, answers)


class _Head(EMHead):
    log_prediction: Tensor

    def __init__(self, options: AggNet, answers: Answers) -> None:
        super().__init__(options, answers)
        self.warmup = options.warmup
        self.register_buffer("log_prediction", torch.zeros(self.posterior.shape))

    def begin_epoch(self, epoch: int) -> None:
        if epoch >= self.warmup:
            self.e_step(self.log_prediction)

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        with torch.no_grad():
            self.log_prediction[votes.image] = outputs.log_probability.to(self.log_prediction)
        return super().loss(outputs, votes)
