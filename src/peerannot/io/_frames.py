"""Frames of other libraries (pandas, pyarrow, and what Narwhals knows) as frames of Polars."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import polars as pl

from peerannot.errors import DataError
from peerannot.io._cells import cell_text

__all__ = ["to_polars"]


def to_polars(data: Any) -> pl.DataFrame | None:
    """A frame as a frame of Polars; None where it is no frame.

    An index of pandas that is not 0, 1, 2, ... becomes the first column, as ``to_csv`` has it.
    Whole numbers that had to become floats beside a missing value stay floats; readers know them.

    Raises
    ------
    DataError
        A column occurs twice.
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if data is None or isinstance(data, str | bytes | PathLike | list | tuple | dict | set):
        return None
    import narwhals as nw

    try:
        frame: Any = nw.from_native(data, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"the frame: {' '.join(str(error).split())}; rename one") from None
    if isinstance(frame, nw.LazyFrame):
        return to_polars(frame.collect(backend="polars").to_native())
    if not isinstance(frame, nw.DataFrame):
        return None
    native: Any = frame.to_native()
    if frame.implementation.is_polars():
        return to_polars(native)
    if frame.implementation.is_pyarrow():
        return pl.DataFrame(pl.from_arrow(native))
    if nw.maybe_get_index(frame) is not None:
        native = _named(native)
    frame = nw.from_native(native)
    return pl.DataFrame([_column(series) for series in frame.iter_columns()])


def _named(native: Any) -> Any:
    """A frame of pandas whose columns are named by text, its index one of them."""
    index = native.index
    counted = index.nlevels == 1 and index.name is None and list(index) == [*range(len(index))]
    if not counted:
        native = native.reset_index()
    return native.set_axis([str(c) for c in native.columns], axis=1)


def _column(series: Any) -> pl.Series:
    name = series.name
    if series.dtype.is_numeric() or series.dtype.is_temporal():
        array = series.to_numpy()
        if array.dtype.kind in "iufM":
            column = pl.Series(name, array)
            return column.fill_nan(None) if column.dtype.is_float() else column
    missing = series.is_null().to_list()
    values = [None if gone else v for v, gone in zip(series.to_list(), missing, strict=True)]
    ordered = getattr(series.dtype, "categories", None)
    if ordered is not None:
        # An ordered Categorical of pandas: its order is that of the classes.
        texts = [cell_text(v) for v in values]
        return pl.Series(name, texts, dtype=pl.Enum([str(cell_text(c)) for c in ordered]))
    kinds = {type(v) for v in values if v is not None}
    if any(hasattr(kind, "__len__") and kind not in (str, bytes) for kind in kinds):
        return _nested(name, values)
    if len(kinds) > 1 or bytes in kinds:
        return pl.Series(name, [cell_text(v) for v in values], dtype=pl.String)
    return pl.Series(name, values, dtype=None if kinds else pl.String, strict=False)


def _nested(name: str, values: Sequence[Any]) -> pl.Series:
    lists = [v.tolist() if hasattr(v, "tolist") else v for v in values]
    try:
        return pl.Series(name, lists, strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        raise DataError(
            f"the frame: the column {name!r} holds lists or objects of different kinds"
        ) from None
