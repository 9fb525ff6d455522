"""Work on one item while the next is being made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, the next one made by a thread meanwhile.

    For items whose making leaves the interpreter to others: reading, decoding, compiled loops. One
    item more is in memory. What making them raises is raised where it would have been; who stops
    early waits for the item that is being made. They are made with the sizes and threads that are
    set where the first one is asked for.
    """
    left, here = iter(items), copy_context()
    with ThreadPoolExecutor(1, "peerannot-ahead") as thread:
        coming = thread.submit(here.run, _next, left)
        while made := coming.result():
            coming = thread.submit(here.run, _next, left)
            yield made[0]


def _next(left: Iterator[T]) -> tuple[T] | None:
    """The next item, in a tuple since StopIteration does not pass through a future."""
    for item in left:
        return (item,)
    return None
