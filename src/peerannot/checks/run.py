"""The checks of a class, by what it extends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from peerannot._registry import Named
from peerannot.aggregation.base import Strategy
from peerannot.checks.check import Check, run_all
from peerannot.io import Format, Writer

if TYPE_CHECKING:
    from peerannot.allocation import Policy
    from peerannot.learning import EndToEnd

__all__ = [
    "check_end_to_end",
    "check_format",
    "check_policy",
    "check_strategy",
    "check_writer",
    "checks_of",
]


def checks_of(
    cls: type[Named], example: str | Path | None = None, **options: str
) -> Iterator[Check]:
    """The checks of a class, one by one; what each asks is the docstring of its function.

    Parameters
    ----------
    cls
        A class that extends `Strategy`, `Format`, `Writer`, `Policy` or `EndToEnd`, registered or
        not.
    example, **options
        See `check_format` and `check_writer`.

    Raises
    ------
    TypeError
        There are no checks for such a class, or a format has no example.
    AssertionError
        Its `Named.expected_failed_checks` names a check that does not exist, or gives no reason.
    """
    promises = _promises(cls, example, options)
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


def check_format(cls: type[Format], example: str | Path, **options: str) -> None:
    """Ask of an import format what is asked of every one of peerannot.

    Parameters
    ----------
    cls
        The class, registered or not.
    example
        A small export that it reads, a file or a folder; copies of it are damaged.
    **options
        Options that the example needs.

    Raises
    ------
    AssertionError
        A line for each promise that is not kept.
    """
    run_all(cls, list(checks_of(cls, example, **options)))


def check_writer(cls: type[Writer], **options: str) -> None:
    """Ask of an output format what is asked of every one of peerannot.

    Parameters
    ----------
    cls
        The class, registered or not.
    **options
        Options that it cannot be without.

    Raises
    ------
    AssertionError
        A line for each promise that is not kept.
    """
    run_all(cls, list(checks_of(cls, **options)))


def check_policy(cls: type[Policy]) -> None:
    """Ask of a policy of what to label next what is asked of every one of peerannot.

    Parameters
    ----------
    cls
        The class, registered or not, which is built with its defaults.

    Raises
    ------
    AssertionError
        A line for each promise that is not kept.
    """
    run_all(cls, list(checks_of(cls)))


def check_end_to_end(cls: type[EndToEnd]) -> None:
    """Ask of an end-to-end strategy what is asked of every one of peerannot.

    Needs the extra ``deep``. One check trains for seconds.

    Parameters
    ----------
    cls
        The class, registered or not, which is built with its defaults.

    Raises
    ------
    AssertionError
        A line for each promise that is not kept.
    """
    run_all(cls, list(checks_of(cls)))


def _promises(
    cls: type[Named], example: str | Path | None, options: dict[str, str]
) -> dict[str, Callable[[], None]]:
    if isinstance(cls, type) and issubclass(cls, Strategy):
        from peerannot.checks import strategies

        return {name: partial(holds, cls) for name, holds in strategies.PROMISES.items()}
    if isinstance(cls, type) and issubclass(cls, Format):
        from peerannot.checks import formats

        if example is None:
            raise TypeError(f"checks of {cls.__name__} need an export that it reads: example=FILE")
        sample = formats.Example(cls, Path(example), options)
        return {name: partial(holds, sample) for name, holds in formats.PROMISES.items()}
    if isinstance(cls, type) and issubclass(cls, Writer):
        from peerannot.checks import writers

        written = writers.Written(cls, options)
        return {name: partial(holds, written) for name, holds in writers.PROMISES.items()}
    if isinstance(cls, type) and _is_policy(cls):
        from peerannot.checks import policies

        return {name: partial(holds, cls) for name, holds in policies.PROMISES.items()}
    if isinstance(cls, type) and _is_end_to_end(cls):
        from peerannot.checks import end_to_end

        return {name: partial(holds, cls) for name, holds in end_to_end.PROMISES.items()}
    raise TypeError(
        f"there are no checks for {cls!r}: give a class of Strategy, Format, Writer, Policy or"
        " EndToEnd"
    )


def _is_policy(cls: Any) -> TypeGuard[type[Policy]]:
    base = sys.modules.get("peerannot.allocation.base")
    return base is not None and issubclass(cls, base.Policy)


def _is_end_to_end(cls: Any) -> TypeGuard[type[EndToEnd]]:
    """Whether a class is one of end-to-end strategies; without PyTorch nothing is."""
    base = sys.modules.get("peerannot.learning.strategies.base")
    return base is not None and issubclass(cls, base.EndToEnd)
