"""Confusion matrices whose rows are drawn from types of workers that are learnt from the crowd.

A worker is of one of R types; a type has a Dirichlet distribution for each row of a confusion
matrix. Given expected counts of a worker, how well each type explains them is a
Dirichlet-multinomial in closed form, and so is the expected matrix under it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, logsumexp

from peerannot.aggregation.passes.confusions import Pairs

__all__ = ["WorkerTypes"]

LEAST, MOST = 1e-3, 1e4  # pseudo-answers of a cell that is learnt
LEAST_LEFT_OUT = 1e-3  # counts under this have no task whose answer would be missed


@dataclass(frozen=True)
class WorkerTypes:
    """Types of workers.

    Attributes
    ----------
    rows : float64 array (R, answered, true)
        Pseudo-answers of the confusion matrices of each type.
    share : float64 array (R,)
        How many of the workers are of each.
    first : float64 array (R, answered, true)
        Pseudo-answers that the rows were begun with, and are drawn to.
    pull : float
        How strongly, in workers.
    """

    rows: NDArray[np.float64]
    share: NDArray[np.float64]
    first: NDArray[np.float64]
    pull: float

    @classmethod
    def begun(
        cls, n_types: int, n_classes: int, diagonal: float, off_diagonal: float, pull: float
    ) -> WorkerTypes:
        """Types of as many answers, right more and more often from one to the next.

        The first is hardly better than chance, the last nearly always right; one type alone has
        ``diagonal`` pseudo-answers on the diagonal, and ``off_diagonal`` on each place off it.
        """
        k = n_classes
        total = diagonal + (k - 1) * off_diagonal
        better = (np.arange(n_types) + 0.5) / n_types
        right = 1 / k + (1 - 1 / k) * better if n_types > 1 else np.array([diagonal / total])
        wrong = total * (1 - right) / max(k - 1, 1)
        rows = np.repeat(wrong, k * k).reshape(n_types, k, k)
        rows[:, np.arange(k), np.arange(k)] = (total * right)[:, None]
        return cls(rows, np.full(n_types, 1 / n_types), rows, pull)

    def membership(
        self, pairs: Pairs, counts: NDArray[np.float64], row_counts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Probability that each worker is of each type, (n_workers, R)."""
        logits = self._log_evidence(pairs, counts, row_counts) + np.log(self.share)
        return np.asarray(np.exp(logits - logsumexp(logits, axis=1, keepdims=True)))

    def _log_evidence(
        self, pairs: Pairs, counts: NDArray[np.float64], row_counts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Log-probability of each worker's counts under each type, (n_workers, R)."""
        out = np.empty((len(row_counts), len(self.rows)))
        for c, rows in enumerate(self.rows):
            total, begun = rows.sum(0), rows[pairs.label]
            cells = (gammaln(begun + counts) - gammaln(begun)).sum(1, keepdims=True)
            out[:, c] = pairs.worker_sums(cells)[:, 0]
            out[:, c] += (gammaln(total) - gammaln(total + row_counts)).sum(1)
        return out

    def learnt(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        row_counts: NDArray[np.float64],
        membership: NDArray[np.float64],
    ) -> WorkerTypes:
        """One step of Minka's fixed point of the pseudo-answers; no likelihood is lost by it."""
        label = pairs.label
        rows = np.empty_like(self.rows)
        for c, old in enumerate(self.rows):
            total, begun = old.sum(0), old[label]
            gain = digamma(begun + counts) - digamma(begun)
            gain *= membership[pairs.worker, c, None]
            met = np.zeros_like(old)
            np.add.at(met, label, gain)
            spent = membership[:, c] @ (digamma(total + row_counts) - digamma(total))
            rows[c] = (old * met + self.pull * self.first[c]) / (spent + self.pull)
        least = np.minimum(LEAST, self.first / 10)
        return replace(self, rows=np.clip(rows, least, MOST))

    def shared(self, membership: NDArray[np.float64], active: NDArray[np.bool_]) -> WorkerTypes:
        """With the shares of workers that have answers, one worker more being of all types."""
        n_types, n = len(self.rows), np.count_nonzero(active)
        return replace(self, share=(membership[active].sum(0) + 1 / n_types) / (n + 1))

    def tables(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        row_counts: NDArray[np.float64],
        membership: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log-probability of each pair's label by true class, (n_pairs, K), and its slope.

        The slope is what it changes by for each answer that is left out of the pair's counts:
        straight from all to one less, which is where an answer of no doubt is left out.
        """
        left_out = np.clip(counts, LEAST_LEFT_OUT, 1.0)
        of_pair = row_counts[pairs.worker]
        other = np.maximum(counts - left_out, 0.0)
        other_row = np.maximum(of_pair - left_out, 0.0)
        every, apart = np.zeros_like(counts), np.zeros_like(counts)
        for c, rows in enumerate(self.rows):
            share, begun, total = membership[pairs.worker, c, None], rows[pairs.label], rows.sum(0)
            every += share * (begun + counts) / (total + of_pair)
            apart += share * (begun + other) / (total + other_row)
        table = np.log(every)
        return table, (np.log(apart) - table) / left_out

    def means(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        row_counts: NDArray[np.float64],
        membership: NDArray[np.float64],
    ) -> NDArray[np.float64] | None:
        """Expected confusion matrices (n_workers, true, answered); None where they do not fit."""
        out = pairs.confusion(np.zeros_like(counts), len(row_counts))
        if out is None:
            return None
        counted = pairs.confusion(counts, len(row_counts))
        for c, rows in enumerate(self.rows):
            matrix = counted + rows.T
            matrix *= (membership[:, c, None] / (rows.sum(0) + row_counts))[:, :, None]
            out += matrix
        return out
