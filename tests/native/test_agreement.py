"""The loops of agreement against their twins, and what they must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.one_pair import one_pair
from native.twins import agreement as twin
from peerannot._loops import native

Array = NDArray[Any]
N_WORKERS, K = 7, 3
usual = examples(60)
seeds, threads = st.integers(0, 10**6), st.integers(1, 3)


class Votes:
    """At most one answer of a worker for a task; workers without any, tasks without any."""

    def __init__(self, seed: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        n_tasks = int(rng.integers(0, 12))
        task, worker = np.nonzero(rng.random((n_tasks, N_WORKERS)) < rng.random(N_WORKERS))
        self.task, self.worker = task.astype(np.int32), worker.astype(np.int32)
        self.label = rng.integers(K, size=task.size).astype(np.int32)
        self.task_ptr = np.searchsorted(task, np.arange(n_tasks + 1))
        order = np.argsort(worker, kind="stable")
        worker_ptr = np.searchsorted(worker[order], np.arange(N_WORKERS + 1))
        self.by_worker = (order, worker_ptr, np.array([0, 2, 2, N_WORKERS]))
        self.said = twin.said(self.task, self.worker, self.label, N_WORKERS)

    def pairs(self, least: int, threads: int) -> tuple[Array, Array, Array, Array]:
        votes = (self.task_ptr, self.task, self.worker, *self.by_worker)
        found = np.empty(N_WORKERS, np.int64)
        native.agreement_count_pairs(*votes, found, least=least, threads=threads)
        ptr = np.concatenate(([0], np.cumsum(found)))
        second, shared = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], np.int64)
        native.agreement_fill_pairs(*votes, ptr, second, shared, least=least, threads=threads)
        return ptr, np.repeat(np.arange(N_WORKERS), found), second, shared


@usual
@given(seed=seeds, least=st.integers(1, 4), threads=threads)
def test_pairs(seed: int, least: int, threads: int) -> None:
    v = Votes(seed)
    found = np.column_stack(v.pairs(least, threads)[1:]).tolist()
    assert found == [list(pair) for pair in twin.pairs(v.said, least)]


@usual
@given(seed=seeds, threads=threads)
def test_cohen(seed: int, threads: int) -> None:
    v = Votes(seed)
    ptr, first, second, shared = v.pairs(1, threads)
    agree, chance = np.empty_like(shared), np.empty(shared.size)
    native.agreement_cohen(
        v.task_ptr, v.task, v.worker, v.label, *v.by_worker, ptr, second, agree, chance,
        n_classes=K, threads=threads,
    )  # fmt: skip
    for p, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        assert (agree[p], chance[p]) == twin.cohen(v.said, a, b, K)


@usual
@given(seed=seeds, threads=threads)
def test_counts_of_labels(seed: int, threads: int) -> None:
    v = Votes(seed)
    slot, place = twin.places(v.task_ptr, v.label)
    table = np.zeros((v.task_ptr.size - 1, K), np.int64)
    np.add.at(table, (v.task, v.label), 1)
    ptr, *slow = twin.counts(table)
    found = [np.empty_like(some) for some in slow]
    native.agreement_counts(v.task_ptr, slot, place, ptr, *found, threads=threads)
    assert [some.tolist() for some in found] == [some.tolist() for some in slow]


@usual
@given(seed=seeds, n=st.sampled_from([0, 1, 6, 70]), k=st.integers(1, 9), threads=threads)
@example(seed=0, n=20_000, k=3, threads=3)  # enough that they are cut
@example(seed=1, n=20_000, k=9, threads=2)
def test_sums_over_counts(seed: int, n: int, k: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.poisson(0.8, (n, k))
    table[table.sum(1) < 2, 0] += 2
    counts = twin.counts(table)

    draw = rng.integers(0, 2**64, k, dtype=np.uint64)
    key = np.empty(n, np.uint64)
    native.agreement_keys(*counts, draw, key, threads=threads)
    assert (key == twin.keys(table, draw)).all()

    tasks = rng.integers(1, 5, n)
    matrix = np.full((k, k), np.nan)
    native.agreement_coincidences(*counts, table.sum(1), tasks, matrix)
    np.testing.assert_allclose(matrix, twin.coincidences(table, tasks), rtol=1e-12)

    difference, number = rng.random((k, k)), rng.choice([0.0, 1.0, 2.5], k)
    difference = (difference + difference.T) * (1 - np.eye(k))
    found = np.full(n, np.nan)
    native.agreement_differences(*counts, difference, found, threads=threads)
    np.testing.assert_allclose(found, twin.differences(table, difference), rtol=1e-12)
    native.agreement_ratio_differences(*counts, number, found, threads=threads)
    np.testing.assert_allclose(found, twin.differences(table, twin.ratio(number)), rtol=1e-12)
    margin = rng.random(k)
    total = native.agreement_ratio_margins(margin, number)
    assert total == pytest.approx(margin @ twin.ratio(number) @ margin, rel=1e-12)


def with_cohen(x: dict[str, Array]) -> None:
    rooms = {"agree": np.empty(1, np.int64), "chance": np.empty(1)}
    native.agreement_cohen(**x, **rooms, n_classes=1, threads=2)


def with_pairs(x: dict[str, Array]) -> None:
    votes = {name: x[name] for name in x if name not in ("label", "ptr", "second")}
    native.agreement_count_pairs(**votes, n_pairs=np.empty(2, np.int64), least=1, threads=2)
    fill = {"ptr": x["ptr"], "second": x["second"].copy(), "shared": np.empty(1, np.int64)}
    native.agreement_fill_pairs(**votes, **fill, least=1, threads=2)
    with_cohen(x)


@pytest.mark.parametrize("name", list(one_pair()))
def test_indices_out_of_range_are_refused(name: str) -> None:
    with_pairs(one_pair())
    # The second workers are set by fill_pairs.
    call = with_cohen if name == "second" else with_pairs
    for place in range(one_pair()[name].size):
        for value in (-1, 3):
            x = one_pair()
            x[name][place] = value
            with pytest.raises(ValueError, match=r"range|bounds"):
                call(x)
                pytest.fail(f"{name}[{place}] = {value} is taken")


@pytest.mark.parametrize("name", list(one_pair()))
@pytest.mark.parametrize("size", [0, 5])
def test_sizes_that_differ_are_refused(name: str, size: int) -> None:
    x = one_pair()
    x[name] = np.zeros(size, x[name].dtype)
    with pytest.raises(ValueError):
        with_pairs(x)


def test_numbers_of_classes_that_are_none_are_refused() -> None:
    rooms = {"agree": np.empty(1, np.int64), "chance": np.empty(1)}
    for n_classes in (-1, 0, 2**31, 2**62):
        with pytest.raises(ValueError):
            native.agreement_cohen(**one_pair(), **rooms, n_classes=n_classes, threads=1)


def test_more_or_fewer_pairs_than_counted_are_refused() -> None:
    votes = {name: x for name, x in one_pair().items() if name not in ("label", "ptr", "second")}
    for ptr, size in (([0, 2, 2], 2), ([0, 0, 1], 1), ([0, 1, 2], 2)):
        rooms = {"second": np.empty(size, np.int32), "shared": np.empty(size, np.int64)}
        with pytest.raises(ValueError, match="range"):
            native.agreement_fill_pairs(**votes, **rooms, ptr=np.array(ptr), least=1, threads=1)


def test_counts_out_of_range_are_refused() -> None:
    one, two, cuts, real = np.ones(1, np.int32), np.ones(2, np.int32), np.array([0, 1]), np.ones(1)
    key, draw = np.empty(1, np.uint64), np.ones(2, np.uint64)
    square, labels, how = np.ones((2, 2)), np.zeros(1, np.int32), {"threads": 1}
    wrong: list[Any] = [
        lambda: native.agreement_counts(cuts, labels, one, cuts, one.copy(), one.copy(), **how),
        lambda: native.agreement_counts(cuts, labels, -one, cuts, one.copy(), one.copy(), **how),
        lambda: native.agreement_counts(cuts, one, two, cuts, one.copy(), one.copy(), **how),
        lambda: native.agreement_counts(cuts, one, one, cuts[:1], one.copy(), one.copy(), **how),
        lambda: native.agreement_counts(cuts, one, labels, 2 * cuts, two.copy(), two.copy(), **how),
        lambda: native.agreement_counts(cuts + 1, one, labels, cuts, one.copy(), one.copy(), **how),
        lambda: native.agreement_keys(cuts, one + 1, one, draw, key, **how),
        lambda: native.agreement_keys(cuts, -one, one, draw, key, **how),
        lambda: native.agreement_keys(cuts + 1, one, one, draw, key, **how),
        lambda: native.agreement_keys(cuts, one, one, draw, key[:0], **how),
        lambda: native.agreement_keys(cuts[:0], one, one, draw, key, **how),
        lambda: native.agreement_coincidences(cuts, one + 1, one, cuts[1:], cuts[1:], square),
        lambda: native.agreement_coincidences(cuts, one, one, cuts, cuts[1:], square),
        lambda: native.agreement_coincidences(
            cuts, one, one, cuts[1:], cuts[1:], square[:1].copy()
        ),
        lambda: native.agreement_differences(cuts, one + 1, one, square, real.copy(), **how),
        lambda: native.agreement_differences(cuts, one, two, square, real.copy(), **how),
        lambda: native.agreement_differences(cuts, one, one, square, np.ones(2), **how),
        lambda: native.agreement_ratio_differences(cuts, one, one, real, real.copy(), **how),
        lambda: native.agreement_ratio_margins(real, np.ones(2)),
    ]
    for call in wrong:
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        native.agreement_keys(cuts, one.astype(np.int64), one, draw, key, **how)
