"""Tables of text larger than memory: CSV, TSV and NDJSON as shards of Parquet, a part at a time.

Each part is read as a table of its own by what reads tables in memory, so both take, refuse and
name the same rows.
"""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from peerannot.io._source import START_BYTES, Source, encoding_of, reading
from peerannot.io.float_ids import FloatIds
from peerannot.io.formats.table import as_ids, scan, weights

__all__ = ["TEXT", "as_parquet", "parts_of", "unpacked_bytes"]

TEXT = ("table", "ndjson")  # shapes of files that can be read in parts


def as_parquet(
    source: Source,
    columns: Mapping[str, str],
    folder: Path,
    size: int,
    seen: Mapping[str, FloatIds],
    told: Callable[[int], None],
) -> Iterator[tuple[Path, int]]:
    """Write the rows of one file as shards under the same names of columns; each, and its rows.

    Parameters
    ----------
    source
        A single file.
    columns
        From ``task``, ``worker``, ``label`` and, where there are some, ``weight`` to the column.
    folder
        Where the shards go.
    size
        Bytes of text read at a time, about; a row is never cut.
    seen
        Told the ids of tasks and workers, which may be floats in a table without types.
    told
        Told the bytes of text done.

    Raises
    ------
    DataError
        What the reader in memory would say of the file, with the line.
    """
    for number, part in enumerate(parts_of(source, size)):
        frame, place = scan(part, columns)
        read = [as_ids(frame[what], place, what) for what in ("task", "worker", "label")]
        if "weight" in columns:
            read.append(weights(frame, place, comma=source.comma_is_decimal))
        for ids in read[:2] if source.shape == "table" else []:
            seen[ids.name].add(ids, place)
        file = folder / f"{number:06d}.parquet"
        own = {columns[column.name]: column for column in read}
        pl.DataFrame(own).write_parquet(file, compression="lz4")
        told(len(part.content or b""))
        if frame.height:
            yield file, frame.height


def parts_of(source: Source, size: int) -> Iterator[Source]:
    """Parts of whole rows of a single file of text, each with the header of the file.

    A row may go over several lines where these are quoted: a part ends where as many quotes were
    opened as closed.
    """
    quoted = source.shape == "table"
    head, rest, lines = b"", b"", 0
    begun = not quoted
    for piece in _pieces(source.files[0], size):
        rest += piece
        if not begun:
            end = _end_of_header(rest, source.preamble)
            if not end:
                continue
            head, rest, begun = rest[:end], rest[end:], True
            lines = _lines(head, quoted)
        if end := _end_of_rows(rest, quoted=quoted):
            rows, rest = rest[:end], rest[end:]
            yield _part(source, head, rows, lines)
            lines += _lines(rows, quoted)
    if rest.strip():
        yield _part(source, head, rest, lines)


def unpacked_bytes(source: Source) -> int:
    """Bytes of text of a file; of a gzip file, about, by how its start unpacks."""
    with reading(source.files[0]):
        size = source.files[0].stat().st_size
        if not source.packed:
            return size
        with source.files[0].open("rb") as raw, gzip.open(raw) as packed:
            n = len(packed.read(START_BYTES))
            # What is read ahead of what was unpacked makes it an estimate from below.
            return size * n // max(min(raw.tell(), size), 1)


def _part(source: Source, head: bytes, rows: bytes, lines: int) -> Source:
    return replace(
        source, files=(), content=head + rows, known_shape=source.shape,
        lines_before=lines - _lines(head, source.shape == "table"),
    )  # fmt: skip


def _lines(text: bytes, quoted: bool) -> int:
    """Lines as the reader counts them; in CSV a lone carriage return ends one, too."""
    n = text.count(b"\n")
    return n + text.count(b"\r") - text.count(b"\r\n") if quoted else n


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    """The bytes of a file, unpacked and in UTF-8."""
    with reading(file), file.open("rb") as raw:
        start = raw.read(64)
        raw.seek(0)
        kind = encoding_of(start)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(raw) as packed:
                start = packed.read(64)
                kind = encoding_of(start)
                packed.seek(0)
                yield from _decoded(lambda: packed.read(size), kind)
        else:
            yield from _decoded(lambda: raw.read(size), kind)


def _decoded(read: Callable[[], bytes], kind: str | None) -> Iterator[bytes]:
    decoder = None if kind is None else codecs.getincrementaldecoder(kind)()
    first = True
    while piece := read():
        if decoder is None:
            yield piece
            continue
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if first else text).encode()
        first = False


def _end_of_header(text: bytes, preamble: int) -> int:
    """Where the rows begin; 0 where the header does not end in the text."""
    at = 0
    for _ in range(preamble):
        at = text.find(b"\n", at) + 1
        if not at:
            return 0
    while True:
        end = text.find(b"\n", at) + 1
        if not end:
            return 0
        blank = not text[at:end].removeprefix(b"\xef\xbb\xbf").strip()
        if not blank:
            break
        at = end
    while text.count(b'"', at, end) % 2:
        following = text.find(b"\n", end) + 1
        if not following:
            return 0
        end = following
    return end


def _end_of_rows(text: bytes, *, quoted: bool) -> int:
    """Where the last whole row ends; 0 where there is none."""
    end = text.rfind(b"\n") + 1
    if not quoted:
        return end
    marks = text.count(b'"', 0, end)
    while end and marks % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        marks -= text.count(b'"', before, end)
        end = before
    return end
