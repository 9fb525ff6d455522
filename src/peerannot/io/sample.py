"""The first rows of a table as text: what columns hold, before any of them is read whole."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import polars as pl

from peerannot._no_answer import NO_ANSWER, WIDE_BLANK
from peerannot.io._cells import cell_text
from peerannot.io._source import Source

__all__ = ["Sample", "sample", "texts"]

ROWS = 10_000
_WHOLE = r"^(-?\d+)\.0+$"


@dataclass(frozen=True)
class Sample:
    """Some rows of a table.

    Attributes
    ----------
    frame : polars DataFrame
        Columns as text, null where a cell is empty or stands for no answer.
    nested : frozenset of str
        Columns that hold lists or objects; in ``frame`` they are null.
    """

    frame: pl.DataFrame
    nested: frozenset[str]

    def filled(self, column: str) -> int:
        """Cells that are not empty."""
        return self.frame.height - self.frame[column].null_count()

    def distinct(self, column: str) -> int:
        """Different values, empty cells aside."""
        return self.frame[column].drop_nulls().n_unique()

    def values(self, column: str) -> set[str]:
        """The different values, empty cells aside."""
        return set(self.frame[column].drop_nulls().unique().to_list())


def sample(source: Source, columns: tuple[str, ...], *, wide: bool = False) -> Sample:
    """Up to 10,000 rows from the start of a table; none where they cannot be read.

    In a ``wide`` one, nan and none are no answer in capitals and small letters alike.

    Faults of a file are left to its reader, which knows their line.
    """
    try:
        frame = _head(source, columns)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        frame = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    nested = frozenset(c for c in frame.columns if _is_nested(frame[c].dtype))
    blank = pl.Series(sorted(NO_ANSWER)).implode()
    cells = []
    for name, kind in frame.schema.items():
        if name in nested:
            cells.append(pl.lit(pl.Series(name, [None] * frame.height, dtype=pl.String)))
            continue
        text = _text(pl.col(name), kind).str.replace(_WHOLE, "$1")
        gone = text.str.strip_chars().is_in(blank)
        if wide:
            gone |= text.str.strip_chars().str.to_lowercase().is_in(sorted(WIDE_BLANK))
        cells.append(pl.when(~gone).then(text).alias(name))
    table = frame.select(cells)
    for name, value in source.where:
        if name in table.columns:
            table = table.filter(pl.col(name) == value)
    return Sample(table, nested)


def texts(column: pl.Series) -> pl.Series:
    """A column as text: whole numbers that had to become floats are whole again."""
    if _is_nested(column.dtype):
        return pl.Series(column.name, [None] * column.len(), dtype=pl.String)
    return column.to_frame().select(_text(pl.col(column.name), column.dtype)).to_series()


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if not kind.is_float():
        return column.cast(pl.String)
    return column.fill_nan(None).cast(pl.String).str.replace(_WHOLE, "$1")


def _is_nested(kind: Any) -> bool:
    return isinstance(kind, pl.List | pl.Array | pl.Struct | pl.Object)


def _head(source: Source, columns: tuple[str, ...]) -> pl.DataFrame:
    if source.frame is not None:
        return source.frame.head(ROWS)
    if source.shape == "parquet":
        first: Any = source.files[0] if source.files else io.BytesIO(source.content_bytes())
        return pl.scan_parquet(first).head(ROWS).collect()
    if source.shape == "table":
        start = source.start
        return pl.read_csv(
            io.BytesIO(start if source.is_whole else start[: start.rfind(b"\n") + 1] or start),
            separator=source.separator,
            skip_rows=source.preamble,
            n_rows=ROWS,
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    if source.shape == "ndjson":
        lines = source.start.splitlines()[: ROWS + 1]
        complete = lines if len(lines) < 2 or source.is_whole else lines[:-1]
        return _of_records([orjson.loads(line) for line in complete if line.strip()], columns)
    document = source.document
    return _of_records(list(islice(document, ROWS)) if isinstance(document, list) else [], columns)


def _of_records(records: list[Any], columns: tuple[str, ...]) -> pl.DataFrame:
    rows = [r for r in records if isinstance(r, Mapping)]
    parts = {}
    for column in dict.fromkeys([*columns, *(str(k) for r in rows for k in r)]):
        cells = [r.get(column) for r in rows]
        if any(isinstance(cell, list | dict) for cell in cells):
            parts[column] = pl.Series(column, [[]] * len(rows), dtype=pl.List(pl.String))
        else:
            parts[column] = pl.Series(column, [*map(cell_text, cells)], dtype=pl.String)
    return pl.DataFrame(parts)
