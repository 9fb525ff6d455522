"""Compiled loops of the models that give each worker a confusion matrix.

One pass does E and M: for each task add the rows of log-probabilities of its answers, normalise,
add the posterior to the counts of the next M-step. The posterior matrix is written only when
asked for. `peerannot.aggregation.passes.confusions.EM` prepares the arrays and runs the loops.

Tasks go through in tiles that stay in the first-level cache, so that the exponentials of a tile
are one long vectorised loop. The inner loops run over the classes; for a few of them the loops
are compiled with their number fixed, which halves the time (see `specialised`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prefetch, threads

__all__ = [
    "em_loop",
    "exp_down",
    "gather_loop",
    "over_blocks",
    "pairs_of",
    "positions_of",
    "specialised",
    "start_loop",
]

TILE = 1024  # classes x tasks of a tile
MOST_FIXED = 16  # classes up to which loops are compiled for their number
AHEAD = 16  # answers ahead of which rows of tables are asked for
SMALL = 500_000  # answers under which compiling such loops would take longer than it saves

# exp(x) = (Taylor of exp(x / 128))^128 is straight-line code that vectorises. On -40 < x <= 0
# its relative error is under 1e-14; below, exp(x) is nothing beside the 1 of the likeliest class.
_TAYLOR = tuple(1.0 / factorial(n) for n in range(13))
_LEAST = -40.0


def over_blocks(work: Callable[[int], Any], n_blocks: int) -> list[Any]:
    """``[work(0), ...]``, on as many threads as compiled loops use.

    The loops here release the lock of the interpreter. Plain threads start faster than numba's,
    and loops without ``parallel=True`` compile faster.
    """
    n_threads = min(threads(), n_blocks)
    if n_threads <= 1:
        return [work(b) for b in range(n_blocks)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, range(n_blocks)))


def specialised(n_classes: int, n_answers: int) -> int:
    """The number of classes to compile loops for; 0 for loops that serve any number."""
    return n_classes if n_answers >= SMALL and n_classes <= MOST_FIXED else 0


@compiled()
def exp_down(x: float) -> float:  # pragma: no cover - compiled
    """exp(x) for x <= 0, within 1e-14 of it; 0 below -40."""
    r = x * 0.0078125
    r2 = r * r
    r4 = r2 * r2
    low = (_TAYLOR[0] + _TAYLOR[1] * r) + (_TAYLOR[2] + _TAYLOR[3] * r) * r2
    mid = (_TAYLOR[4] + _TAYLOR[5] * r) + (_TAYLOR[6] + _TAYLOR[7] * r) * r2
    top = (_TAYLOR[8] + _TAYLOR[9] * r) + (_TAYLOR[10] + _TAYLOR[11] * r) * r2 + _TAYLOR[12] * r4
    p = low + (mid + top * r4) * r4
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    p *= p
    return p if x > _LEAST else 0.0


@cache
def em_loop(fixed: int) -> Any:
    """The fused pass over one block of tasks, for ``fixed`` classes (0: any number)."""

    @compiled()
    def em_block(
        task_ptr: Any,
        pair: Any,
        weight: Any,
        gold: Any,
        table: Any,
        log_prior: Any,
        lo: int,
        hi: int,
        hard: bool,
        parts: int,
        counts: Any,
        mass: Any,
        posterior: Any,
    ) -> float:  # pragma: no cover - compiled
        """Add expected counts and class sums of tasks lo..hi; return their log-likelihood.

        Each class has ``parts`` columns side by side, K in all (1: the columns are the classes).
        ``counts`` (n_pairs, K) or ``posterior`` (n_tasks, K) may be empty, and is then left.
        """
        k = fixed if fixed > 0 else log_prior.size
        tile = min(max(TILE // k, 1), 64)
        z = np.empty((tile, k), np.float64)
        flat = z.ravel()
        count, write = counts.shape[0] > 0, posterior.shape[0] > 0
        gain = 0.0
        product = 1.0
        for start in range(lo, hi, tile):
            n = min(tile, hi - start)
            for t in range(n):
                i = start + t
                first, last = task_ptr[i], task_ptr[i + 1]
                for c in range(k):
                    z[t, c] = log_prior[c]
                if weight.size:
                    for a in range(first, last):
                        p, v = pair[a], weight[a]
                        for c in range(k):
                            z[t, c] += v * table[p, c]
                else:
                    for a in range(first, last):
                        p = pair[a]
                        if a + AHEAD < pair.size:
                            prefetch(table, pair[a + AHEAD], 0)
                        for c in range(k):
                            z[t, c] += table[p, c]
                known = gold[i] * parts
                if known >= 0:
                    for c in range(k):
                        if c < known or c >= known + parts:
                            z[t, c] = -np.inf
                top = z[t, 0]
                for c in range(1, k):
                    top = max(top, z[t, c])
                for c in range(k):
                    z[t, c] -= top
                if last > first or known >= 0:
                    gain += top
            for s in range(n * k):
                flat[s] = exp_down(flat[s])
            for t in range(n):
                i = start + t
                first, last = task_ptr[i], task_ptr[i + 1]
                total = 0.0
                for c in range(k):
                    total += z[t, c]
                if last > first or gold[i] >= 0:
                    # One logarithm for many tasks: the product stays far from overflow.
                    product *= total
                    if product > 1e200:
                        gain += np.log(product)
                        product = 1.0
                if hard:
                    total = 0.0
                    for c in range(k):
                        z[t, c] = 1.0 if z[t, c] >= 1.0 - 1e-9 else 0.0
                        total += z[t, c]
                scale = 1.0 / total
                for c in range(k):
                    z[t, c] *= scale
                if write:
                    for c in range(k):
                        posterior[i, c] = z[t, c]
                if last > first or gold[i] >= 0:
                    for c in range(k):
                        mass[c] += z[t, c]
                if count:
                    if weight.size:
                        for a in range(first, last):
                            p, v = pair[a], weight[a]
                            for c in range(k):
                                counts[p, c] += v * z[t, c]
                    else:
                        for a in range(first, last):
                            p = pair[a]
                            if a + AHEAD < pair.size:
                                prefetch(counts, pair[a + AHEAD], 0)
                                prefetch(counts, pair[a + AHEAD], k - 1)
                            for c in range(k):
                                counts[p, c] += z[t, c]
        return float(gain + np.log(product))

    return em_block


@cache
def start_loop(fixed: int) -> Any:
    """The first M-step over one block of tasks, for ``fixed`` classes (0: any number)."""

    @compiled()
    def start_block(
        task_ptr: Any,
        pair: Any,
        label: Any,
        weight: Any,
        gold: Any,
        given: Any,
        lo: int,
        hi: int,
        counts: Any,
        mass: Any,
        posterior: Any,
    ) -> None:  # pragma: no cover - compiled
        """Add counts and class sums from gold, from ``given`` (n_tasks, K), or from vote shares."""
        k = fixed if fixed > 0 else mass.size
        count, write = counts.shape[0] > 0, posterior.shape[0] > 0
        z = np.empty(k, np.float64)
        for i in range(lo, hi):
            first, last = task_ptr[i], task_ptr[i + 1]
            if given.shape[0]:
                for c in range(k):
                    z[c] = given[i, c]
            elif gold[i] >= 0:
                for c in range(k):
                    z[c] = 0.0
                z[gold[i]] = 1.0
            else:
                for c in range(k):
                    z[c] = 0.0
                total = 0.0
                for a in range(first, last):
                    v = weight[a] if weight.size else 1.0
                    z[label[a]] += v
                    total += v
                for c in range(k):
                    z[c] = z[c] / total if total > 0.0 else 1.0 / k
            if write:
                for c in range(k):
                    posterior[i, c] = z[c]
            if last > first or gold[i] >= 0:
                for c in range(k):
                    mass[c] += z[c]
            if count:
                for a in range(first, last):
                    p = pair[a]
                    v = weight[a] if weight.size else 1.0
                    for c in range(k):
                        counts[p, c] += v * z[c]

    return start_block


@compiled()
def gather_loop(
    order: Any,
    order_ptr: Any,
    task: Any,
    weight: Any,
    posterior: Any,
    lo: int,
    hi: int,
    counts: Any,
) -> None:  # pragma: no cover - compiled
    """Counts of pairs lo..hi from a whole posterior: the M-step where counts are large.

    Every pair is written by one thread, so that no thread needs counts of its own.
    """
    k = posterior.shape[1]
    for p in range(lo, hi):
        for s in range(order_ptr[p], order_ptr[p + 1]):
            a = order[s]
            i = task[a]
            v = weight[a] if weight.size else 1.0
            for c in range(k):
                counts[p, c] += v * posterior[i, c]


@compiled()
def positions_of(
    code: Any, n_codes: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:  # pragma: no cover - compiled
    """Positions of each code, in order (n,), and where those of a code start (n_codes + 1,)."""
    ptr = np.zeros(n_codes + 1, np.int64)
    for c in code:
        ptr[c + 1] += 1
    for c in range(n_codes):
        ptr[c + 1] += ptr[c]
    place = ptr[:-1].copy()
    order = np.empty(code.size, np.int32)
    for a in range(code.size):
        order[place[code[a]]] = a
        place[code[a]] += 1
    return order, ptr


@compiled()
def pairs_of(worker: Any, label: Any, w: int, k: int) -> Any:  # pragma: no cover - compiled
    """Number of each answer's (worker, label) pair in order, and the codes of the pairs."""
    place = np.full(w * k, -1, np.int32)
    for a in range(worker.size):
        place[np.int64(worker[a]) * k + label[a]] = 0
    n = 0
    for c in range(w * k):
        if place[c] == 0:
            place[c] = n
            n += 1
    key = np.empty(n, np.int64)
    for c in range(w * k):
        if place[c] >= 0:
            key[place[c]] = c
    of_answer = np.empty(worker.size, np.int32)
    for a in range(worker.size):
        of_answer[a] = place[np.int64(worker[a]) * k + label[a]]
    return of_answer, key
