"""Texts that a spreadsheet would take for formulas, in tables of CSV.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is run as a formula by Excel, LibreOffice and
Google Sheets, also out of a CSV file. An apostrophe before it makes it a text there. It also
changes the text for every other reader, so it is done only on request; the request holds for all
that is written while it lasts, since no writer of CSV may be forgotten.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["guarded", "guarding", "spreadsheet_safe"]

# Also the wide forms of the signs, and what a spreadsheet passes over before it looks for a sign.
_BEGINNINGS = r"^([=+\-@\t\r\n]|＝|＋|－|＠)"

_on: ContextVar[bool] = ContextVar("spreadsheet_safe", default=False)


@contextlib.contextmanager
def spreadsheet_safe() -> Iterator[None]:
    """Guard all tables of CSV that are written in this block."""
    before = _on.set(True)
    try:
        yield
    finally:
        _on.reset(before)


def guarding() -> bool:
    """Whether tables of CSV are guarded now."""
    return _on.get()


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, or with an apostrophe before each text, and name of a column, that may be run."""
    if not _on.get():
        return frame
    import polars as pl

    columns = pl.Series(frame.columns, dtype=pl.String).str.replace(_BEGINNINGS, "'$1")
    return frame.with_columns(pl.col(pl.String).str.replace(_BEGINNINGS, "'$1")).rename(
        dict(zip(frame.columns, columns.to_list(), strict=True))
    )
