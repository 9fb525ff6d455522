"""Tables to files: CSV, TSV or Parquet by the name's ending, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from peerannot._files import atomic_table
from peerannot._spreadsheet import guarded
from peerannot._text import few
from peerannot.errors import ParameterError

__all__ = ["may_write", "table_text", "write_table"]

SUFFIXES = (".csv", ".parquet", ".tsv")


def may_write(path: Path, *, force: bool, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Check, before any work is done, that a file may be written under this name.

    Raises
    ------
    ParameterError
        The file exists and ``force`` is not set, or its ending is not one of the suffixes.
    """
    if suffixes and path.suffix.lower() not in suffixes:
        raise ParameterError(f"{path}: the name must end in {few(suffixes)}")
    if path.exists() and not force:
        raise ParameterError(f"{path}: exists already; give --force to overwrite it")


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns of equal length as CSV, TSV or Parquet.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    frame = pl.DataFrame(dict(columns))
    with atomic_table(path) as handle:
        if path.suffix.lower() == ".parquet":
            frame.write_parquet(handle)
        else:
            guarded(frame).write_csv(
                handle, separator="\t" if path.suffix.lower() == ".tsv" else ","
            )


def table_text(columns: Mapping[str, Any]) -> str:
    """The same as CSV text."""
    buffer = io.BytesIO()
    guarded(pl.DataFrame(dict(columns))).write_csv(buffer)
    return buffer.getvalue().decode()
