"""How a hard label is drawn from scores: the one place that knows about ties."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange

__all__ = ["TIE", "Ties", "drawn_best", "draws", "label_rows", "pick"]

Ties = Literal["first", "random", "share", "abstain"]

# Scores closer than this, relative to the largest, are tied: it is far above rounding noise,
# which depends on the order of sums, and far below any difference that means something.
TIE = 1e-9


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
        n, k = posterior.shape
        flat = np.ascontiguousarray(posterior).ravel()
        ptr = np.arange(n + 1, dtype=np.int64) * k
        return pick(ptr, np.diff(ptr), None, flat, ties, seed)
    ptr = np.asarray(posterior.indptr, dtype=np.int64)
    return pick(
        ptr,
        np.diff(ptr),
        np.asarray(posterior.indices, dtype=np.int32),
        np.asarray(posterior.data),
        ties,
        seed,
    )


def pick(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    column: NDArray[np.int32] | None,
    score: NDArray[Any],
    ties: Ties,
    seed: int | np.random.Generator,
) -> NDArray[np.int32]:
    """Label of each ragged row of scores ``score[ptr[i]:ptr[i] + size[i]]``.

    A generator in place of a seed goes on where it was: tasks in chunks are drawn as at once.
    """
    columns = np.empty(0, np.int32) if column is None else column
    return _pick(ptr, size, columns, score, draws(ptr.size - 1, ties, seed), ties == "abstain")


def draws(n: int, ties: Ties, seed: int | np.random.Generator) -> NDArray[np.float64]:
    """What decides between tied classes of each task, in [0, 1): 0 takes the first."""
    if ties in ("random", "share"):
        return np.random.default_rng(seed).random(n)
    return np.zeros(n)


@compiled()
def drawn_best(
    score: NDArray[Any], start: int, end: int, draw: float
) -> tuple[int, float, int]:  # pragma: no cover - compiled
    """One of the best scores by a draw in [0, 1): its place from ``start`` (-1: there is none).

    Also the least score that counts as best, and how many do.
    """
    best, tied = 0.0, 0
    for s in range(start, end):
        best = max(best, score[s])
    floor = best - TIE * best
    for s in range(start, end):
        if score[s] >= floor:
            tied += 1
    chosen, nth = -1, int(draw * tied)
    for s in range(start, end):
        if score[s] >= floor:
            if nth == 0:
                chosen = s - start
                break
            nth -= 1
    return chosen, floor, tied


@compiled(parallel=True)
def _pick(
    ptr: NDArray[np.int64],
    size: NDArray[np.int64],
    column: NDArray[np.int32],
    score: NDArray[Any],
    draw: NDArray[np.float64],
    abstain: bool,
) -> NDArray[np.int32]:  # pragma: no cover - compiled
    n = ptr.size - 1
    out = np.empty(n, np.int32)
    for i in prange(n):
        start = ptr[i]
        end = start + size[i]
        best = -1.0
        for s in range(start, end):
            best = max(best, score[s])
        if best <= 0.0:
            out[i] = -1
            continue
        floor = best - TIE * best
        tied = 0
        for s in range(start, end):
            if score[s] >= floor:
                tied += 1
        if tied > 1 and abstain:
            out[i] = -1
            continue
        nth = int(draw[i] * tied)
        for s in range(start, end):
            if score[s] >= floor:
                if nth == 0:
                    out[i] = column[s] if column.size else s - start
                    break
                nth -= 1
    return out
