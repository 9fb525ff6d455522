"""The loops over (worker, label) pairs against their twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from native.twins import pairs as twin
from peerannot._loops import native

usual = examples(60)


@usual
@given(
    seed=st.integers(0, 10**6), n=st.integers(0, 500), n_workers=st.integers(1, 9),
    k=st.integers(1, 40), threads=st.integers(1, 4),
)  # fmt: skip
def test_find(seed: int, n: int, n_workers: int, k: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    worker = rng.integers(n_workers, size=n).astype(np.int32)
    label = rng.integers(k, size=n).astype(np.int32)
    place, pair = np.full((n_workers, k), 7, np.int32), np.full(n, -7, np.int32)
    n_pairs = native.pairs_find(worker, label, place, pair, threads=threads)
    of_answer, key = twin.find(worker, label, k)
    assert n_pairs == key.size
    assert (pair == of_answer).all()
    assert (np.flatnonzero(place >= 0) == key).all()
    assert (place.ravel()[key] == np.arange(key.size)).all()


def test_many_pairs_are_found_by_several_threads() -> None:
    rng = np.random.default_rng(0)
    worker = rng.integers(5000, size=300_000).astype(np.int32)
    label = rng.integers(300, size=worker.size).astype(np.int32)
    place, pair = np.empty((5000, 300), np.int32), np.empty(worker.size, np.int32)
    assert native.pairs_find(worker, label, place, pair, threads=4) == pair.max() + 1
    of_answer, _ = twin.find(worker, label, 300)
    assert (pair == of_answer).all()


@usual
@given(
    seed=st.integers(0, 10**6), n_workers=st.integers(0, 200), k=st.integers(1, 40),
    diagonal=st.sampled_from([0.0, 4.0]), off_diagonal=st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_logarithms(
    seed: int, n_workers: int, k: int, diagonal: float, off_diagonal: float
) -> None:
    rng = np.random.default_rng(seed)
    size = rng.integers(k + 1, size=n_workers)
    labels = [np.sort(rng.permutation(k)[:m]) for m in size]
    label = np.concatenate([*labels, np.empty(0)]).astype(np.int32)
    worker, ptr = np.repeat(np.arange(n_workers), size), np.concatenate(([0], np.cumsum(size)))
    # Counts of all sizes, and classes that were never met.
    counts = np.exp(rng.normal(0, 20, (label.size, k))) * (rng.random(k) < 0.7)
    how = {"diagonal": diagonal, "off_diagonal": off_diagonal, "least_probability": 1e-10}
    slow = twin.logarithms(counts, worker, label, **how)
    for threads in (1, 3):
        table = np.full(counts.shape, np.nan)
        native.pairs_logarithms(counts, ptr, label, table, **how, threads=threads)
        np.testing.assert_allclose(table, slow, rtol=0, atol=1e-14)


@pytest.mark.parametrize("x", [1e-10, 0.25, 0.5, 0.7071, 1 - 1e-9, 1.0])
def test_logarithms_of_single_numbers(x: float) -> None:
    counts = np.array([[x], [1 - x]])
    table = np.empty((2, 1))
    native.pairs_logarithms(
        counts, np.array([0, 2]), np.zeros(2, np.int32), table,
        diagonal=0.0, off_diagonal=0.0, least_probability=1e-10, threads=1,
    )  # fmt: skip
    assert table[0, 0] == pytest.approx(np.log(max(x / (x + (1 - x)), 1e-10)), abs=2e-15)
