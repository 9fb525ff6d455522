"""Items that a thread makes ahead: the same, in order, errors in their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from helpers.waiting import PATIENCE
from peerannot._ahead import ahead
from peerannot._sizes import Sizes, sizes, with_sizes
from peerannot._threads import threads, with_threads


def test_the_same_items_in_order():
    assert list(ahead([])) == []
    assert list(ahead(iter([3, None, 0, 1]))) == [3, None, 0, 1]


def test_the_next_is_made_while_one_is_worked_on():
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    for item in ahead(items()):
        if item == 1:
            assert second.wait(timeout=PATIENCE)


def test_items_are_made_with_the_sizes_and_threads_of_who_asks():
    with with_sizes(Sizes(dense=7)), with_threads(3):
        found = ahead((sizes().dense, threads()) for _ in range(3))
        assert list(found) == [(7, 3)] * 3


def test_one_item_ahead_and_no_more():
    made = []

    def items() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            yield i

    coming = ahead(items())
    assert next(coming) == 0
    coming.close()
    assert made == [0, 1]


def test_an_error_comes_after_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(coming)
