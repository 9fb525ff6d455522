"""The checks of a class, by what it extends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from peerannot._registry import Named
from peerannot.aggregation.base import Strategy
from peerannot.checks.check import Check, run_all

__all__ = ["check_strategy", "checks_of"]


def checks_of(cls: type[Named]) -> Iterator[Check]:
    """The checks of a class, one by one; what they ask is the docstring of each function.

    Raises
    ------
    TypeError
        The class extends nothing that there are checks for.
    AssertionError
        Its `Named.expected_failed_checks` names a check that does not exist, or gives no reason.
    """
    promises = _promises(cls)
    expected = cls.expected_failed_checks
    if unknown := expected.keys() - promises.keys():
        raise AssertionError(f"expected_failed_checks: there is no check {sorted(unknown)[0]!r}")
    if silent := [name for name, reason in expected.items() if not reason]:
        raise AssertionError(f"expected_failed_checks: {silent[0]!r} has no reason")
    for name, holds in promises.items():
        yield Check(name, cls, holds, expected.get(name))


def check_strategy(cls: type[Strategy]) -> None:
    """Ask of an aggregation strategy what is asked of every one of peerannot.

    Parameters
    ----------
    cls
        The class, registered or not. `Strategy.for_checks` says how it is built and fitted,
        `Named.expected_failed_checks` what it cannot promise.

    Raises
    ------
    AssertionError
        A line for each promise that is not kept.
    """
    run_all(cls, list(checks_of(cls)))


def _promises(cls: type) -> dict[str, Callable[[Any], None]]:
    if isinstance(cls, type) and issubclass(cls, Strategy):
        from peerannot.checks.strategies import PROMISES

        return PROMISES
    raise TypeError(f"there are no checks for {cls!r}: give a class that extends Strategy")
