"""Confusion matrices as shares of expected counts: the M-step of Dawid-Skene and its kin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._threads import threads
from peerannot.aggregation.base import Fit
from peerannot.aggregation.confusion.model import ConfusionModel, ds_skill
from peerannot.aggregation.passes.confusions import Pairs
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY

__all__ = ["CountedRows"]


@dataclass(frozen=True, kw_only=True)
class CountedRows(ConfusionModel):
    """A model whose confusion rows and class frequencies are shares of expected counts.

    Parameters
    ----------
    diagonal, off_diagonal
        Pseudo-counts of each worker's confusion matrix.
    """

    diagonal: float = option(0.0, at_least=0.0, help="pseudo-count of right answers")
    off_diagonal: float = option(0.0, at_least=0.0, help="pseudo-count of each wrong answer")

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
        table = np.empty(counts.shape)
        native.pairs_logarithms(
            counts, pairs.ptr, pairs.label, table, diagonal=self.diagonal,
            off_diagonal=self.off_diagonal, least_probability=LEAST_PROBABILITY, threads=threads(),
        )  # fmt: skip
        return table, _log_prior(mass)

    def merit(self, pairs: Pairs, counts: NDArray[np.float64], value: float) -> float:
        # With pseudo-counts, the log-posterior: what labels that a worker never gave add to it
        # is, but for a constant, in the sums of rows.
        if self.diagonal == self.off_diagonal == 0:
            return value
        own, sums = self._smoothed(pairs, counts)
        total = self.diagonal + (counts.shape[1] - 1) * self.off_diagonal
        pseudo = np.full(counts.shape, self.off_diagonal)
        pseudo[np.arange(len(pairs)), pairs.label] = self.diagonal
        logs = np.log(np.where(pseudo > 0, own, 1.0))
        return value + float((pseudo * logs).sum() - total * np.log(sums).sum())

    def _smoothed(
        self, pairs: Pairs, counts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts with pseudo-counts (n_pairs, K), and their sums over all labels (n_workers, K)."""
        k = counts.shape[1]
        own = counts + self.off_diagonal
        own[np.arange(len(pairs)), pairs.label] += self.diagonal - self.off_diagonal
        return own, pairs.worker_sums(counts) + self.diagonal + (k - 1) * self.off_diagonal

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
