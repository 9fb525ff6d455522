"""Votes weighted by the confusions that Dawid-Skene finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted
from peerannot.aggregation.confusion.dawid_skene import DawidSkene
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.votes.rules import write_weighted
from peerannot.errors import ParameterError

__all__ = ["WeightedDawidSkene"]


@STRATEGIES.register("wds")
@dataclass(frozen=True, kw_only=True)
class WeightedDawidSkene(DawidSkene):
    r"""Votes weighted by Dawid-Skene: how far each worker can be trusted on the class they say.

    :math:`z_{ik} \propto \sum_{j} \pi^j_{kk} 1[y_{ij} = k]`, with :math:`\pi` fitted by
    Dawid-Skene. It keeps the shape of the votes where Dawid-Skene would be sure, which suits
    training on soft labels.

    Notes
    -----
    Cost: Dawid-Skene, and one pass.

    References
    ----------
    Lefort, T., Charlier, B., Joly, A. and Salmon, J. (2024). Identify ambiguous tasks combining
    crowdsourced labels by weighting areas under the margin. TMLR.
    """

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        fit = super().fit_parts(parts, progress, checkpoint).fit
        if fit.confusion is None:
            raise ParameterError(
                f"{self.name} needs the confusion matrices of {len(parts.shape.workers)} workers"
                f" over {len(parts.shape.classes)} classes, too large to hold; use wawa"
            )
        trust = np.diagonal(fit.confusion, axis1=1, axis2=2)
        return Fitted(fit, _trusted_vote, (self, trust))


def _trusted_vote(part: Part, rule: WeightedDawidSkene, of_worker: NDArray[np.float64]) -> Fit:
    """The vote with how far each worker can be trusted on each class, (n_workers, n_classes)."""
    answers = part.answers
    trust = of_worker[answers.worker, answers.label]
    return write_weighted(part, rule, answer_weight=trust * answers.weights)
