"""CROWDLAB: train, weigh the network against the workers, and train on what they agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot._options import option
from peerannot.aggregation import CROWDLAB as Ensemble
from peerannot.answers import Answers
from peerannot.learning.networks.classifier import Outputs
from peerannot.learning.strategies.base import (
    STRATEGIES,
    BatchVotes,
    CrowdHead,
    EndToEnd,
    Run,
    WorkerReport,
    to_numpy,
)
from peerannot.learning.strategies.matrices import counted_confusion
from peerannot.learning.strategies.targets import first_labels, label_loss

__all__ = ["CROWDLAB"]


@STRATEGIES.register("crowdlab", "CROWDLAB")
@dataclass(frozen=True, kw_only=True)
class CROWDLAB(EndToEnd):
    """Consensus of network and workers by Goh, Tkachenko and Mueller, then training on it.

    First come ``folds`` networks of the same kind, each trained on the labels ``labels`` of all
    images but those of its fold, which it then predicts: probabilities that no image's own votes
    have touched. The aggregation strategy `peerannot.aggregation.CROWDLAB` averages these with
    the votes, the network and each worker weighted by how much better than a guess they agree
    with the others. On the consensus, its likeliest class or with ``hard=no`` its distribution,
    the network is trained that is kept. ``rounds`` repeats the first part from the consensus.

    Notes
    -----
    It costs ``1 + rounds * folds`` trainings, which share options, epochs and validation images;
    a run that is interrupted in the first part starts it again. ``posterior`` is the consensus;
    ``weight`` in the worker table is that of its votes, ``skill`` the share of other workers'
    votes that agree with its own, and every row has the network's weight as
    ``classifier_weight``. Workers share the probability of a right vote, and those that met no
    other worker have the mean skill. The confusion matrices are the expected counts of answers
    under the consensus, with one answer spread evenly over each row.

    References
    ----------
    H. W. Goh, U. Tkachenko and J. Mueller, "CROWDLAB: supervised learning to infer consensus
    labels and quality scores for data with multiple annotators", arXiv:2210.06812 (2022),
    sections 3 and 4.
    """

    labels: str = option("MV", help="first labels: shares, or an aggregation strategy")
    folds: int = option(5, at_least=2, help="networks that predict what they have not seen")
    rounds: int = option(1, at_least=1, help="times to train the folds and weigh them")
    hard: bool = option(True, help="train on the likeliest class of the consensus")

    def head(self, answers: Answers, n_features: int) -> CrowdHead:
        return _Head(self, first_labels(answers, self.labels), answers)


class _Head(CrowdHead):
    target: Tensor
    posterior: Tensor
    skill: Tensor
    weight: Tensor
    classifier_weight: Tensor

    def __init__(self, options: CROWDLAB, first: NDArray[np.float64], answers: Answers) -> None:
        super().__init__()
        self.options, self.answers = options, answers
        self._run: Run | None = None
        for name, value in (
            ("target", first),
            ("posterior", first),
            ("skill", np.ones(answers.n_workers)),
            ("weight", np.ones(answers.n_workers)),
            ("classifier_weight", np.zeros(())),
        ):
            self.register_buffer(name, torch.from_numpy(np.array(value)).float())

    def begin(self, run: Run) -> None:
        self._run = run

    def begin_epoch(self, epoch: int) -> None:
        if epoch or self._run is None:
            return
        known = np.bincount(self.answers.task, minlength=self.answers.n_tasks) > 0
        for number in range(self.options.rounds):
            logits = self._run.held_out(to_numpy(self.target), known, self.options.folds, number)
            predicted = to_numpy(logits.double().softmax(dim=1))
            result = Ensemble().fit(self.answers, init=predicted)
            posterior = result.dense_posterior()
            target = posterior
            if self.options.hard:
                target = np.eye(self.answers.n_classes)[posterior.argmax(axis=1)]
            for buffer, value in (
                (self.posterior, posterior),
                (self.target, target),
                (self.skill, result.skill),
                (self.weight, result.worker_columns["weight"]),
                (self.classifier_weight, result.extra["classifier_weight"]),
            ):
                buffer.copy_(torch.from_numpy(np.asarray(value)))

    def loss(self, outputs: Outputs, votes: BatchVotes) -> Tensor:
        return label_loss(outputs, votes, self.target)

    def labels(self) -> Tensor:
        return self.target

    def report(self) -> WorkerReport:
        posterior = to_numpy(self.posterior)
        even = 1 / self.answers.n_classes
        return WorkerReport(
            to_numpy(self.skill),
            counted_confusion(posterior, self.answers, diagonal=even, off=even),
            posterior=posterior,
            columns={
                "weight": to_numpy(self.weight),
                "classifier_weight": np.full(self.answers.n_workers, float(self.classifier_weight)),
            },
        )
