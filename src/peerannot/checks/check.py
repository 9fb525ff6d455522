"""What a check is, and how it says that something does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peerannot._registry import Named
from peerannot._threads import with_threads

__all__ = ["Check", "must", "must_raise", "run_all"]


@dataclass(frozen=True)
class Check:
    """One promise of a class; calling it tries whether the promise is kept.

    Attributes
    ----------
    name : str
    subject : type
        The class.
    holds : callable
        Raises where the promise is not kept.
    reason : str or None
        Why the class cannot keep the promise (`Named.expected_failed_checks`); the check then
        asks that it does not, so that no reason outlives its cause.
    """

    name: str
    subject: type[Named]
    holds: Callable[[], None]
    reason: str | None = None

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Try it.

        Raises
        ------
        AssertionError
            The promise is not kept, or kept against expectation.
        Exception
            Whatever the class raised.
        """
        # Threads cost more than they bring on data this small.
        with with_threads(1):
            if self.reason is None:
                self.holds()
                return
            try:
                self.holds()
            except Exception:
                return
        raise AssertionError(
            f"it holds, though expected_failed_checks of {self.subject.__name__} says"
            f" {self.reason!r}; take {self.name!r} out of it"
        )


def run_all(subject: type[Named], checks: list[Check]) -> None:
    """Run checks; one AssertionError tells of all that do not hold.

    Raises
    ------
    AssertionError
        Some promise is not kept.
    """
    wrong: list[tuple[Check, Exception]] = []
    for check in checks:
        try:
            check()
        except Exception as error:
            wrong.append((check, error))
    if wrong:
        lines = [f"  {check}: {_said(error)}" for check, error in wrong]
        raise AssertionError(
            f"{subject.__name__} does not keep {len(wrong)} of {len(checks)} promises:\n"
            + "\n".join(lines)
        ) from wrong[0][1]


def _said(error: Exception) -> str:
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())


def must(holds: Any, what: str) -> None:
    """Say what is wrong where something does not hold; unlike ``assert``, under ``-O``, too."""
    if not holds:
        raise AssertionError(what)


def must_raise(
    kind: type[Exception], said: str, call: Callable[[], object], *, instead: str
) -> None:
    """Ask that a call ends in an error of one line that has some words.

    Parameters
    ----------
    instead
        What it means if it does not: ``"max_iter=0 is taken"``.
    """
    try:
        call()
    except kind as error:
        text = str(error).strip()
        good = said in text and "\n" not in text
        must(good, f"the message should be a line with {said!r}: {text!r}")
        return
    raise AssertionError(f"{instead}; {kind.__name__} was expected")
