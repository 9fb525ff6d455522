"""Dawid-Skene with clusters: workers of a cluster share one confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import logsumexp

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Iterative
from peerannot.aggregation.confusion.model import confusions_of, ds_skill, write_posterior
from peerannot.aggregation.drawing.confusions import Confusions
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.confusions import PartsEM, em_of
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY
from peerannot.aggregation.passes.support import clamped
from peerannot.aggregation.passes.ties import TIE
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.aggregation.votes.naive_soft import NaiveSoft
from peerannot.aggregation.votes.rules import dense_votes
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["DawidSkeneClust"]


@STRATEGIES.register("dawid-skene-clust", "DSWC")
@dataclass(frozen=True, kw_only=True)
class DawidSkeneClust(Iterative):
    r"""Dawid-Skene where each worker belongs to one of ``L`` clusters with a shared confusion.

    .. math::
        P(c_j = m) = \tau_m, \qquad P(z_i = k) = \rho_k, \qquad
        P(y_{ij} = l \mid z_i = k, c_j = m) = \Lambda^m_{kl}

    Mean-field variational inference on tasks (:math:`\theta`) and workers (:math:`\phi`), point
    estimates of the rest:

    .. math::
        \theta_{ik} \propto \rho_k \prod_j \prod_m (\Lambda^m_{k y_{ij}})^{\phi_{jm}}, \quad
        \phi_{jm} \propto \tau_m \prod_{kl} (\Lambda^m_{kl})^{C^j_{kl}}, \quad
        \Lambda^m_{kl} \propto \sum_j \phi_{jm} C^j_{kl}

    with :math:`C^j_{kl} = \sum_i \theta_{ik} 1[y_{ij} = l]`. Suited to many workers with few
    answers each. It starts from vote shares (or ``init``) and from workers ranked by the nuclear
    norm of their confusion matrix, cut into L equal parts (a tie across a cut is shared). Where
    one class takes every task although votes differ, it starts again from sharper vote shares.

    Parameters
    ----------
    L
        Number of clusters.
    restarts
        Most fresh starts after a collapse on one class.

    Notes
    -----
    The objective is the evidence lower bound. A worker's confusion is the mean of the clusters'
    by :math:`\phi`; worker column ``cluster`` is the most probable one, and ``extra`` has
    ``cluster_confusion`` (L, true, answered) and ``membership`` (n_workers, L).

    Cost: O(answers x K) and O(pairs x K x L) an iteration, where pairs are the (worker, label)
    that occur; once O(workers x K^3) for the nuclear norms.

    References
    ----------
    Imamura, H., Sato, I. and Sugiyama, M. (2018). Analysis of minimax error rate for
    crowdsourcing and its application to worker clustering model. ICML, section 4.
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "ebcc", "skill": "ibcc", "dependence": "ebcc",
    }  # fmt: skip

    L: int = option(2, at_least=1, help="number of clusters of workers")
    restarts: int = option(10, at_least=0, help="most fresh starts after a collapse on one class")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        em = PartsEM.of(parts, model=self.name)
        saved = checkpoint.load()
        restart = 0 if saved is None else int(saved["restart"])
        while True:
            fit, given = self._run(em, restart, saved, progress, checkpoint)
            if restart == self.restarts or np.unique(em.pairs.label).size < 2:
                break
            if np.count_nonzero(parts.sum(_decided, *given)[0]) > 1:
                break
            restart, saved = restart + 1, None
        return Fitted(fit, write_posterior, given)

    def answer_model(self, answers: Answers, result: Result) -> Confusions:
        return confusions_of(self.name, answers, result)

    def _run(
        self,
        em: PartsEM,
        restart: int,
        saved: Mapping[str, Any] | None,
        progress: Progress,
        checkpoint: Checkpoint,
    ) -> tuple[Fit, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """What is known of workers, and the tables that the posterior is read off."""
        pairs = em.pairs
        if saved is None:
            counts, mass = em.first(_sharper, 1 + restart) if restart else em.first()
            phi = _ranked(_nuclear_norms(pairs, counts), self.L)
            objective: list[float] = []
        else:
            counts, mass, phi = saved["counts"], saved["mass"], saved["phi"]
            prior, log_shared = saved["prior"], saved["log_shared"]
            objective = list(map(float, saved["objective"]))
        stopped = self.stops(objective, em.answers)
        while not stopped and len(objective) < self.max_iter:
            log_tau, log_shared = self._logs(pairs, counts, phi)
            logits = log_tau + pairs.worker_sums(
                np.stack([(counts * log_m[:, pairs.label].T).sum(1) for log_m in log_shared], 1)
            )
            phi = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
            log_tau, log_shared = self._logs(pairs, counts, phi)
            even = np.full(mass.size, 1 / mass.size)
            prior = mass / mass.sum() if mass.sum() > 0 else even
            counts, mass, loglik = em.step(*_tables(pairs, phi, log_shared, prior))
            entropy = -(phi * np.log(np.maximum(phi, 1e-300))).sum()
            objective.append(loglik + float((phi * log_tau).sum() + entropy))
            stopped = self.stops(objective, em.answers)
            checkpoint.save({
                "n_iter": len(objective), "objective": objective, "restart": restart,
                "counts": counts, "mass": mass, "phi": phi, "prior": prior,
                "log_shared": log_shared,
            })  # fmt: skip
            progress(len(objective), self.max_iter, f"evidence bound {objective[-1]:.4f}")
        shared = np.exp(log_shared)
        shared /= shared.sum(2, keepdims=True)
        fit = Fit(
            None,
            skill=phi @ ds_skill(shared, prior),
            confusion=np.einsum("jm,mkl->jkl", phi, shared),
            prior=prior,
            worker_columns={"cluster": phi.argmax(1).astype(np.int32)},
            extra={"cluster_confusion": shared, "membership": phi},
            diagnostics=Diagnostics(len(objective), stopped or self.tol == 0, tuple(objective)),
        )
        return fit, _tables(pairs, phi, log_shared, prior)

    def _logs(
        self, pairs: Pairs, counts: NDArray[np.float64], phi: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logarithms of the clusters' shares (L,) and confusions (L, true, answered)."""
        k = counts.shape[1]
        by_label = csr_array(
            (np.ones(len(pairs)), (pairs.label, np.arange(len(pairs)))), shape=(k, len(pairs))
        )
        sums = np.stack(
            [(by_label @ (phi[pairs.worker, m, None] * counts)).T for m in range(self.L)]
        )
        rows = sums.sum(2, keepdims=True)
        shared = np.where(rows > 0, sums / np.maximum(rows, 1e-300), 1 / k)
        tau = phi.sum(0) / max(len(phi), 1)
        return np.log(np.maximum(tau, LEAST_PROBABILITY)), np.log(
            np.maximum(shared, LEAST_PROBABILITY)
        )


def _tables(
    pairs: Pairs,
    phi: NDArray[np.float64],
    log_shared: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected logarithms of the confusion rows of each pair, and those of the class prior."""
    table = np.zeros((len(pairs), prior.size))
    for m, log_m in enumerate(log_shared):
        table += phi[pairs.worker, m, None] * log_m[:, pairs.label].T
    return table, np.log(np.maximum(prior, LEAST_PROBABILITY))


def _sharper(part: Part, power: int) -> NDArray[np.float64]:
    """Vote shares raised to a power, to start from."""
    sharp = dense_votes(part, NaiveSoft()) ** power
    return np.asarray(clamped(sharp / sharp.sum(1, keepdims=True), part.gold))


def _decided(
    part: Part, table: NDArray[np.float64], log_prior: NDArray[np.float64]
) -> tuple[NDArray[np.int64]]:
    """Tasks with answers of which each class is the most probable one."""
    top = em_of(part).posterior(table, log_prior)[part.answers.answers_per_task > 0].argmax(1)
    return (np.bincount(top, minlength=part.answers.n_classes),)


def _nuclear_norms(pairs: Pairs, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nuclear norm of each worker's confusion matrix, float64 (n_workers,)."""
    n_workers = pairs.ptr.size - 1
    confusion = pairs.confusion(counts, n_workers)
    if confusion is None:
        raise ParameterError(
            f"dawid-skene-clust ranks {n_workers} workers by matrices of {counts.shape[1]} x"
            f" {counts.shape[1]} classes, too large to hold; use wawa or one-coin"
        )
    rows = confusion.sum(2, keepdims=True)
    confusion /= np.where(rows > 0, rows, 1.0)
    return np.asarray(np.linalg.svd(confusion, compute_uv=False).sum(1))


def _ranked(value: NDArray[np.float64], parts: int) -> NDArray[np.float64]:
    """Membership (n, parts) of the parts of equal size in order of value; ties share theirs."""
    n = value.size
    if n == 0:
        return np.empty((0, parts))
    order = np.argsort(value, kind="stable")
    start = np.arange(n)[:, None] / n * parts - np.arange(parts)
    membership = np.clip(start + parts / n, 0, 1) - np.clip(start, 0, 1)
    membership *= n / parts
    ordered = value[order]
    new = np.diff(ordered, prepend=-np.inf) > TIE * np.abs(ordered)
    first = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    size = np.diff(first, append=n)
    means = np.add.reduceat(membership, first, axis=0) / size[:, None]
    out = np.empty((n, parts))
    out[order] = means[group]
    return out
