"""Dawid-Skene: a confusion matrix for each worker, by expectation-maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerannot.aggregation.confusion.counted_rows import CountedRows
from peerannot.aggregation.confusion.model import ConfusionModel
from peerannot.aggregation.passes.extrapolation import Accelerated
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["DawidSkene"]

SETTLED = 1e-4  # gain per answer


@STRATEGIES.register("dawid-skene", "DS")
@dataclass(frozen=True, kw_only=True)
class DawidSkene(CountedRows, Accelerated):
    r"""Dawid and Skene's model: each worker has a confusion matrix, each class a frequency.

    .. math::
        P(z_i = k) = \rho_k, \qquad P(y_{ij} = l \mid z_i = k) = \pi^j_{kl}

    EM from vote shares (or ``init``). M: :math:`\pi^j_{kl} \propto \sum_i z_{ik} 1[y_{ij}=l]`
    plus pseudo-counts, :math:`\rho_k` = mean of :math:`z_{ik}`. E: in logarithms, so that any
    number of answers on a task is safe. Pseudo-counts of ``diagonal`` on the diagonal and
    ``off_diagonal`` elsewhere make it MAP estimation (Raykar et al. 2010); 0, the default, is
    maximum likelihood as in the paper.

    Parameters
    ----------
    diagonal, off_diagonal
        Pseudo-counts of each worker's confusion matrix.

    Notes
    -----
    Cost: O(answers x classes) an iteration; memory O(tasks x classes) for the result and
    O(classes) for each (worker, label) pair that occurs. A task without answers gets the prior.
    ``accelerate`` takes fewer passes to convergence and holds three more copies of the counts.

    References
    ----------
    Dawid, A. P. and Skene, A. M. (1979). Maximum likelihood estimation of observer error-rates
    using the EM algorithm. Applied Statistics 28(1), 20-28, equations 2.3 to 2.5.

    Raykar, V. C. et al. (2010). Learning from crowds. JMLR 11, 1297-1322.
    """

    def batch_reader(self) -> ConfusionModel:
        # A probability that a small batch left at 0 would stay there for good, and a new worker
        # would have no say; pseudo-counts fade as answers come. The sums hold none.
        prior = DawidSkene(diagonal=4.0, off_diagonal=1.0)  # that of MAP Dawid-Skene
        return prior if self.off_diagonal == 0 else self

    def settled_gain(self) -> float:
        # The plain likelihood has many optima, and the first passes decide between them.
        return SETTLED if self.diagonal == self.off_diagonal == 0 else np.inf
