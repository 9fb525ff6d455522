"""The pool: four models of a crowd, whose posteriors are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from peerannot.aggregation.base import Fit
from peerannot.aggregation.coin.hierarchical_mace import GuessModel, HierarchicalMACE
from peerannot.aggregation.confusion.hierarchical_dawid_skene import (
    HierarchicalDawidSkene,
    types_model,
)
from peerannot.aggregation.partitions.confusions import CommonPairs
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.partitions.received import MANY
from peerannot.aggregation.partitions.rounds import Model, Rounds
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.reliability.bwa_normalised import BWANormalised

__all__ = ["Pool"]


@STRATEGIES.register("pool", "consensus")
@dataclass(frozen=True, kw_only=True)
class Pool(Rounds):
    r"""One good answer without a choice: the mean of four models that learn their own priors.

    .. math::
        z_{ik} = \tfrac14 \big( z^{H}_{ik} + z^{U}_{ik} + z^{M}_{ik} + z^{B}_{ik} \big)

    of `HierarchicalDawidSkene` with estimated (H) and with uniform (U) frequencies of the classes,
    `HierarchicalMACE` (M) and `BWANormalised` (B), each with its defaults. Where they see the
    crowd alike the label is certain; where they do not, that is doubt which no model has by
    itself. Labels are about as often right as those of the best single model, and the
    probabilities are far more honest; there is nothing to choose, and nothing random but ties.

    Notes
    -----
    Each model goes on until it rests, all of them in one pass over the answers. Skill is the mean
    of the first three, confusions that of the first two.

    Cost: that of the four, O(answers x K) and O(pairs x K x 4) an iteration, where pairs are the
    (worker, label) that occur; of more than 64 classes O(answers x distinct labels of a task).

    References
    ----------
    Wolpert, D. H. (1992). Stacked generalization. Neural Networks 5 (here with equal weights;
    weights by held-out answers were no better). The four: see each.
    """

    def models(self, parts: Parts) -> Sequence[Model]:
        many = len(parts.shape.classes) > MANY
        common = CommonPairs.of(parts, model=self.name, columns=1 if many else None)
        average = BWANormalised().models(parts)
        return [
            types_model(HierarchicalDawidSkene(), common, parts),
            types_model(HierarchicalDawidSkene(prior="uniform"), common, parts),
            GuessModel(HierarchicalMACE(), common, parts),
            *average,
        ]

    def joined(self, fits: Sequence[Fit]) -> Fit:
        skills = [fit.skill for fit in fits if fit.skill is not None]
        matrices = [fit.confusion for fit in fits if fit.confusion is not None]
        return Fit(
            None,
            skill=np.mean(skills, axis=0),
            confusion=np.mean(matrices, axis=0) if matrices else None,
        )
