"""A file, folder or pattern to read, opened once: its bytes, its shape, its first record."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from peerannot import _json
from peerannot._files import NPY_ERRORS
from peerannot._text import did_you_mean, few
from peerannot.errors import DataError, ParameterError
from peerannot.io._cells import cell_text
from peerannot.io._excel import is_workbook, read_sheet
from peerannot.io._frames import to_polars

__all__ = ["START_BYTES", "Shape", "Source", "encoding_of", "reading"]

Shape = Literal[
    "empty", "folder", "json", "matrix", "ndjson", "npy", "parquet", "table", "xml", "zip"
]

HEAD_BYTES = 1 << 16
START_BYTES = 1 << 20
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
    where : tuple of (column, value)
        Rows to read: those that have all these values.
    frame : polars DataFrame or None
        What was given as a frame, or is a sheet of a workbook.
    first_row : int
        How the first row of the frame is counted: in a sheet the header is row 1.
    known_shape : str or None
        The shape of a part of a file, which the whole has said.
    lines_before : int
        Lines of the file before those of a part of it, for messages.
    reached : list of one str
        The place of the last row that was handed on, for messages.
    """

    name: str
    files: tuple[Path, ...] = ()
    folder: Path | None = None
    content: bytes | None = None
    where: tuple[tuple[str, str], ...] = ()
    frame: pl.DataFrame | None = field(default=None, compare=False)
    first_row: int = 1
    known_shape: Shape | None = None
    lines_before: int = 0
    reached: list[str] = field(default_factory=lambda: [""], compare=False, repr=False)

    @classmethod
    def open(
        cls,
        path: Any,
        *,
        where: tuple[tuple[str, str], ...] = (),
        sheet: str | None = None,
    ) -> Source:
        """Find what a path, a pattern (``shards/*.parquet``) or ``-`` (standard input) names.

        Raises
        ------
        DataError
            There is no such file, nothing matches the pattern, or ``where`` is asked of what has
            no rows.
        """
        frame = to_polars(path)
        if frame is not None:
            found = cls("the frame", frame=frame)
        elif not isinstance(path, str | PathLike):
            raise ParameterError(f"{type(path).__name__} is not a path, a frame or a list of them")
        else:
            found = cls._find(str(path))
            if found.folder is None and found.head.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
                raw = found.content_bytes() if len(found.files) < 2 else b""
                if is_workbook(raw):
                    table = read_sheet(raw, found.name, sheet)
                    found = cls(found.name, found.files, frame=table, first_row=2)
        if sheet is not None and found.first_row == 1:
            raise DataError(f"{found.name}: --sheet is for workbooks of Excel")
        found = replace(found, where=where)
        if where and not found.has_rows:
            raise DataError(f"{found.name}: --where is for tables and lists of records")
        return found

    @classmethod
    def _find(cls, text: str) -> Source:
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

    def part(self, file: Path) -> Source:
        """One of the files, as a source."""
        return replace(self, name=str(file), files=(file,), folder=None, content=None)

    @cached_property
    def start(self) -> bytes:
        """The first megabyte of the first file, unpacked where it is a gzip file, in UTF-8."""
        if self.content is not None:
            return _to_utf8(_unpack_start(self.content[:START_BYTES], self.name), cut=True)
        if not self.files:
            return b""
        with reading(self.files[0]):
            with self.files[0].open("rb") as handle:
                start = handle.read(START_BYTES)
            if start.startswith(b"\x1f\x8b"):
                with gzip.open(self.files[0], "rb") as packed:
                    start = packed.read(START_BYTES)
            return _to_utf8(start, cut=True)

    @cached_property
    def head(self) -> bytes:
        """The first bytes of the first file, as `start` has them."""
        return self.start[:HEAD_BYTES]

    @property
    def packed(self) -> bool:
        """Whether the first file is a gzip file."""
        if self.content is not None:
            return self.content.startswith(b"\x1f\x8b")
        with reading(self.files[0]), self.files[0].open("rb") as handle:
            return handle.read(2) == b"\x1f\x8b"

    @property
    def is_whole(self) -> bool:
        """Whether `start` is all there is."""
        return len(self.start) < START_BYTES

    @property
    def recoded(self) -> bool:
        """Whether the bytes of the first file are not those that are read."""
        if self.packed:
            return True
        if self.content is not None:
            return encoding_of(self.content[:HEAD_BYTES]) is not None
        with reading(self.files[0]), self.files[0].open("rb") as handle:
            return encoding_of(handle.read(HEAD_BYTES)) is not None

    @cached_property
    def shape(self) -> Shape:
        """What kind of content it is, by its first bytes."""
        if self.known_shape is not None:
            return self.known_shape
        if self.frame is not None:
            nested = any(kind.is_nested() for kind in self.frame.dtypes)
            return "ndjson" if nested else "table"
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
        if self.frame is not None and not self.files:
            raise DataError(f"{self.name}: a frame cannot be read in this format")
        if self.content is not None:
            raw = self.content
        else:
            if len(self.files) != 1:
                raise DataError(f"{self.name}: expected one file, found {len(self.files)}")
            with reading(self.files[0]):
                raw = self.files[0].read_bytes()
        if not raw.startswith(b"\x1f\x8b"):
            return _to_utf8(raw)
        try:
            with gzip.open(io.BytesIO(raw)) as packed:
                out = packed.read(UNPACKED_LIMIT + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.name}: a damaged or truncated gzip file ({error})") from None
        if len(out) > UNPACKED_LIMIT:
            raise DataError(f"{self.name}: unpacks to more than {UNPACKED_LIMIT >> 30} GiB")
        return _to_utf8(out)

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
            line = raw.count(b"\n", 0, error.start) + 1 + self.lines_before
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
        if self.frame is not None:
            record = next(self.frame.iter_rows(named=True), None)
            return None if record is None else _filled(record)
        if self.shape == "ndjson":
            line = self.head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
            return _json.parse(line)
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
            A line is not JSON, or an entry is not an object; or `where` fits none.
        """
        yield from self.chosen(self._records())

    def row_name(self, row: int) -> str:
        """Place of a row of the frame."""
        return f"{self.name} row {row + self.first_row}"

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.frame is not None:
            for number, record in enumerate(self.frame.iter_rows(named=True)):
                yield self.row_name(number), _filled(record)
            return
        if self.shape == "ndjson":
            for number, line in enumerate(self.text().split("\n"), 1 + self.lines_before):
                if not line.strip():
                    continue
                place = f"{self.name} line {number}"
                yield place, _object(_json.load(line.encode(), place, first_line=None), place)
            return
        document = self.document
        for number, record in enumerate(document if isinstance(document, list) else [document], 1):
            place = f"{self.name} entry {number}"
            yield place, _object(record, place)

    def chosen(self, rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """The rows, each with its place, that `where` asks for."""
        found = not self.where
        for place, record in rows:
            self.reached[0] = place
            if all(cell_text(record.get(column)) == value for column, value in self.where):
                found = True
                yield place, record
        if not found:
            raise DataError(f"{self.name}: no row has {self.condition}")

    @property
    def has_rows(self) -> bool:
        """Whether it is a table or a list of records, of which `where` may choose."""
        if self.shape == "json":
            return isinstance(self.document, list)
        return self.shape in ("ndjson", "parquet", "table")

    @property
    def condition(self) -> str:
        """What `where` asks, for messages."""
        return " and ".join(f"{column}={value}" for column, value in self.where)

    def check_where(self, columns: Sequence[str]) -> None:
        """Refuse a condition on a column that is not there."""
        for column, _ in self.where:
            if column not in columns:
                raise DataError(
                    f"{self.name}: --where: no column {column!r}; there are {few(columns, 12)}"
                    + did_you_mean(column, columns)
                )

    @cached_property
    def preamble(self) -> int:
        """Lines before the header: one where it is ``sep=;``, as Excel has it."""
        return int(_SEPARATOR.match(self.head) is not None)

    @cached_property
    def separator(self) -> str:
        """What a line ``sep=;`` names; else the most of comma, tab and semicolon in the header.

        A bar counts where the header has none of these.
        """
        said = _SEPARATOR.match(self.head)
        if said is not None:
            return said[1].decode()
        line = self.head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0]
        return max(",\t;|", key=lambda mark: (mark != "|" and mark.encode() in line,
                                             line.count(mark.encode())))  # fmt: skip

    @property
    def comma_is_decimal(self) -> bool:
        """Whether "0,9" may be a number: commas do not separate cells."""
        return self.frame is not None or self.shape != "table" or self.separator != ","

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Column names of a CSV or TSV table."""
        if self.frame is not None and self.shape == "table":
            return tuple(self.frame.columns)
        if self.shape not in ("table", "matrix"):
            return ()
        text = _SEPARATOR.sub(b"", self.head).decode("utf-8-sig", errors="replace").lstrip("\r\n")
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
        self.check_where(header)
        yield from self.chosen((place, dict(zip(header, row, strict=True))) for place, row in rows)

    def csv_lists(self) -> Iterator[tuple[str, list[str]]]:
        """Rows as lists, the header first, each with its place."""
        if self.frame is not None:
            yield self.row_name(-1), list(self.frame.columns)
            for number, cells in enumerate(self.frame.iter_rows()):
                yield self.row_name(number), [cell_text(cell) or "" for cell in cells]
            return
        text = io.StringIO(self.text(), newline="")
        for _ in range(self.preamble):
            text.readline()
        reader = csv.reader(text, delimiter=self.separator, strict=True)
        before = self.preamble + self.lines_before
        width, line = None, 1 + before
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self.name} line {line}: not CSV ({error})") from None
            if row is None:
                return
            place, line = f"{self.name} line {line}", reader.line_num + 1 + before
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
        return isinstance(_json.parse(line), dict)
    except orjson.JSONDecodeError:
        return False


def _filled(record: dict[str, Any]) -> dict[str, Any]:
    """A record without keys that have no value: columns of a frame fill up what is not there."""
    return {key: _value(value) for key, value in record.items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return _filled(value)
    return [_value(v) for v in value] if isinstance(value, list) else value


_SEPARATOR = re.compile(rb'\A(?:\xef\xbb\xbf)?"?sep=([^"\r\n])"?\r?\n', re.IGNORECASE)


def encoding_of(start: bytes) -> str | None:
    """UTF-16 or UTF-32 by the mark at the start, or by every second byte; None for UTF-8."""
    if start.startswith((b"PK", b"PAR1", b"\x93NUMPY", b"\x1f\x8b")):
        return None
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    some = start[:64]
    for kind, zeros in (("utf-16-le", some[1::2]), ("utf-16-be", some[::2])):
        if len(some) > 8 and zeros.count(0) > 0.7 * len(zeros) and some.count(0) < 0.6 * len(some):
            return kind
    return None


def _to_utf8(raw: bytes, *, cut: bool = False) -> bytes:
    """Bytes in UTF-8; ``cut`` says that they may end in the middle of a character."""
    kind = encoding_of(raw[:64])
    if kind is None:
        return raw
    try:
        text = codecs.getincrementaldecoder(kind)().decode(raw, final=not cut)
    except UnicodeDecodeError:
        return raw  # that it is not UTF-8 either is said by who reads the text
    return text.removeprefix("\ufeff").encode()


def _unpack_start(start: bytes, name: str) -> bytes:
    if not start.startswith(b"\x1f\x8b"):
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, START_BYTES)
    except zlib.error as error:
        raise DataError(f"{name}: a damaged gzip file ({error})") from None


class reading:
    """Turn what can go wrong while a file is read into a `DataError` that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError | EOFError | zlib.error):
            why = getattr(error, "strerror", None) or str(error)
            raise DataError(f"{self.path}: cannot be read: {why}") from None
