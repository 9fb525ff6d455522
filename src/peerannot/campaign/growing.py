"""Files that grow, as a whole at one moment: without the half line that is being written."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from peerannot.errors import AwayError, DataError
from peerannot.io import Source

__all__ = ["mark", "snapshot", "votes_files"]

_LINES = ("table", "ndjson", "matrix", "empty")
# Names of files that are written under another one first, or are none of votes.
_PASSED = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")


def votes_files(path: Path, without: Collection[Path]) -> list[Path]:
    """The file, or the files in a folder, by name; those that are written by us left out.

    Raises
    ------
    AwayError
        There is no such file or folder now.
    """
    if path.is_dir():
        ours = {file.resolve() for file in without}
        return sorted(
            file
            for file in path.iterdir()
            if file.is_file()
            and not file.name.startswith(".")
            and not file.name.endswith(_PASSED)
            and file.resolve() not in ours
        )
    if not path.exists():
        raise AwayError(f"{path}: no such file yet")
    return [path]


def mark(files: list[Path]) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file does.

    Raises
    ------
    AwayError
        A file has just gone.
    """
    try:
        stats = [(str(file), file.stat()) for file in files]
    except OSError as error:
        raise AwayError(f"{error.filename}: {error.strerror}") from None
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def snapshot(file: Path, folder: Path) -> Path | None:
    """Copy what is whole of a file into a folder, under its own name; None where nothing is.

    Of lines those that are ended; of a table no row whose quotes are not closed. A file of
    Parquet or JSON is whole or not.

    Raises
    ------
    AwayError
        It is being written.
    """
    copy = folder / file.name
    try:
        shutil.copyfile(file, copy)
    except OSError as error:
        raise AwayError(f"{file}: {error.strerror}") from None
    source = Source.open(copy)
    shape = source.shape
    if shape == "parquet":
        _whole_parquet(file, copy)
    elif shape == "json" and not _one_line(copy):
        try:
            _ = source.document
        except DataError:
            raise AwayError(f"{file}: not whole yet, or no JSON") from None
    elif (shape in _LINES or shape == "json") and not source.recoded:
        size = _whole_lines(copy.read_bytes(), quoted=shape == "table")
        if not size:
            return None
        with copy.open("r+b") as handle:
            handle.truncate(size)
        if shape == "table" and copy.read_bytes().count(b"\n") < 2:
            # A header, which says nothing yet.
            return None
    return copy


def _whole_parquet(file: Path, copy: Path) -> None:
    with copy.open("rb") as handle:
        handle.seek(0, 2)
        handle.seek(max(handle.tell() - 4, 0))
        if handle.read() != b"PAR1":
            raise AwayError(f"{file}: not whole yet: the end of a file of Parquet is missing")


def _one_line(copy: Path) -> bool:
    """Whether it may be the first line of NDJSON, not a document over several."""
    content = copy.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    return content.startswith(b"{") and b"\n" not in content


def _whole_lines(content: bytes, *, quoted: bool) -> int:
    """Bytes up to the end of the last line that is whole."""
    end = content.rfind(b"\n") + 1
    if quoted and content.count(b'"', 0, end) % 2:
        # The row with the last quote is not at its end.
        end = content.rfind(b"\n", 0, content.rfind(b'"', 0, end)) + 1
    return end
