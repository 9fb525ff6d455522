"""The loops that put answers in order against their twins, and what they must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.twins import order as twin
from peerannot._loops import native

Array = NDArray[Any]
NONE = np.empty(0, np.int64)
N_TASKS = 5
rows = st.lists(st.tuples(st.integers(0, N_TASKS - 1), st.integers(0, 3), st.integers(0, 3)))
usual = examples(100)


def columns(table: list[tuple[int, int, int]]) -> list[Array]:
    return [np.array([row[c] for row in table], np.int32) for c in range(3)]


@usual
@given(table=rows, by_label=st.booleans(), threads=st.integers(1, 3))
def test_rows_in_order(table: list[tuple[int, int, int]], by_label: bool, threads: int) -> None:
    task, worker, label = columns(table)
    ptr = np.empty(N_TASKS + 1, np.int64)
    native.order_starts(task, ptr)
    assert ptr.tolist() == twin.starts(task, N_TASKS).tolist()
    order = twin.in_order(task, worker, label, by_label)
    for places in (np.empty(task.size, np.int64), NONE):
        workers, labels = np.empty_like(worker), np.empty_like(label)
        native.order_gather(task, worker, label, ptr, workers, labels, places)
        assert workers.tolist() == worker[np.argsort(task, kind="stable")].tolist()
        native.order_sort(ptr, workers, labels, places, by_label=by_label, threads=threads)
        assert workers.tolist() == worker[order].tolist()
        assert labels.tolist() == label[order].tolist()
        assert places.size == 0 or places.tolist() == order.tolist()


@usual
@given(table=rows, in_order=st.booleans())
def test_state(table: list[tuple[int, int, int]], in_order: bool) -> None:
    task, worker, _ = columns(sorted(table) if in_order else table)
    assert native.order_state(task, worker) == twin.state(task, worker)


@usual
@given(table=rows, keep_last=st.booleans(), only_exact=st.booleans())
def test_repeats(table: list[tuple[int, int, int]], keep_last: bool, only_exact: bool) -> None:
    task, worker, label = columns(sorted(table, key=lambda row: row[:2]))
    drop = np.ones(task.size, np.bool_)
    how = {"keep_last": keep_last, "only_exact": only_exact}
    native.order_repeats(task, worker, label, drop, **how)
    assert drop.tolist() == twin.repeats(task, worker, label, **how).tolist()


@usual
@given(table=rows, apart=st.sampled_from([1, 21, 31, 10**8]), threads=st.integers(1, 3))
def test_distinct(table: list[tuple[int, int, int]], apart: int, threads: int) -> None:
    task, _, label = columns(sorted(table, key=lambda row: row[0]))
    label = (label * apart).astype(np.int32)  # to 63, the last of those that are bits, and past it
    ptr = twin.starts(task, N_TASKS)
    size = np.empty(N_TASKS, np.int64)
    slot, place = np.empty_like(label), np.empty_like(label)
    native.order_distinct(ptr, label, size, slot, place, threads=threads)
    for i, (labels, places) in enumerate(twin.distinct(ptr, label)):
        assert slot[ptr[i] : ptr[i] + size[i]].tolist() == labels.tolist()
        assert place[ptr[i] : ptr[i + 1]].tolist() == places.tolist()


def test_numbers_out_of_range_are_refused() -> None:
    one, two = np.zeros(1, np.int32), np.zeros(2, np.int32)
    ptr, room = np.array([0, 1]), np.empty(2, np.int64)
    for bad in (np.array([-1], np.int32), np.array([1], np.int32)):
        with pytest.raises(ValueError, match="range"):
            native.order_starts(bad, room)
        with pytest.raises(ValueError, match="range"):
            native.order_gather(bad, one, one, ptr, one.copy(), one.copy(), NONE)
    for bad_ptr in ([-1, 1], [0, 2], [1, 0], [2, 2]):
        wrong = np.array(bad_ptr)
        with pytest.raises(ValueError, match="range"):
            native.order_sort(wrong, one.copy(), one.copy(), NONE, by_label=False, threads=1)
        with pytest.raises(ValueError, match="range"):
            native.order_gather(one, one, one, wrong - 3, one.copy(), one.copy(), NONE)
        with pytest.raises(ValueError, match="range"):
            native.order_distinct(wrong, one, room[:1], one.copy(), one.copy(), threads=1)
    with pytest.raises(ValueError, match="range"):
        native.order_gather(two, two, two, ptr + 1, two.copy(), two.copy(), NONE)


def test_sizes_that_differ_are_refused() -> None:
    one, two, none = np.zeros(1, np.int32), np.zeros(2, np.int32), np.zeros(0, np.int32)
    ptr, mark = np.array([0, 1]), np.zeros(1, np.bool_)
    wrong: list[Any] = [
        lambda: native.order_state(one, two),
        lambda: native.order_starts(one, NONE),
        lambda: native.order_gather(one, two, one, ptr, one, one, NONE),
        lambda: native.order_gather(one, one, one, ptr, two, one, NONE),
        lambda: native.order_gather(one, one, one, NONE, one, one, NONE),
        lambda: native.order_gather(one, one, one, ptr, one, one, np.zeros(2, np.int64)),
        lambda: native.order_sort(NONE, none, none, NONE, by_label=False, threads=1),
        lambda: native.order_sort(ptr, one, two, NONE, by_label=False, threads=1),
        lambda: native.order_repeats(one, one, two, mark, keep_last=True, only_exact=True),
        lambda: native.order_repeats(two, two, two, mark, keep_last=True, only_exact=True),
        lambda: native.order_distinct(ptr, one, NONE, one, one, threads=1),
        lambda: native.order_distinct(ptr, one, np.zeros(1, np.int64), two, one, threads=1),
    ]
    for call in wrong:
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        native.order_state(one.astype(np.int64), one)
