"""Dawid-Skene: a confusion matrix for each worker, by expectation-maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation.base import Fit
from peerannot.aggregation.confusion.model import ConfusionModel, ds_skill
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["DawidSkene"]


@STRATEGIES.register("dawid-skene", "DS")
@dataclass(frozen=True, kw_only=True)
class DawidSkene(ConfusionModel):
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

    References
    ----------
    Dawid, A. P. and Skene, A. M. (1979). Maximum likelihood estimation of observer error-rates
    using the EM algorithm. Applied Statistics 28(1), 20-28, equations 2.3 to 2.5.

    Raykar, V. C. et al. (2010). Learning from crowds. JMLR 11, 1297-1322.
    """

    diagonal: float = option(0.0, at_least=0.0, help="pseudo-count of right answers")
    off_diagonal: float = option(0.0, at_least=0.0, help="pseudo-count of each wrong answer")

    def batch_reader(self) -> ConfusionModel:
        # A probability that a small batch left at 0 would stay there for good, and a new worker
        # would have no say; pseudo-counts fade as answers come. The sums hold none.
        prior = DawidSkene(diagonal=4.0, off_diagonal=1.0)  # that of MAP Dawid-Skene
        return prior if self.off_diagonal == 0 else self

    def parameters(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        mass: NDArray[np.float64],
        n_workers: int,
    ) -> Fit:
        prior = np.exp(_log_prior(mass))
        prior /= prior.sum()  # the floor may have added a little
        confusion = self._confusion(pairs, counts, n_workers)
        return Fit(
            None,
            skill=None if confusion is None else ds_skill(confusion, prior),
            confusion=confusion,
            prior=prior,
        )

    def tables(
        self, pairs: Pairs, counts: NDArray[np.float64], mass: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        probability = self._probability(pairs, counts)
        return np.log(np.maximum(probability, LEAST_PROBABILITY)), _log_prior(mass)

    def _probability(self, pairs: Pairs, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        k = counts.shape[1]
        smooth = np.full(k, self.off_diagonal)
        own = counts + smooth
        own[np.arange(len(pairs)), pairs.label] += self.diagonal - self.off_diagonal
        sums = pairs.worker_sums(counts) + self.diagonal + (k - 1) * self.off_diagonal
        rows = sums[pairs.worker]
        # A worker who never met a class says nothing about it: the row is uniform.
        return np.where(rows > 0, own / np.maximum(rows, 1e-300), np.float64(1 / k))

    def _confusion(
        self, pairs: Pairs, counts: NDArray[np.float64], n_workers: int
    ) -> NDArray[np.float64] | None:
        """Confusion matrices (n_workers, true, answered) with rows that sum to 1."""
        out = pairs.confusion(counts, n_workers)
        if out is None:
            return None
        k = counts.shape[1]
        out += self.off_diagonal
        out[:, np.arange(k), np.arange(k)] += self.diagonal - self.off_diagonal
        sums = out.sum(2, keepdims=True)
        return np.where(sums > 0, out / np.where(sums > 0, sums, 1.0), 1.0 / k)


def _log_prior(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the class prior from class sums."""
    total = mass.sum()
    prior = mass / total if total > 0 else np.full(mass.size, 1 / mass.size)
    return np.asarray(np.log(np.maximum(prior, LEAST_PROBABILITY)))
