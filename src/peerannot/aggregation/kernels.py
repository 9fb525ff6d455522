"""The fused E/M pass over answers that every confusion-matrix model shares.

One pass does both steps: for each task add the rows of log-probabilities of its answers,
normalise, add the posterior to the counts of the next M-step. The posterior matrix is written
only when asked for. Tasks are split into blocks whose number depends on the problem alone, and
the counts of blocks are added in their order, so results are the same for any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot._compiled import compiled, prange
from peerannot.answers import Answers
from peerannot.errors import ParameterError

if TYPE_CHECKING:
    from peerannot.aggregation.base import Start

__all__ = ["EM", "Pairs", "add_blocks", "blocks_of", "em_pass", "vote_pass"]

BLOCK_BYTES = 2**28  # memory that all blocks' counts may take together
MAX_BLOCKS = 8
TABLE_BYTES = 2**33  # memory of one table over which a model is refused


@dataclass(frozen=True)
class Pairs:
    """The distinct (worker, label) pairs that occur; confusion counts are kept only for them.

    Attributes
    ----------
    of_answer : int32 array (n_answers,)
        Pair of each answer.
    worker, label : int32 arrays (n_pairs,)
        In order of (worker, label).
    ptr : int64 array (n_workers + 1,)
        Pairs of worker ``j`` are ``ptr[j]:ptr[j + 1]``.
    """

    of_answer: NDArray[np.int32]
    worker: NDArray[np.int32]
    label: NDArray[np.int32]
    ptr: NDArray[np.int64]

    @classmethod
    def of(cls, answers: Answers, *, model: str) -> Pairs:
        """Find the pairs, and refuse where a table over them would not fit.

        Raises
        ------
        ParameterError
            The table takes more than 8 GiB; the message names lighter strategies.
        """
        w, k = answers.n_workers, answers.n_classes
        if w * k <= max(2**26, 4 * answers.n_answers):
            of_answer, key = _dense_pairs(answers.worker, answers.label, w, k)
        else:
            code = answers.worker.astype(np.int64) * k + answers.label
            key, inverse = np.unique(code, return_inverse=True)
            of_answer = inverse.astype(np.int32)
        if key.size * k * 8 > TABLE_BYTES:
            raise ParameterError(
                f"{model} needs {key.size * k * 8 / 2**30:.0f} GiB for the confusions of {w}"
                f" workers over {k} classes; use a strategy with one skill a worker, such as wawa"
            )
        worker = (key // k).astype(np.int32)
        ptr = np.searchsorted(worker, np.arange(w + 1)).astype(np.int64)
        return cls(of_answer, worker, (key % k).astype(np.int32), ptr)

    def __len__(self) -> int:
        return int(self.worker.size)

    def worker_sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of a table (n_pairs, K) over the labels of each worker, (n_workers, K)."""
        sums = np.zeros((self.ptr.size - 1, table.shape[1]))
        filled = np.flatnonzero(np.diff(self.ptr))
        if filled.size:
            sums[filled] = np.add.reduceat(table, self.ptr[filled], axis=0)
        return sums

    def confusion(self, table: NDArray[np.float64], n_workers: int) -> NDArray[np.float64] | None:
        """A table (n_pairs, K true) as confusion matrices (n_workers, true, answered).

        None where they would take over 8 GiB. Pairs that do not occur are 0.
        """
        k = table.shape[1]
        if n_workers * k * k * 8 > TABLE_BYTES:
            return None
        out = np.zeros((n_workers, k, k))
        out[self.worker, :, self.label] = table
        return out


def blocks_of(answers: Answers, n_rows: int, width: int | None = None) -> NDArray[np.int64]:
    """Bounds of blocks of tasks with about equal numbers of answers, int64 (n_blocks + 1,).

    ``n_rows`` rows of ``width`` float64 (default: the number of classes) are held by each block.
    """
    size = max(n_rows * (answers.n_classes if width is None else width) * 8, 1)
    n = int(np.clip(BLOCK_BYTES // size, 1, MAX_BLOCKS))
    goals = np.linspace(0, answers.n_answers, n + 1)[1:-1]
    inner = np.searchsorted(answers.task_ptr, goals)
    bounds = np.concatenate(([0], inner, [answers.n_tasks])).astype(np.int64)
    return np.maximum.accumulate(bounds)


@dataclass(frozen=True)
class EM:
    """Answers, prepared for E/M passes of models with a confusion matrix for each worker.

    Attributes
    ----------
    answers, pairs
        The votes, and the (worker, label) pairs that occur.
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    start : float64 array (n_tasks, n_classes), or (0, n_classes) to start from vote shares
    """

    answers: Answers
    pairs: Pairs
    gold: NDArray[np.int32]
    start: NDArray[np.float64]
    weight: NDArray[np.float64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, answers: Answers, start: Start, *, model: str) -> EM:
        """Prepare; refuses where the counts would not fit, see `Pairs.of`."""
        pairs = Pairs.of(answers, model=model)
        given = start.posterior
        return cls(
            answers,
            pairs,
            start.gold,
            np.empty((0, answers.n_classes)) if given is None else given,
            np.empty(0) if answers.weight is None else answers.weight,
            blocks_of(answers, len(pairs)),
        )

    def first(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts (n_pairs, K) and class sums (K,) of the start."""
        counts, mass = vote_pass(
            self.answers.task_ptr, self.pairs.of_answer, self.answers.label, self.weight,
            self.gold, self.start, self.bounds, len(self.pairs), self.answers.n_classes,
        )  # fmt: skip
        return counts, mass

    def step(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64], *, hard: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """One pass: expected counts, class sums, and log-likelihood of the parameters given.

        Parameters
        ----------
        table : (n_pairs, K)
            Log-probability of each pair's label, given each true class.
        log_prior : (K,)
        hard
            Count only the most probable class of each task; ties are shared.
        """
        counts, mass, loglik, _ = self._pass(table, log_prior, hard, False)
        return counts, mass, float(loglik)

    def posterior(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Posterior (n_tasks, K) of the parameters."""
        posterior: NDArray[np.float64] = self._pass(table, log_prior, False, True)[3]
        return posterior

    def _pass(self, table: Any, log_prior: Any, hard: bool, write: bool) -> Any:
        return em_pass(
            self.answers.task_ptr, self.pairs.of_answer, self.weight, self.gold, table,
            log_prior, self.bounds, hard, write,
        )  # fmt: skip


@compiled()
def _dense_pairs(worker: Any, label: Any, w: int, k: int) -> Any:  # pragma: no cover - compiled
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


@compiled(parallel=True)
def vote_pass(
    task_ptr: Any,
    pair: Any,
    label: Any,
    weight: Any,
    gold: Any,
    start: Any,
    bounds: Any,
    n_pairs: int,
    k: int,
) -> Any:  # pragma: no cover - compiled
    """Counts from vote shares, gold labels, or a given posterior: the first M-step.

    Returns counts (n_pairs, k), class sums (k,).
    """
    n_blocks = bounds.size - 1
    counts = np.zeros((n_blocks, n_pairs, k), np.float64)
    prior = np.zeros((n_blocks, k), np.float64)
    for b in prange(n_blocks):
        z = np.empty(k, np.float64)
        for i in range(bounds[b], bounds[b + 1]):
            first, last = task_ptr[i], task_ptr[i + 1]
            if first == last and gold[i] < 0:
                continue
            z[:] = 0.0
            if gold[i] >= 0:
                z[gold[i]] = 1.0
            elif start.shape[0]:
                z[:] = start[i]
            else:
                total = 0.0
                for a in range(first, last):
                    v = weight[a] if weight.size else 1.0
                    z[label[a]] += v
                    total += v
                if total > 0.0:
                    z /= total
                else:
                    z[:] = 1.0 / k
            for c in range(k):
                prior[b, c] += z[c]
            for a in range(first, last):
                v = weight[a] if weight.size else 1.0
                p = pair[a]
                for c in range(k):
                    counts[b, p, c] += v * z[c]
    return add_blocks(counts), add_blocks(prior)


@compiled(parallel=True)
def em_pass(
    task_ptr: Any,
    pair: Any,
    weight: Any,
    gold: Any,
    log_table: Any,
    log_prior: Any,
    bounds: Any,
    hard: bool,
    write: bool,
) -> Any:  # pragma: no cover - compiled
    """One fused E/M pass.

    Parameters
    ----------
    task_ptr, pair, weight, gold
        Answers of each task, their pair and weight (empty: 1), known classes (-1: unknown).
    log_table : (n_pairs, K)
        Log-probability of the pair's label by the pair's worker, given each true class.
    log_prior : (K,)
    bounds : (n_blocks + 1,)
    hard
        Count only the most probable class of each task (Fast Dawid-Skene); ties are shared.
    write
        Whether to write the posterior and skip the counts.

    Returns
    -------
    counts (n_pairs, K), class sums (K,), log-likelihood, posterior (n_tasks, K) or (0, K)
    """
    n_blocks, k = bounds.size - 1, log_prior.size
    counts = np.zeros((1 if write else n_blocks, 1 if write else log_table.shape[0], k), np.float64)
    prior = np.zeros((n_blocks, k), np.float64)
    loglik = np.zeros((n_blocks, 1), np.float64)
    posterior = np.empty((task_ptr.size - 1 if write else 0, k), np.float64)
    for b in prange(n_blocks):
        z = np.empty(k, np.float64)
        gain = 0.0
        for i in range(bounds[b], bounds[b + 1]):
            first, last = task_ptr[i], task_ptr[i + 1]
            for c in range(k):
                z[c] = log_prior[c]
            for a in range(first, last):
                p = pair[a]
                if weight.size:
                    for c in range(k):
                        z[c] += weight[a] * log_table[p, c]
                else:
                    for c in range(k):
                        z[c] += log_table[p, c]
            known = gold[i]
            if known >= 0:
                gain += z[known]
                for c in range(k):
                    z[c] = 0.0
                z[known] = 1.0
            else:
                top = z[0]
                for c in range(1, k):
                    top = max(top, z[c])
                total = 0.0
                for c in range(k):
                    z[c] = np.exp(z[c] - top)
                    total += z[c]
                if last > first:
                    gain += top + np.log(total)
                if hard:
                    tied = 0
                    for c in range(k):
                        if z[c] >= 1.0 - 1e-9:
                            tied += 1
                    for c in range(k):
                        z[c] = 1.0 / tied if z[c] >= 1.0 - 1e-9 else 0.0
                else:
                    scale = 1.0 / total
                    for c in range(k):
                        z[c] *= scale
            if write:
                for c in range(k):
                    posterior[i, c] = z[c]
            elif last > first or known >= 0:
                for c in range(k):
                    prior[b, c] += z[c]
                for a in range(first, last):
                    p = pair[a]
                    v = weight[a] if weight.size else 1.0
                    for c in range(k):
                        counts[b, p, c] += v * z[c]
        loglik[b, 0] = gain
    return add_blocks(counts), add_blocks(prior), add_blocks(loglik)[0], posterior


@compiled()
def add_blocks(blocks: Any) -> Any:  # pragma: no cover - compiled
    """Sum over the first axis, in its order."""
    out = blocks[0].copy()
    for b in range(1, blocks.shape[0]):
        out += blocks[b]
    return out
