"""Times as files write them, to seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from peerannot.errors import DataError, ParameterError
from peerannot.io.base import moment

__all__ = ["seconds"]

# From 1e11 on, a count of seconds lies beyond the year 5000, one of milliseconds after 1973.
_NOW = (5e8, 5e9)  # seconds of the years 1985 to 2128
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:[ T,]+(.*))?")
_CLOCKS = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_ORDERS = ("mdy", "dmy")


def seconds(
    column: pl.Series, place: Callable[[int], str], name: str, pattern: str | None = None
) -> pl.Series:
    """A column of times as seconds since 1970, float64, null where a cell is empty.

    Parameters
    ----------
    column
        Dates and times, numbers (seconds, or milliseconds and finer where they are large), or
        texts: ISO 8601, ``2015-08-12 10:05:00 UTC``, numbers, or dates with slashes, dots or
        hyphens whose first two parts are month and day in either order. A time without a zone
        is taken as UTC.
    place
        Names a row, for messages.
    name
        Of the column.
    pattern
        ``"mdy"`` or ``"dmy"``, the order of a date with slashes; or all of the pattern, as
        `datetime.strptime` has it. By default the order is found by a part above 12; dots are
        day, month, year.

    Raises
    ------
    DataError
        A text is no time, or none of the dates says which part is the day.
    ParameterError
        The pattern is not one.
    """
    kind = column.dtype
    if kind.is_temporal():
        return column.cast(pl.Datetime("us")).dt.timestamp("us") / 1e6
    if kind.is_numeric():
        numbers = column.cast(pl.Float64).fill_nan(None)
        return _scaled(numbers, lambda row: f"{place(row)}: {name}")
    texts = column.cast(pl.String).str.strip_chars()
    distinct = [text for text in texts.unique(maintain_order=True).to_list() if text]
    known = _read(distinct, pattern, lambda text: f"{place(_row(texts, text))}: {name}")
    values = pl.Series(list(known.values()), dtype=pl.Float64)
    return texts.replace_strict(
        pl.Series(list(known), dtype=pl.String), values, default=None, return_dtype=pl.Float64
    )


def _row(texts: pl.Series, text: str) -> int:
    return int((texts == text).arg_max() or 0)


def _scaled(numbers: pl.Series, where: Callable[[int], str]) -> pl.Series:
    """Seconds; dates of this time in two units are refused, as one would be the older by far."""
    found = [(numbers / unit).is_between(*_NOW).fill_null(False) for unit in (1.0, 1e3, 1e6, 1e9)]
    seen = [rows for rows in found if rows.any()]
    if len(seen) > 1 and sum(int(rows.sum()) for rows in seen) == numbers.count():
        first, other = (int(rows.arg_max() or 0) for rows in seen[:2])
        raise DataError(
            f"{where(max(first, other))}: times are in two units ({numbers[first]:.0f},"
            f" {numbers[other]:.0f}): seconds, milliseconds or finer; give all in one"
        )
    most = numbers.abs().max()
    for limit, unit in _UNITS:
        if isinstance(most, float) and most >= limit:
            return numbers / unit
    return numbers


def _read(
    texts: Sequence[str], pattern: str | None, where: Callable[[str], str]
) -> dict[str, float]:
    if not texts:
        return {}
    if pattern is not None and pattern not in _ORDERS:
        return {text: _by_pattern(text, pattern, where) for text in texts}
    numbers = pl.Series(texts).cast(pl.Float64, strict=False)
    if numbers.null_count() == 0 and bool(numbers.is_finite().all()):
        scaled = _scaled(numbers, lambda row: where(texts[row]))
        return dict(zip(texts, scaled.to_list(), strict=True))
    found, dates = {}, {}
    for text in texts:
        time = None if text.isdecimal() else moment(re.sub(r" ?(UTC|GMT)$", "+00:00", text))
        slashed = _SLASHED.fullmatch(text) if time is None else None
        if slashed is not None:
            dates[text] = slashed
        elif time is None:
            raise DataError(
                f"{where(text)}: {text!r} is not a time; give its pattern, as in --read"
                " time_format='%d %b %Y %H:%M'"
            )
        else:
            found[text] = time
    order = pattern or _order(dates, where)
    for text, parts in dates.items():
        found[text] = _slashed(text, parts, order, where)
    return found


def _order(dates: dict[str, re.Match[str]], where: Callable[[str], str]) -> str:
    """Whether the month comes first, by a part above 12, or because it makes no difference."""
    day_first = next((t for t, d in dates.items() if int(d[1]) > 12 or d[2] == "."), None)
    day_second = next((t for t, d in dates.items() if int(d[3]) > 12), None)
    if day_first is not None and day_second is not None:
        raise DataError(
            f"{where(day_second)}: {day_second!r} has the month first, {day_first!r} the day; give"
            " times in one form"
        )
    if dates and day_first is day_second is None:
        both = [
            [_slashed(text, parts, order, where) for text, parts in dates.items()]
            for order in _ORDERS
        ]
        # What came after what is all that times are for.
        if (np.argsort(both[0], kind="stable") == np.argsort(both[1], kind="stable")).all():
            return "mdy"
        text = next(iter(dates))
        raise DataError(
            f"{where(text)}: {text!r} may have the month first or the day, and so have all others;"
            " give --read time_format=mdy or --read time_format=dmy"
        )
    return "mdy" if day_first is None else "dmy"


def _slashed(
    text: str, parts: re.Match[str], order: str, where: Callable[[str], str]
) -> float:  # fmt: skip
    first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
    month, day = (first, second) if order == "mdy" else (second, first)
    clock = re.sub(r" ?(UTC|GMT|Z)$", "", (parts[5] or "0:00").strip())
    for pattern in _CLOCKS:
        try:
            at = datetime.strptime(clock, pattern)
            return at.replace(
                year if year > 99 else 2000 + year, month, day, tzinfo=UTC
            ).timestamp()
        except ValueError:
            continue
    raise DataError(f"{where(text)}: {text!r} is not a time of the order {order}")


def _by_pattern(text: str, pattern: str, where: Callable[[str], str]) -> float:
    if "%" not in pattern:
        raise ParameterError(
            f"time_format must be mdy, dmy or a pattern as '%d.%m.%Y %H:%M', not {pattern!r}"
        )
    try:
        time = datetime.strptime(text, pattern)
    except ValueError:
        raise DataError(f"{where(text)}: {text!r} does not have the form {pattern}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
