"""The loops of models with a confusion matrix for each worker against their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.twins import confusion as twin
from peerannot._loops import native

Array = NDArray[Any]
NONE = np.empty(0)


class Votes:
    """Votes made at random: tasks without answers and with hundreds, gold, weights."""

    def __init__(self, seed: int, n_tasks: int, n_workers: int, k: int, weighted: bool) -> None:
        rng = self.rng = np.random.default_rng(seed)
        size = rng.choice([0, 1, 3, 5, 150], n_tasks, p=[0.1, 0.3, 0.3, 0.2, 0.1])
        self.k, self.n_workers, n = k, n_workers, int(size.sum())
        self.ptr = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
        self.task = np.repeat(np.arange(n_tasks), size).astype(np.int32)
        self.worker = rng.integers(n_workers, size=n).astype(np.int32)
        self.label = rng.integers(k, size=n).astype(np.int32)
        self.weight = rng.uniform(0.2, 2.0, n) if weighted else NONE
        self.ones = self.weight if weighted else np.ones(n)
        self.gold = np.where(rng.random(n_tasks) < 0.2, rng.integers(k, size=n_tasks), -1)
        self.gold = self.gold.astype(np.int32)
        self.place = np.empty((n_workers, k), np.int32)
        self.pair = np.empty(n, np.int32)
        self.n_pairs = native.pairs_find(self.worker, self.label, self.place, self.pair, threads=2)
        cuts = np.sort(rng.integers(n_tasks + 1, size=3))
        self.bounds = np.concatenate(([0], cuts, [n_tasks])).astype(np.int64)

    def room(self, columns: int | None = None) -> tuple[Array, Array, Array]:
        k = self.k if columns is None else columns
        return (
            np.full((self.n_pairs, k), np.nan),
            np.full(k, np.nan),
            np.full((self.gold.size, k), np.nan),
        )


made = st.builds(
    Votes,
    st.integers(0, 10**6),
    st.integers(0, 90),
    st.integers(1, 6),
    st.integers(1, 40),
    st.booleans(),
)
usual = examples(60)


def near(found: Array, expected: Array, single: bool, scale: float) -> None:
    if single:
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * scale)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@usual
@given(v=made, single=st.booleans(), hard=st.booleans(), parts=st.integers(1, 3))
def test_em(v: Votes, single: bool, hard: bool, parts: int) -> None:
    single = single and not hard  # ties are told in double
    k = v.k * parts
    table = np.log(v.rng.dirichlet(np.full(k, 2.0), v.n_pairs))
    log_prior = np.log(v.rng.dirichlet(np.ones(k)))
    counts, mass, posterior = v.room(k)
    gain = native.confusion_em(
        v.ptr, v.pair, v.weight, v.gold, table, log_prior, v.bounds, counts, mass, posterior,
        single=single, hard=hard, parts=parts, threads=2,
    )  # fmt: skip
    slow = twin.em(v.task, v.pair, v.ones, v.gold, table, log_prior, hard=hard, parts=parts)
    near(counts, slow[0], single, max(v.ones.sum(), 1.0))
    near(mass, slow[1], single, max(v.gold.size, 1))
    # A sum of hundreds of logarithms, each within 1e-7 of it.
    near(posterior, slow[2], single, 20.0)
    assert gain == pytest.approx(slow[3], rel=1e-6 if single else 1e-11, abs=1e-9)


@usual
@given(v=made, threads=st.integers(1, 5), single=st.booleans())
def test_em_gives_the_same_bits_for_any_number_of_threads(
    v: Votes, threads: int, single: bool
) -> None:
    table = np.log(v.rng.dirichlet(np.ones(v.k + 1), v.n_pairs)[:, : v.k]).copy()
    log_prior = np.log(v.rng.dirichlet(np.ones(v.k)))
    runs = []
    for n in (1, threads):
        counts, mass, posterior = v.room()
        gain = native.confusion_em(
            v.ptr, v.pair, v.weight, v.gold, table, log_prior, v.bounds, counts, mass, posterior,
            single=single, hard=False, parts=1, threads=n,
        )  # fmt: skip
        runs.append((counts, mass, posterior, np.array(gain)))
    for one, other in zip(*runs, strict=True):
        assert one.tobytes() == other.tobytes()


@usual
@given(v=made)
def test_em_writes_only_what_was_asked_for(v: Votes) -> None:
    table = np.log(v.rng.dirichlet(np.ones(v.k + 1), v.n_pairs)[:, : v.k]).copy()
    log_prior = np.log(v.rng.dirichlet(np.ones(v.k)))
    both, alone = v.room(), v.room()
    given_ = (v.ptr, v.pair, v.weight, v.gold, table, log_prior, v.bounds)
    how: dict[str, Any] = {"single": False, "hard": False, "parts": 1, "threads": 1}
    native.confusion_em(*given_, *both, **how)
    no_rows = np.empty((0, v.k))
    native.confusion_em(*given_, alone[0], alone[1], no_rows, **how)
    native.confusion_em(*given_, no_rows, alone[1], alone[2], **how)
    for one, other in zip(both, alone, strict=True):
        assert one.tobytes() == other.tobytes()


@usual
@given(v=made, from_given=st.booleans())
def test_start(v: Votes, from_given: bool) -> None:
    shares = v.rng.dirichlet(np.ones(v.k), v.gold.size) if from_given else None
    counts, mass, posterior = v.room()
    native.confusion_start(
        v.ptr, v.pair, v.label, v.weight, v.gold, np.empty((0, v.k)) if shares is None else shares,
        v.bounds, counts, mass, posterior, n_pairs=v.n_pairs, threads=2,
    )  # fmt: skip
    slow = twin.start(v.task, v.pair, v.label, v.ones, v.gold, shares, v.n_pairs, v.k)
    for one, other in zip((counts, mass, posterior), slow, strict=True):
        near(one, other, False, 1.0)


@usual
@given(v=made)
def test_gather(v: Votes) -> None:
    order, ptr = np.empty(v.pair.size, np.int32), np.empty(v.n_pairs + 1, np.int64)
    native.confusion_positions(v.pair, order, ptr)
    slow_order, slow_ptr = twin.positions(v.pair, v.n_pairs)
    assert (order == slow_order).all() and (ptr == slow_ptr).all()
    posterior = v.rng.dirichlet(np.ones(v.k), v.gold.size)
    counts = v.room()[0]
    native.confusion_gather(order, ptr, v.task, v.weight, posterior, counts, threads=2)
    near(counts, twin.gather(v.task, v.pair, v.ones, posterior, v.n_pairs), False, 1.0)


@usual
@given(v=made)
def test_expected(v: Votes) -> None:
    order = np.argsort(v.worker, kind="stable")
    ptr = np.searchsorted(v.worker[order], np.arange(v.n_workers + 1))
    posterior = v.rng.dirichlet(np.ones(v.k), v.gold.size)
    counts = np.full((v.n_workers, v.k, v.k), np.nan)
    native.confusion_expected(ptr, order, v.task, v.label, v.weight, posterior, counts, threads=2)
    slow = twin.expected(v.worker, v.task, v.label, v.ones, posterior, v.n_workers)
    near(counts, slow, False, 1.0)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("k", [2, 3, 16, 40])
def test_em_does_not_underflow(k: int, single: bool) -> None:
    n = 100_000
    table = np.log(np.full((1, k), 1e-10))
    table[0, 1] = np.log(0.9)
    counts, mass, posterior = np.empty((1, k)), np.empty(k), np.empty((1, k))
    gain = native.confusion_em(
        np.array([0, n]), np.zeros(n, np.int32), NONE, np.full(1, -1, np.int32), table,
        np.full(k, -np.log(k)), np.array([0, 1]), counts, mass, posterior,
        single=single, hard=False, parts=1, threads=1,
    )  # fmt: skip
    assert (posterior[0] == np.eye(k)[1]).all()
    assert counts[0, 1] == n
    assert gain == pytest.approx(n * np.log(0.9) - np.log(k), rel=1e-6)
