"""How many examples are tried: a part of them, or all with ``PEERANNOT_TEST_THOROUGH=1``.

Examples are the same in every run (see ``conftest.py``), so those that are left out by default are
for who changes what they test, and for releases: ``make thorough``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from hypothesis import settings

from helpers.thorough import THOROUGH

__all__ = ["examples", "part_of"]

T = TypeVar("T")


def examples(n: int, **more: Any) -> settings:
    """Settings of a property test that tries ``n`` examples at most; by default a third."""
    return settings(max_examples=n if THOROUGH else max(n // 3, 5), deadline=None, **more)


def part_of(things: Iterable[T], which: int, of: int = 2) -> Iterator[T]:
    """Every ``of``-th of several things from the one at ``which``; all where that is asked for.

    For tests that try the same things in ``of`` ways: each thing is tried in one of them.
    """
    return (thing for i, thing in enumerate(things) if THOROUGH or i % of == which)
