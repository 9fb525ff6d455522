"""The loops of simulated crowds against their twins, and what they must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from native.twins import simulation as twin
from peerannot._loops import native

usual = examples(100)
# Few workers run out of load, many are sorted in several rounds.
crowds = {
    "seed": st.integers(0, 10**6),
    "n_workers": st.sampled_from([0, 1, 2, 5, 9, 100]),
    "load": st.sampled_from([1, 3, 10]),
}


def split(worker: np.ndarray[Any, Any], got: np.ndarray[Any, Any], n: int) -> list[list[int]]:
    assert n == got.sum()
    return [some.tolist() for some in np.split(worker[:n], np.cumsum(got)[:-1])]


@usual
@given(**crowds)
def test_uniform(seed: int, n_workers: int, load: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, n_workers + 3, size=8)
    numbers = rng.random(int(wanted.sum()))
    worker, got = np.empty(numbers.size, np.int32), np.empty(8, np.int64)
    how = {"n_workers": n_workers, "load": load}
    n = native.simulation_uniform(wanted, numbers, worker, got, **how)
    assert split(worker, got, n) == twin.uniform(wanted, numbers, **how)


@usual
@given(**crowds)
def test_weighted(seed: int, n_workers: int, load: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, n_workers + 3, size=8)
    numbers, weight = rng.random(int(wanted.sum())), rng.random(n_workers) ** 3
    worker, got = np.empty(numbers.size, np.int32), np.empty(8, np.int64)
    n = native.simulation_weighted(wanted, numbers, weight, worker, got, load=load)
    assert split(worker, got, n) == twin.weighted(wanted, numbers, weight, load)


@usual
@given(seed=st.integers(0, 10**6), k=st.integers(1, 12), threads=st.integers(1, 3))
def test_labels(seed: int, k: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    cumulated = rng.integers(0, 4, (6, 3, k)).cumsum(2) / 8
    n = int(rng.choice([0, 1, 50, 200_000], p=[0.1, 0.1, 0.7, 0.1]))
    worker, truth = rng.integers(6, size=n).astype(np.int32), rng.integers(3, size=n)
    numbers, label = rng.integers(0, 16, n) / 8, np.empty(n, np.int32)
    native.simulation_labels(cumulated, worker, truth, numbers, label, threads=threads)
    assert (label == twin.labels(cumulated, worker, truth, numbers)).all()


def test_what_the_loops_refuse() -> None:
    two, room, got = np.full(1, 2), np.empty(2, np.int32), np.empty(1, np.int64)
    u, ones, one = np.full(2, 0.5), np.ones(3), np.zeros(1, np.int32)
    rows, how = np.ones((1, 1, 2)), {"n_workers": 3, "load": 1}
    wrong: list[Any] = [
        lambda: native.simulation_uniform(two, u[:1], room[:1], got, **how),
        lambda: native.simulation_uniform(-two, u, room, got, **how),
        lambda: native.simulation_uniform(two, u + 0.5, room, got, **how),
        lambda: native.simulation_uniform(two, u - 1.0, room, got, **how),
        lambda: native.simulation_uniform(two, u * np.nan, room, got, **how),
        lambda: native.simulation_uniform(two, u, room[:1], got, **how),
        lambda: native.simulation_uniform(two, u, room, got[:0], **how),
        lambda: native.simulation_uniform(two, u, room, got, n_workers=-1, load=1),
        lambda: native.simulation_uniform(two, u, room, got, n_workers=3, load=0),
        lambda: native.simulation_weighted(two, u[:1], ones, room[:1], got, load=1),
        lambda: native.simulation_weighted(-two, u, ones, room, got, load=1),
        lambda: native.simulation_labels(rows, one + 1, two - 2, u[:1], room[:1], threads=1),
        lambda: native.simulation_labels(rows, one - 1, two - 2, u[:1], room[:1], threads=1),
        lambda: native.simulation_labels(rows, one, two - 1, u[:1], room[:1], threads=1),
        lambda: native.simulation_labels(rows, one, two - 3, u[:1], room[:1], threads=1),
        lambda: native.simulation_labels(rows, one, two - 2, u, room[:1], threads=1),
        lambda: native.simulation_labels(rows[..., :0], one, two - 2, u[:1], room[:1], threads=1),
    ]
    for call in wrong:
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        native.simulation_uniform(two.astype(np.int32), u, room, got, **how)


def test_workers_without_weight_are_no_place_out_of_bounds() -> None:
    worker, got = np.empty(4, np.int32), np.empty(1, np.int64)
    for weight in (np.zeros(5), np.full(5, np.nan), np.full(5, np.inf), -np.ones(5)):
        n = native.simulation_weighted(np.full(1, 4), np.full(4, 0.9), weight, worker, got, load=1)
        assert n == 4 and ((worker >= 0) & (worker < 5)).all()
