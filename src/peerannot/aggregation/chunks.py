"""Passes over answers in memory-mapped files, a chunk of tasks at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import kernels
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.confusions import SINGLE_BYTES, Pairs
from peerannot.aggregation.dawid_skene import DawidSkene
from peerannot.aggregation.support import Support, one_hot, posterior_of
from peerannot.aggregation.ties import pick
from peerannot.answers import Answers, Ids

if TYPE_CHECKING:
    from peerannot.io._shards import Coded

__all__ = ["ChunkedEM", "chunk_answers", "majority"]

BLOCKS = 8
BLOCKS_BYTES = 2**30  # memory that the counts of all blocks may take together


class ChunkedEM:
    """Passes over chunks of tasks of memory-mapped answers, see `peerannot.aggregation.confusions`.

    Chunks form blocks that depend on the answers alone. Each block adds to counts of its own,
    and these are added in order, so that results are the same for any number of threads.
    """

    def __init__(self, coded: Coded, strategy: DawidSkene) -> None:
        self.answers, self.strategy = coded, strategy
        self.k = len(coded.classes)
        self.pairs = Pairs.coded(
            np.empty(0, np.int32),
            coded.pair_worker,
            coded.pair_label,
            len(coded.workers),
            self.k,
            model=strategy.name,
        )
        self._fixed = kernels.specialised(self.k, coded.n_answers)
        self._no_weight = np.empty(0)
        self._no_weight.flags.writeable = False
        longest = int(np.diff(coded.chunks[:, 0]).max())
        self._no_gold = np.full(longest, -1, np.int32)

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        """Chunks of each block, (n_blocks + 1,)."""
        n_chunks = len(self.answers.chunks) - 1
        size = max(len(self.pairs) * self.k * 8, 1)
        n = int(np.clip(min(BLOCKS_BYTES // size, n_chunks), 1, BLOCKS))
        return np.linspace(0, n_chunks, n + 1).astype(np.int64)

    def first(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Counts (n_pairs, K) and class sums (K,) of the start: vote shares or majorities."""
        loop = kernels.start_loop(self._fixed)
        nothing = np.empty((0, self.k))
        rng = np.random.default_rng(self.strategy.seed)
        # A strategy whose first E-step is hard starts from the majority vote.
        from_majority = self.strategy._hard([], self.answers.n_answers, False)

        def run(ptr: Any, pair: Any, counts: Any, mass: Any) -> float:
            label = self.pairs.label[pair]
            given = nothing
            if from_majority:
                votes = chunk_answers(ptr, np.zeros_like(label), label, 1, self.k)
                support = Support.of(votes)
                given = majority(self.strategy, support, support.votes(votes), self.k, rng)[1]
            loop(
                ptr, pair, label, self._no_weight, self._no_gold, given, 0, ptr.size - 1, counts,
                mass, nothing,
            )  # fmt: skip
            return 0.0

        # Ties are drawn in order of tasks, so blocks must not run side by side then.
        counts, mass, _ = self._count(run, side_by_side=not from_majority)
        return counts, mass

    def step(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64], *, hard: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """As `peerannot.aggregation.confusions.EM.step`."""
        loop = kernels.em_loop(self._fixed)
        nothing = np.empty((0, self.k))
        single = self._fixed and table.nbytes > SINGLE_BYTES
        rows: NDArray[Any] = table.astype(np.float32) if single else table

        def run(ptr: Any, pair: Any, counts: Any, mass: Any) -> float:
            gain: float = loop(
                ptr, pair, self._no_weight, self._no_gold, rows, log_prior, 0, ptr.size - 1, hard,
                1, counts, mass, nothing,
            )  # fmt: skip
            return gain

        return self._count(run)

    def posteriors(
        self, table: NDArray[np.float64], log_prior: NDArray[np.float64]
    ) -> Iterator[NDArray[np.float64]]:
        """Posterior (tasks of the chunk, K) of each chunk."""
        loop = kernels.em_loop(self._fixed)
        nothing = np.empty((0, self.k))
        for c in range(len(self.answers.chunks) - 1):
            ptr, pair = self.answers.chunk(c)
            posterior = np.empty((ptr.size - 1, self.k))
            bounds = np.linspace(0, ptr.size - 1, BLOCKS + 1).astype(np.int64)

            def work(
                b: int, ptr: Any = ptr, pair: Any = pair, out: Any = posterior, at: Any = bounds
            ) -> None:
                loop(
                    ptr, pair, self._no_weight, self._no_gold, table, log_prior, at[b], at[b + 1],
                    False, 1, nothing, np.zeros(self.k), out,
                )  # fmt: skip

            kernels.over_blocks(work, BLOCKS)
            yield posterior

    def _count(
        self, run: Callable[..., float], *, side_by_side: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        n_blocks = self._bounds.size - 1
        counts = np.zeros((n_blocks, len(self.pairs), self.k))
        masses = np.zeros((n_blocks, self.k))

        def work(b: int) -> float:
            gain = 0.0
            for c in range(self._bounds[b], self._bounds[b + 1]):
                gain += run(*self.answers.chunk(c), counts[b], masses[b])
            return gain

        if side_by_side:
            gains = kernels.over_blocks(work, n_blocks)
        else:
            gains = [work(b) for b in range(n_blocks)]
        total = counts[0]
        for part in counts[1:]:
            total += part
        return total, masses.sum(0), float(sum(gains))


def chunk_answers(ptr: Any, worker: Any, label: Any, n_workers: int, n_classes: int) -> Answers:
    """A chunk of tasks as answers."""
    n = ptr.size - 1
    task = np.repeat(np.arange(n, dtype=np.int32), np.diff(ptr))
    return Answers(task, worker, label, Ids(n), Ids(n_workers), Ids(n_classes))


def majority(
    rule: Strategy, support: Support, score: Any, n_classes: int, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Labels and posterior of the majority vote, as `MajorityVote` gives them."""
    winner = support.winners(score)
    labels = pick(support.ptr, support.size, support.label, winner, rule.ties, rng)
    share = one_hot(support, labels) if rule.ties in ("first", "random") else winner
    return labels, posterior_of(support, share, n_classes)
