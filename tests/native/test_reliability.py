"""The loops of Pl@ntNet, KOS, BWA and M-MSR, the same bits as their twins'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.slot_votes import SlotVotes, made
from native.twins import reliability as twin
from peerannot._loops import native

Array = NDArray[Any]
usual = examples(60)
threads = st.integers(1, 3)


def same(found: Array, expected: Any) -> None:
    assert found.tolist() == np.asarray(expected).tolist()


@usual
@given(v=made, threads=threads)
def test_support(v: SlotVotes, threads: int) -> None:
    score = v.rng.integers(0, 4, v.n) / 3.0
    winner = v.rng.choice([0.0, 0.5, 1.0], v.n)
    ai_label = v.rng.integers(-1, v.k, v.n_tasks).astype(np.int32)
    found = np.full(v.n_tasks, np.nan), np.full(v.n_tasks, np.nan)
    native.reliability_support(
        v.ptr, v.size, v.slot_label, score, winner, ai_label, *found, against=0.3, threads=threads
    )
    slow = twin.support(v.ptr, v.size, v.slot_label, score, winner, ai_label, 0.3)
    same(found[0], slow[0])
    same(found[1], slow[1])


@usual
@given(v=made)
def test_seen(v: SlotVotes) -> None:
    pair = v.rng.integers(9, size=v.n).astype(np.int32)
    authored, right = v.rng.random((2, v.n)) < 0.2
    valid = v.rng.random(v.n_tasks) < 0.5
    found = np.full(9, 7, np.int8)
    native.reliability_seen(v.ptr, v.slot, v.task, pair, authored, valid, right, found)
    same(found, twin.seen(v.ptr[v.task] + v.slot, v.task, pair, authored, valid, right, 9))


@usual
@given(v=made, threads=threads)
def test_to_workers(v: SlotVotes, threads: int) -> None:
    message, found = v.rng.normal(size=v.n), np.full(v.n, np.nan)
    native.reliability_to_workers(
        v.ptr, v.slot, v.weight, message, found, chance=1 / 3, threads=threads
    )
    same(found, twin.to_workers(v.ptr, v.slot, v.ones, message, 1 / 3))


@usual
@given(v=made, threads=threads)
def test_errors(v: SlotVotes, threads: int) -> None:
    score, found = v.rng.random(v.n_tasks), np.full(v.n_workers, np.nan)
    bounds, c = v.ptr[v.bounds], v.k // 2
    native.reliability_errors(
        v.task, v.worker, v.label, v.weight, score, bounds, found, c=c, threads=threads
    )
    same(found, twin.errors(v.task, v.worker, v.label, v.ones, score, bounds, v.n_workers, c))


@usual
@given(v=made, threads=threads)
def test_averages(v: SlotVotes, threads: int) -> None:
    precision, found, c = v.rng.random(v.n_workers), np.full(v.n_tasks, np.nan), v.k // 2
    how = {"c": c, "pull": 0.7, "mean": 0.1}
    native.reliability_averages(
        v.ptr, v.worker, v.label, v.weight, precision, found, **how, threads=threads
    )
    same(found, twin.averages(v.ptr, v.worker, v.label, v.ones, precision, **how))


def some(n_tasks: int, weighted: bool, seed: int) -> SlotVotes:
    """Votes whose pairs are few enough for a twin."""
    v = SlotVotes(seed, n_tasks, 6, 3, weighted)
    v.ptr = v.ptr // 40
    return v


@usual
@given(st.builds(some, st.integers(0, 60), st.booleans(), st.integers(0, 10**6)))
def test_agreements(v: SlotVotes) -> None:
    found = np.full((2, v.n_workers, v.n_workers), np.nan)
    native.reliability_agreements(v.ptr, v.worker, v.label, v.weight, *found)
    same(found, twin.agreements(v.ptr, v.worker, v.label, v.ones, v.n_workers))


@usual
@given(
    seed=st.integers(0, 10**6), n=st.integers(0, 70), trim=st.sampled_from([0.0, 0.25, 0.49]),
    threads=threads,
)  # fmt: skip
def test_trimmed(seed: int, n: int, trim: float, threads: int) -> None:
    rng = np.random.default_rng(seed)
    # Many ratios are equal: which of them are dropped is a matter of order.
    centred, now = rng.integers(-3, 4, (n, n)) / 3.0, rng.integers(1, 4, n) / 4.0
    common = rng.random((n, n)) * (rng.random((n, n)) < rng.random((n, 1)))
    found = np.full(n, np.nan)
    native.reliability_trimmed(centred, common, now, found, trim=trim, threads=threads)
    same(found, twin.trimmed(centred, common, now, trim))


def test_pieces_are_the_same_bits_for_any_number_of_threads(isa: str) -> None:
    rng = np.random.default_rng(0)
    n_tasks, n_workers = 60_000, 40  # enough that they are cut
    ptr, n = np.arange(n_tasks + 1) * 3, 3 * n_tasks
    worker, label = rng.integers(n_workers, size=(2, n)).astype(np.int32)
    slot = (np.arange(n) % 3).astype(np.int32)
    message, precision, none = rng.normal(size=n), rng.random(n_workers), np.empty(0)
    runs = []
    for name, threads in ((isa, 1), (isa, 3), (native.isas()[0], 2)):
        native.use(name)
        found = np.empty(n), np.empty(n_tasks)
        native.reliability_to_workers(
            ptr, slot, none, message, found[0], chance=0.1, threads=threads
        )
        native.reliability_averages(
            ptr, worker, label, none, precision, found[1], c=3, pull=1.0, mean=0.2, threads=threads
        )
        runs.append([array.tobytes() for array in found])
    native.use(isa)
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("trim", [-0.1, 1.1, np.nan])
def test_shares_that_are_none_are_refused(trim: float) -> None:
    square, one = np.ones((1, 1)), np.ones(1)
    with pytest.raises(ValueError, match="trim"):
        native.reliability_trimmed(square, square, one, one.copy(), trim=trim, threads=1)


@usual
@given(v=made, threads=threads, given=st.booleans())
def test_sweep(v: SlotVotes, threads: int, given: bool) -> None:
    precision = v.rng.uniform(0.1, 5.0, (v.n_workers, v.k))
    mean = v.rng.dirichlet(np.ones(v.k))
    start = v.rng.dirichlet(np.ones(v.k), v.n_tasks) if given else np.empty((0, v.k))
    wrong, mass = np.full((v.n_workers, v.k), np.nan), np.full(v.k, np.nan)
    scores = np.full((v.n_tasks, v.k), np.nan)
    native.reliability_sweep(
        v.ptr, v.worker, v.label, v.weight, v.gold, precision, mean, start, v.bounds, wrong, mass,
        scores, pull=1.5, threads=threads,
    )  # fmt: skip
    slow = twin.sweep(
        v.task, v.worker, v.label, v.ones, v.gold, precision, mean, 1.5, start if given else None
    )
    for found, expected in zip((wrong, mass, scores), slow, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)
