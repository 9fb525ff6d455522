"""The one way in which the page writes numbers; ``page/script/format.mjs`` says the same.

A number that is not known is a dash. Halves are rounded away from zero, as browsers do: Python
alone rounds .1225 to 12.2% and JavaScript to 12.3%.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["average", "count", "counted", "score", "share"]

_UNKNOWN = "–"


def share(value: float | None) -> str:
    """A share as percent: ``99.3%``, ``25%``, ``<0.1%``.

    One decimal, left away where it is 0. Only 0 and 1 themselves are ``0%`` and ``100%``.
    """
    if value is None:
        return _UNKNOWN
    if 0 < value < 0.001:
        return "<0.1%"
    if 0.999 < value < 1:
        return ">99.9%"
    return average(100 * value) + "%"


def score(value: float | None) -> str:
    """A number that is not a share (entropy, alpha, WAUM): two decimals, ``-0.05``."""
    return _UNKNOWN if value is None else _fixed(value, 2)


def count(value: int) -> str:
    """A whole number: ``12,345``."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """How many of what: ``1 task``, ``1,000 tasks``."""
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def average(value: float) -> str:
    """A mean of counts: one decimal, left away where it is 0."""
    return _fixed(value, 1).removesuffix(".0")


def _fixed(value: float, digits: int) -> str:
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    # Zero has no sign.
    return f"{rounded if rounded else abs(rounded):,}"
