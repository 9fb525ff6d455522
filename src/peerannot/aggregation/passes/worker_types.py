"""Confusion matrices whose rows are drawn from types of workers that are learnt from the crowd.

A worker is of one of R types; a type has a Dirichlet distribution for each row of a confusion
matrix. Given expected counts of a worker, how well each type explains them is a
Dirichlet-multinomial in closed form, and so is the expected matrix under it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.aggregation.passes.confusions import Pairs

__all__ = ["WorkerTypes", "begun_cells"]

LEAST, MOST = 1e-3, 1e4  # pseudo-answers of a cell that is learnt
MAX_BLOCKS = 8
PER_BLOCK = 2**12  # pairs of a block; and one at least for so many of the sums that it holds
PER_PAIR = 16


def begun_cells(
    n_types: int, n_classes: int, diagonal: float, off_diagonal: float
) -> NDArray[np.float64]:
    """Pseudo-answers on the diagonal and on each place off it, (n_types, 2), see `WorkerTypes`."""
    k = n_classes
    total = diagonal + (k - 1) * off_diagonal
    better = (np.arange(n_types) + 0.5) / n_types
    right = 1 / k + (1 - 1 / k) * better if n_types > 1 else np.array([diagonal / total])
    return np.stack((total * right, total * (1 - right) / max(k - 1, 1)), axis=1)


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
        right, wrong = begun_cells(n_types, k, diagonal, off_diagonal).T
        rows = np.repeat(wrong, k * k).reshape(n_types, k, k)
        rows[:, np.arange(k), np.arange(k)] = right[:, None]
        return cls(rows, np.full(n_types, 1 / n_types), rows, pull)

    def membership(
        self, pairs: Pairs, counts: NDArray[np.float64], *, learns: bool
    ) -> tuple[NDArray[np.float64], WorkerTypes]:
        """Probability that each worker is of each type, (n_workers, R), and types by it.

        The shares are those of workers that have answers, one worker more being of all types.
        Where it ``learns``, pseudo-answers go one step of Minka's fixed point: the likelihood of
        the counts does not fall by it.
        """
        n_types, k = len(self.rows), counts.shape[1]
        member = np.empty((pairs.ptr.size - 1, n_types))
        met, spent = np.empty((n_types if learns else 0, k, k)), np.empty((n_types * learns, k))
        native.types_membership(
            pairs.ptr, pairs.label, counts, self.rows, np.log(self.share),
            _blocks(pairs, n_types * k * k), member, met, spent, threads=threads(),
        )  # fmt: skip
        active = np.diff(pairs.ptr) > 0
        share = (member[active].sum(0) + 1 / n_types) / (np.count_nonzero(active) + 1)
        rows = self.rows
        if learns:
            rows = (rows * met + self.pull * self.first) / (spent[:, None, :] + self.pull)
            rows = np.clip(rows, np.minimum(LEAST, self.first / 10), MOST)
        return member, replace(self, rows=rows, share=share)

    def tables(
        self, pairs: Pairs, counts: NDArray[np.float64], membership: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log-probability of each pair's label by true class, (n_pairs, K), and its slope.

        The slope is what it changes by for each answer that is left out of the pair's counts:
        straight from all to one less, which is where an answer of no doubt is left out. Counts
        under .001 have no task whose answer would be missed.
        """
        table, slope = np.empty_like(counts), np.empty_like(counts)
        native.types_tables(
            pairs.ptr, pairs.label, counts, self.rows, membership, table, slope, threads=threads()
        )
        return table, slope

    def means(
        self,
        pairs: Pairs,
        counts: NDArray[np.float64],
        membership: NDArray[np.float64],
    ) -> NDArray[np.float64] | None:
        """Expected confusion matrices (n_workers, true, answered); None where they do not fit."""
        row_counts = pairs.worker_sums(counts)
        out = pairs.confusion(np.zeros_like(counts), len(row_counts))
        if out is None:
            return None
        counted = pairs.confusion(counts, len(row_counts))
        for c, rows in enumerate(self.rows):
            matrix = counted + rows.T
            matrix *= (membership[:, c, None] / (rows.sum(0) + row_counts))[:, :, None]
            out += matrix
        return out


def _blocks(pairs: Pairs, n_sums: int) -> NDArray[np.int64]:
    """Bounds of blocks of workers with about as many pairs; they depend on the pairs alone."""
    n = min(MAX_BLOCKS, len(pairs) // max(PER_BLOCK, n_sums // PER_PAIR))
    goals = np.linspace(0, len(pairs), max(n, 1) + 1)[1:-1]
    inner = np.searchsorted(pairs.ptr, goals)
    return np.concatenate(([0], inner, [pairs.ptr.size - 1])).astype(np.int64)
