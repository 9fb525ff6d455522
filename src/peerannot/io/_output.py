"""Tables to files: CSV, TSV or Parquet by the name's ending, whole or not at all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import polars as pl

from peerannot._files import atomic_path, atomic_table
from peerannot._spreadsheet import guarded
from peerannot._text import few
from peerannot.errors import ParameterError

__all__ = ["is_table", "may_write", "table_text", "write_frames", "write_table"]

SUFFIXES = (".csv", ".parquet", ".tsv")
# Rows of a group of Parquet: fixed, so that a file is the same however its rows came.
GROUP = 2**18


def is_table(path: str | Path) -> bool:
    """Whether an output is a table by its name, and no folder."""
    return Path(path).suffix.lower() in SUFFIXES and not Path(path).is_dir()


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
            frame.write_parquet(handle, row_group_size=GROUP)
        else:
            _write_csv(frame, path, handle, header=True)


@contextlib.contextmanager
def write_frames(path: Path, scratch: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Write a table a frame at a time: the same bytes as `write_table` writes of all rows.

    Parameters
    ----------
    path
        The file, which is there once the block ends without an error.
    scratch
        A folder for the rows of a file of Parquet until it is put together.

    Raises
    ------
    StorageError
        A file cannot be written.
    """
    rows: list[Path] = []

    def keep(frame: pl.DataFrame) -> None:
        rows.append(scratch / f"rows-{len(rows):06d}.parquet")
        frame.write_parquet(rows[-1], compression="lz4")

    if path.suffix.lower() == ".parquet":
        with atomic_path(path) as temporary:
            yield keep
            pl.scan_parquet(rows).sink_parquet(temporary, row_group_size=GROUP)
        return
    first = True

    def append(frame: pl.DataFrame) -> None:
        nonlocal first
        _write_csv(frame, path, handle, header=first)
        first = False

    with atomic_table(path) as handle:
        yield append


def table_text(columns: Mapping[str, Any] | pl.DataFrame, *, header: bool = True) -> str:
    """A table as CSV text, with or without the names of the columns."""
    buffer = io.BytesIO()
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(dict(columns))
    guarded(frame).write_csv(buffer, include_header=header)
    return buffer.getvalue().decode()


def _write_csv(frame: pl.DataFrame, path: Path, handle: IO[bytes], *, header: bool) -> None:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    guarded(frame).write_csv(handle, include_header=header, separator=separator)
