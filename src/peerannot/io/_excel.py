"""Workbooks: a sheet of an .xlsx, .xlsb, .xls or .ods file as a table of text."""

from __future__ import annotations

import io
import zipfile

import polars as pl

from peerannot._optional import require
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError

__all__ = ["is_workbook", "read_sheet"]

_PARTS = ({"xl/workbook.xml"}, {"xl/workbook.bin"}, {"content.xml", "mimetype"})
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # a compound file, as .xls is


def is_workbook(raw: bytes) -> bool:
    """Whether the bytes of a file are a workbook."""
    if raw.startswith(_OLD):
        return True
    if not raw.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return any(parts <= names for parts in _PARTS)


def read_sheet(raw: bytes, name: str, sheet: str | None) -> pl.DataFrame:
    """A sheet as text, its first row the header.

    Parameters
    ----------
    raw
        The file.
    name
        Of the file, for messages.
    sheet
        Name of the sheet, or its number from 1; it may be None where only one is filled.

    Raises
    ------
    MissingDependencyError
        The extra ``excel`` is not installed.
    DataError
        The file is damaged, there is no such sheet, or several are filled and none is named.
    """
    fastexcel = require("fastexcel", extra="excel", feature=f"{name}: an Excel workbook")
    try:
        book = fastexcel.read_excel(raw)
        names = list(book.sheet_names)
        if sheet is None:
            names = [n for n in names if book.load_sheet(n, header_row=None).height] or names
        elif sheet not in names and sheet.isdecimal() and 0 < int(sheet) <= len(names):
            sheet = names[int(sheet) - 1]
        if sheet is None and len(names) > 1:
            raise DataError(
                f"{name}: the workbook has several sheets ({few(names, 12)}); say which with"
                " --sheet"
            )
        if sheet is not None and sheet not in names:
            raise DataError(
                f"{name}: no sheet {sheet!r}; there are {few(names, 12)}"
                + did_you_mean(sheet, names)
            )
        cells = book.load_sheet(sheet or names[0], header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{name}: the workbook cannot be read ({reason})") from None
    if cells.height == 0:
        raise DataError(f"{name}: the sheet is empty")
    header = [text or "" for text in cells.row(0)]
    twice = [c for i, c in enumerate(header) if c in header[:i] and c]
    if twice:
        raise DataError(f"{name}: the column {twice[0]!r} occurs twice; rename one")
    filled = cells.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    cells = cells[1 : int(filled[-1]) + 1]  # formatted rows after the last are no rows
    named = [
        column.alias(text or ("" if i == 0 else f"column {i + 1}"))
        for i, (column, text) in enumerate(zip(cells, header, strict=True))
        if text or column.null_count() < cells.height
    ]
    return pl.DataFrame(named)
