"""How a hard label is drawn from scores: the one place that knows about ties."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads

__all__ = ["TIE", "Ties", "draws", "label_rows", "pick"]

Ties = Literal["first", "random", "share", "abstain"]

# Scores closer than this, relative to the largest, are tied: it is far above rounding noise,
# which depends on the order of sums, and far below any difference that means something.
TIE = 1e-9

NO_SLOTS, NO_LABELS = np.empty(0, np.int64), np.empty(0, np.int32)


def label_rows(posterior: Any, ties: Ties, seed: int | np.random.Generator) -> NDArray[np.int32]:
    """Hard label of each row of a posterior (dense or CSR); -1 for a row without any mass.

    Parameters
    ----------
    posterior : (n_tasks, n_classes)
        Dense float array or `scipy.sparse.csr_array`.
    ties, seed
        The rule, see `peerannot.aggregation.base.Strategy`.
    """
    if isinstance(posterior, np.ndarray):
        score = np.ascontiguousarray(posterior, np.float64).ravel()
        return pick(NO_SLOTS, NO_SLOTS, NO_LABELS, score, ties, seed, n_rows=len(posterior))
    ptr = np.asarray(posterior.indptr, dtype=np.int64)
    return pick(
        ptr,
        np.diff(ptr),
        np.asarray(posterior.indices, dtype=np.int32),
        np.asarray(posterior.data, dtype=np.float64),
        ties,
        seed,
    )


def pick(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    column: NDArray[np.int32],
    score: NDArray[np.float64],
    ties: Ties,
    seed: int | np.random.Generator,
    n_rows: int | None = None,
) -> NDArray[np.int32]:
    """Label of each ragged row of scores ``score[ptr[i]:ptr[i] + size[i]]``.

    With ``n_rows`` the rows are of one length, and ``ptr``, ``size`` and ``column`` are empty.
    A generator in place of a seed goes on where it was: tasks in chunks are drawn as at once.
    """
    n = size.size if n_rows is None else n_rows
    out = np.empty(n, np.int32)
    native.votes_pick(
        ptr, size, column, score, draws(n, ties, seed), out, abstain=ties == "abstain",
        threads=threads(),
    )  # fmt: skip
    return out


def draws(n: int, ties: Ties, seed: int | np.random.Generator) -> NDArray[np.float64]:
    """What decides between tied classes of each task, in [0, 1); nothing takes the first."""
    if ties in ("random", "share"):
        return np.random.default_rng(seed).random(n)
    return np.empty(0)
