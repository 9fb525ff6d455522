"""Bayesian classifier combination, by variational inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from peerannot._options import option
from peerannot.aggregation.base import Fit
from peerannot.aggregation.confusion.model import ConfusionModel, ds_skill
from peerannot.aggregation.partitions.confusions import PartsEM
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.aggregation.passes.extrapolation import Accelerated
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["IBCC", "dirichlet_kl", "off_diagonal_of"]

# Pseudo-answers that all wrong labels together get at most: the prior of a worker over a
# thousand classes must not outweigh what the worker does.
OFF_MASS = 9.0


@STRATEGIES.register("ibcc", "BCC")
@dataclass(frozen=True, kw_only=True)
class IBCC(ConfusionModel, Accelerated):
    r"""Independent Bayesian classifier combination: Dawid-Skene with Dirichlet priors.

    .. math::
        \rho \sim Dir(\alpha), \quad \pi^j_k \sim Dir(\beta_k), \quad
        P(z_i = k) = \rho_k, \quad P(y_{ij} = l \mid z_i = k) = \pi^j_{kl}

    Mean-field variational inference: :math:`\log z_{ik} = E \log \rho_k + \sum_j E \log
    \pi^j_{k y_{ij}}` up to a constant, where :math:`E \log \pi^j_{kl} = \psi(\beta_{kl} +
    C^j_{kl}) - \psi(\sum_l \beta_{kl} + C^j_{kl})`, :math:`C^j_{kl} = \sum_i z_{ik}
    1[y_{ij}=l]`, and :math:`\rho` alike. Workers with few answers stay near the prior, so it
    needs no floor and is a safe choice where Dawid-Skene overfits.

    Parameters
    ----------
    diagonal, off_diagonal
        :math:`\beta` on and off the diagonal. Where the classes are more than ten, the
        off-diagonal is scaled down to at most 9 pseudo-answers in all.
    alpha
        :math:`\alpha` of each class.

    Notes
    -----
    The objective is the evidence lower bound. Confusions and prior are posterior means.
    Cost: O(answers x K) an iteration. ``accelerate`` takes fewer of them to convergence and holds
    three more copies of the counts.

    References
    ----------
    Kim, H.-C. and Ghahramani, Z. (2012). Bayesian classifier combination. AISTATS.

    Simpson, E., Roberts, S., Psorakis, I. and Smith, A. (2013). Dynamic Bayesian combination of
    multiple imperfect classifiers. Decision Making and Imperfection, equations 8 to 14.
    """

    objective_name: ClassVar[str] = "evidence bound"
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "ebcc", "skill": "dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    diagonal: float = option(4.0, above=0.0, help="pseudo-count of right answers")
    off_diagonal: float = option(1.0, above=0.0, help="pseudo-count of each wrong answer")
    alpha: float = option(1.0, above=0.0, help="pseudo-count of each class")

    def next_counts(
        self, em: PartsEM, counts: NDArray[np.float64], mass: NDArray[np.float64], hard: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        off = off_diagonal_of(self.off_diagonal, mass.size)
        table, divergence = _expected_logs(em.pairs, counts, self.diagonal, off)
        log_prior, prior_divergence = _expected_prior(mass, self.alpha)
        counts, mass, evidence = em.step(table, log_prior, hard=hard)
        return counts, mass, evidence - divergence - prior_divergence

    def tables(
        self, pairs: Pairs, counts: NDArray[np.float64], mass: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected logarithms of the confusion rows of each pair and of the class prior."""
        off = off_diagonal_of(self.off_diagonal, mass.size)
        table, _ = _expected_logs(pairs, counts, self.diagonal, off)
        return table, _expected_prior(mass, self.alpha)[0]

    def parameters(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        mass: NDArray[np.float64],
        n_workers: int,
    ) -> Fit:
        k = mass.size
        off = off_diagonal_of(self.off_diagonal, k)
        prior = (mass + self.alpha) / (mass + self.alpha).sum()
        confusion = pairs.confusion(counts, n_workers)
        skill = None
        if confusion is not None:
            confusion += np.full((k, k), off) + (self.diagonal - off) * np.eye(k)
            confusion /= confusion.sum(2, keepdims=True)
            skill = ds_skill(confusion, prior)
        return Fit(None, skill=skill, confusion=confusion, prior=prior)


def off_diagonal_of(each: float, n_classes: int) -> float:
    """Pseudo-count of each wrong label, so that all of a row stay within `OFF_MASS` times it."""
    return each * min(1.0, OFF_MASS / max(n_classes - 1, 1))


def _expected_logs(
    pairs: Pairs, counts: NDArray[np.float64], diagonal: float, off: float
) -> tuple[NDArray[np.float64], float]:
    """Expected log-probability of each pair's label, and the divergence from the prior."""
    k = counts.shape[1]
    prior = np.full(counts.shape, off)
    prior[np.arange(len(pairs)), pairs.label] = diagonal
    return dirichlet_logs(pairs, counts, prior, diagonal + (k - 1) * off)


def dirichlet_logs(
    pairs: Pairs, counts: NDArray[np.float64], prior: NDArray[np.float64], total: float
) -> tuple[NDArray[np.float64], float]:
    """Expected logs of the rows of workers' confusions, and their divergence from the prior.

    Parameters
    ----------
    pairs
    counts, prior : (n_pairs, n_columns)
        Expected counts, and pseudo-counts.
    total
        Sum of the pseudo-counts over all labels, of each worker and column.
    """
    posterior = counts + prior
    sums = pairs.worker_sums(counts) + total
    log_row = digamma(sums)
    logs = digamma(posterior) - log_row[pairs.worker]
    # Labels that a worker never used add nothing: there the posterior is the prior.
    divergence = (gammaln(sums) - gammaln(total)).sum() + (
        counts * logs - gammaln(posterior) + gammaln(prior)
    ).sum()
    return logs, float(divergence)


def dirichlet_kl(posterior: NDArray[np.float64], prior: NDArray[np.float64]) -> float:
    """Divergence of Dirichlet distributions (rows) from others."""
    total = posterior.sum(-1)
    logs = digamma(posterior) - digamma(total)[..., None]
    return float(
        (gammaln(total) - gammaln(prior.sum(-1))).sum()
        + ((posterior - prior) * logs - gammaln(posterior) + gammaln(prior)).sum()
    )


def _expected_prior(mass: NDArray[np.float64], alpha: float) -> tuple[NDArray[np.float64], float]:
    posterior = mass + alpha
    logs = digamma(posterior) - digamma(posterior.sum())
    return logs, dirichlet_kl(posterior, np.full(mass.size, alpha))
