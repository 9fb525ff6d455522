"""A file, folder or pattern to read, opened once: its bytes, its shape, its first record."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from peerannot import _json
from peerannot._files import NPY_ERRORS
from peerannot.errors import DataError

__all__ = ["Shape", "Source"]

Shape = Literal[
    "empty", "folder", "json", "matrix", "ndjson", "npy", "parquet", "table", "xml", "zip"
]

HEAD_BYTES = 1 << 16
UNPACKED_LIMIT = 4 << 30  # bytes that one compressed text may unpack to, against zip bombs
_SHARDS = "*.parquet"


@dataclass(frozen=True)
class Source:
    """What a user named to be read.

    Attributes
    ----------
    name : str
        As typed, for messages.
    files : tuple of Path
        The file, or the files of a folder or of a pattern, sorted.
    folder : Path or None
        The folder, where one was named.
    content : bytes or None
        What came from standard input or from a member of an archive.
    """

    name: str
    files: tuple[Path, ...] = ()
    folder: Path | None = None
    content: bytes | None = None

    @classmethod
    def open(cls, path: str | Path) -> Source:
        """Find what a path, a pattern (``shards/*.parquet``) or ``-`` (standard input) names.

        Raises
        ------
        DataError
            There is no such file, or nothing matches the pattern.
        """
        text = str(path)
        if text == "-":
            return cls("standard input", content=sys.stdin.buffer.read())
        at = Path(text)
        if at.is_dir() and (at / "metadata.json").exists() and (at / "answers.json").exists():
            # A data set: Parquet files in it are not votes of their own.
            return cls(text, folder=at)
        if at.is_dir():
            shards = sorted(at.glob(_SHARDS)) or sorted(at.glob(f"**/{_SHARDS}"))
            return cls(text, tuple(shards), folder=at)
        if at.exists():
            return cls(text, (at,))
        if glob.has_magic(text):
            root = Path(at.anchor) if at.anchor else Path()
            found = sorted(root.glob(str(at.relative_to(at.anchor) if at.anchor else at)))
            files = tuple(p for p in found if p.is_file())
            if not files:
                raise DataError(f"{text}: no file matches this pattern")
            return cls(text, files)
        raise DataError(f"{text}: no such file")

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the first file, unpacked where it is a gzip file."""
        if self.content is not None:
            return _unpack_head(self.content[:HEAD_BYTES], self.name)
        if not self.files:
            return b""
        with _reading(self.files[0]):
            with self.files[0].open("rb") as handle:
                start = handle.read(HEAD_BYTES)
            if not start.startswith(b"\x1f\x8b"):
                return start
            with gzip.open(self.files[0], "rb") as packed:
                return packed.read(HEAD_BYTES)

    @property
    def packed(self) -> bool:
        """Whether the first file is a gzip file."""
        if self.content is not None:
            return self.content.startswith(b"\x1f\x8b")
        with _reading(self.files[0]), self.files[0].open("rb") as handle:
            return handle.read(2) == b"\x1f\x8b"

    @cached_property
    def shape(self) -> Shape:
        """What kind of content it is, by its first bytes."""
        if self.folder is not None and not self.files:
            return "folder"
        head = self.head
        if head.startswith(b"PAR1"):
            return "parquet"
        if head.startswith(b"\x93NUMPY"):
            return "npy"
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return "zip"
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not text:
            return "empty"
        if text.startswith(b"<"):
            return "xml"
        if text.startswith(b"["):
            return "json"
        if text.startswith(b"{"):
            line, newline, rest = text.partition(b"\n")
            return "ndjson" if newline and rest.strip() and _is_object(line) else "json"
        complete = text if len(head) < HEAD_BYTES else text[: text.rfind(b"\n") + 1]
        rows = complete.splitlines()
        number = re.compile(rb"\s*-?\d+(\s+-?\d+)+\s*")
        return "matrix" if rows and all(map(number.fullmatch, rows)) else "table"

    def content_bytes(self) -> bytes:
        """All of a single file, unpacked where it is a gzip file.

        Raises
        ------
        DataError
            It is not one file, cannot be read, or unpacks to more than 4 GiB.
        """
        if self.content is not None:
            raw = self.content
        else:
            if len(self.files) != 1:
                raise DataError(f"{self.name}: expected one file, found {len(self.files)}")
            with _reading(self.files[0]):
                raw = self.files[0].read_bytes()
        if not raw.startswith(b"\x1f\x8b"):
            return raw
        try:
            with gzip.open(io.BytesIO(raw)) as packed:
                out = packed.read(UNPACKED_LIMIT + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.name}: a damaged or truncated gzip file ({error})") from None
        if len(out) > UNPACKED_LIMIT:
            raise DataError(f"{self.name}: unpacks to more than {UNPACKED_LIMIT >> 30} GiB")
        return out

    def text(self) -> str:
        """All of a single file as text.

        Raises
        ------
        DataError
            It is not UTF-8; the message has the line.
        """
        raw = self.content_bytes()
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{self.name} line {line}: not UTF-8; save the file in UTF-8 and try again"
            ) from None

    def array(self) -> NDArray[Any]:
        """The array of a ``.npy`` file, without unpickling.

        Raises
        ------
        DataError
            It is damaged or holds Python objects.
        """
        try:
            with warnings.catch_warnings():
                # A file of Python 2 loads as any other; that it is old is of no use to know.
                warnings.simplefilter("ignore", UserWarning)
                array = np.load(io.BytesIO(self.content_bytes()), allow_pickle=False)
        except (OSError, *NPY_ERRORS) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.name}: not a usable .npy file, it is damaged") from None
        if not isinstance(array, np.ndarray):
            raise DataError(f"{self.name}: an .npz archive, expected a .npy file")
        return array

    @cached_property
    def document(self) -> Any:
        """The whole of a JSON file.

        Raises
        ------
        DataError
            It is not JSON, or an object has a key twice; the message has the line.
        """
        return _json.load(self.content_bytes(), self.name)

    @cached_property
    def first(self) -> Any:
        """The first record of a JSON list or of NDJSON, a JSON object itself; else None."""
        if self.shape == "ndjson":
            line = self.head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
            return orjson.loads(line)
        if self.shape != "json":
            return None
        if isinstance(self.document, list):
            return self.document[0] if self.document else None
        return self.document

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Objects of a JSON list or of NDJSON, each with its place.

        Raises
        ------
        DataError
            A line is not JSON, or an entry is not an object.
        """
        if self.shape == "ndjson":
            for number, line in enumerate(self.text().split("\n"), 1):
                if not line.strip():
                    continue
                place = f"{self.name} line {number}"
                yield place, _object(_json.load(line.encode(), place, first_line=None), place)
            return
        document = self.document
        for number, record in enumerate(document if isinstance(document, list) else [document], 1):
            place = f"{self.name} entry {number}"
            yield place, _object(record, place)

    @cached_property
    def separator(self) -> str:
        """Comma, tab or semicolon: the one that the first line holds most of."""
        line = self.head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0]
        return max(",\t;", key=lambda mark: line.count(mark.encode()))

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Column names of a CSV or TSV table."""
        if self.shape not in ("table", "matrix"):
            return ()
        text = self.head.decode("utf-8-sig", errors="replace").lstrip("\r\n")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator)
        try:
            return tuple(next(rows, ()))
        except csv.Error:
            return ()

    def csv_rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Rows of a CSV or TSV table by column, each with its place; blank lines are passed over.

        Raises
        ------
        DataError
            The file is not UTF-8, a column occurs twice, or a row has more or fewer cells than
            the header.
        """
        rows = self.csv_lists()
        _, header = next(rows, ("", []))
        check_header(self.name, header)
        for place, row in rows:
            yield place, dict(zip(header, row, strict=True))

    def csv_lists(self) -> Iterator[tuple[str, list[str]]]:
        """Rows as lists, the header first, each with its place."""
        reader = csv.reader(
            io.StringIO(self.text(), newline=""), delimiter=self.separator, strict=True
        )
        width, line = None, 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self.name} line {line}: not CSV ({error})") from None
            if row is None:
                return
            place, line = f"{self.name} line {line}", reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            width = width or len(row)
            if len(row) != width:
                raise DataError(f"{place}: {len(row)} cells, the header has {width}")
            yield place, row

    def members(self) -> dict[str, bytes]:
        """Files of a zip archive by name, folders left out.

        Raises
        ------
        DataError
            The archive is damaged, encrypted, or unpacks to more than 4 GiB.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(self.content_bytes())) as archive:
                entries = [e for e in archive.infolist() if not e.is_dir()]
                if sum(e.file_size for e in entries) > UNPACKED_LIMIT:
                    raise DataError(f"{self.name}: unpacks to more than {UNPACKED_LIMIT >> 30} GiB")
                return {e.filename: _member(archive, e) for e in entries}
        except (
            zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError,
            ValueError,
        ) as error:  # fmt: skip
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.name}: a damaged or encrypted zip file ({error})") from None


def check_header(name: str, header: list[str] | tuple[str, ...]) -> None:
    """Refuse a header with a column that occurs twice."""
    twice = [c for i, c in enumerate(header) if c in header[:i]]
    if twice:
        raise DataError(f"{name}: the column {twice[0]!r} occurs twice; rename one")


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    # Images of an export are not read, and a false size in the directory does no harm.
    if not entry.filename.lower().endswith((".json", ".jsonl", ".csv", ".xml", ".txt")):
        return b""
    with archive.open(entry) as handle:
        return handle.read(entry.file_size + 1)


def _object(record: Any, place: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(f"{place}: expected a JSON object, found {type(record).__name__}")
    return record


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _unpack_head(start: bytes, name: str) -> bytes:
    if not start.startswith(b"\x1f\x8b"):
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, HEAD_BYTES)
    except zlib.error as error:
        raise DataError(f"{name}: a damaged gzip file ({error})") from None


class _reading:
    """Turn what can go wrong while a file is read into a `DataError` that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError | EOFError | zlib.error):
            why = getattr(error, "strerror", None) or str(error)
            raise DataError(f"{self.path}: cannot be read: {why}") from None
