"""What every import format promises."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from peerannot._options import check, from_text
from peerannot.checks.check import must
from peerannot.checks.options import must_refuse_bad_options
from peerannot.errors import DataError, ParameterError
from peerannot.io import CERTAIN, FORMATS, NO, PLAUSIBLE, Format, RowFormat, Source, Votes

__all__ = ["PROMISES", "Example", "damaged", "with_other_values"]


@dataclass(frozen=True)
class Example:
    """A format, and a small export that it reads."""

    cls: type[Format]
    path: Path
    options: Mapping[str, str]

    def read(self, path: Path | None = None) -> Votes:
        """The votes as the reader hands them on: nothing turns its faults into messages."""
        return from_text(self.cls, self.options).read(Source.open(path or self.path))


PROMISES: dict[str, Callable[[Example], None]] = {}
"""Each check by its name; its docstring says what is asked."""


def promise(function: Callable[[Example], None]) -> Callable[[Example], None]:
    PROMISES[function.__name__] = function
    return function


@promise
def gives_answers(example: Example) -> None:
    """Tasks and workers are texts or whole numbers, never missing; each row has a place."""
    votes = example.read()
    must(isinstance(votes, Votes), f"read gives {type(votes).__name__}, not Votes")
    frame = votes.frame
    must(frame.height > 0, "the example has no answers")
    for column in ("task", "worker", "label"):
        must(column in frame.columns, f"the frame has no column {column!r}")
    for column in ("task", "worker"):
        must(frame[column].null_count() == 0, f"a {column} is missing")
        must("" not in frame[column].cast(str).to_list(), f"a {column} is an empty text")
    for row in range(min(frame.height, 100)):
        place = votes.place(row)
        must(isinstance(place, str) and place.strip(), f"row {row} has no place")
        must("\n" not in place, f"the place of row {row} is several lines")


@promise
def is_found_by_content(example: Example) -> None:
    """``sniff`` knows the example, and is surer of it than any other format."""
    source = Source.open(example.path)
    sure = example.cls.sniff(source, example.options)
    must(sure in (PLAUSIBLE, CERTAIN), f"sniff gives {sure!r} for the example")
    for name in FORMATS:
        other = FORMATS[name]
        if other is not example.cls and example.options.keys() <= {f.name for f in fields(other)}:
            found = other.sniff(source, example.options)
            must(found < sure, f"{name} is as sure of the example ({found} beside {sure})")


_OTHERS = {
    "an empty object": b"{}",
    "an empty list": b"[]",
    "a list of numbers": b"[1, 2]",
    "records": b'[{"a": 1, "b": null}]',
    "lines of JSON": b'{"a": 1}\n{"a": [2]}\n',
    "a table": b"a,b\n1,2\n3,4\n",
    "XML": b"<a><b/></a>",
    "a text": b"hello\n",
    "bytes": b"\x00\x01\xff",
}


@promise
def leaves_the_files_of_others(example: Example) -> None:
    """``sniff`` is not certain of what anyone may have, and raises nothing but a DataError."""
    with tempfile.TemporaryDirectory() as folder:
        for what, content in _OTHERS.items():
            file = Path(folder) / "other"
            file.write_bytes(content)
            try:
                sure = example.cls.sniff(Source.open(file), {})
            except DataError:
                continue
            except Exception as error:
                raise AssertionError(f"sniff of {what}: {type(error).__name__}: {error}") from error
            must(sure in (NO, PLAUSIBLE), f"sniff gives {sure!r} for {what}")


@promise
def is_deterministic(example: Example) -> None:
    """The same export gives the same rows."""
    one, two = example.read(), example.read()
    must(one.frame.equals(two.frame), "read twice, rows differ")
    must(one.gold == two.gold and one.images == two.images, "read twice, gold or images differ")


@promise
def says_what_is_damaged(example: Example) -> None:
    """Cut or changed bytes end in a message of one line, or in answers; never anything else."""
    with _copy(example.path) as (path, file):
        content = file.read_bytes()
        for broken in damaged(content, random.Random(0), 20):
            file.write_bytes(broken)
            _attempt(example, path, broken)


@promise
def says_what_is_of_another_kind(example: Example) -> None:
    """A sound file with another value at one place ends in a message of one line, or in answers."""
    with _copy(example.path) as (path, file):
        for changed in with_other_values(file.read_bytes(), random.Random(0), 40):
            file.write_text(changed, encoding="utf-8")
            _attempt(example, path, changed.encode())


@promise
def refuses_options_out_of_range(example: Example) -> None:
    """Every option is made with ``option``, and a value that it cannot have is an error."""
    must_refuse_bad_options(example.cls, check)


@promise
def is_documented(example: Example) -> None:
    """The docstring has every option."""
    cls = example.cls
    must((cls.__doc__ or "").strip(), "there is no docstring")
    told = "".join(base.__doc__ or "" for base in cls.__mro__ if base is not RowFormat)
    inherited = {f.name for f in fields(RowFormat)}
    for option in {f.name for f in fields(cls)} - inherited:
        must(option in told, f"the docstring does not tell of {option!r}")


@contextmanager
def _copy(path: Path) -> Iterator[tuple[Path, Path]]:
    """A copy of an example, and a file of it to damage."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        if path.is_dir():
            shutil.copytree(path, copy)
            yield copy, min(file for file in copy.rglob("*") if file.is_file())
        else:
            shutil.copyfile(path, copy)
            yield copy, copy


def _attempt(example: Example, path: Path, content: bytes) -> None:
    try:
        source = Source.open(path)
        if source.shape != "empty":
            example.cls.sniff(source, example.options)
            example.read(path)
    except (DataError, ParameterError) as error:
        said = str(error).strip()
        must(
            isinstance(error, ParameterError) or path.name in said,
            f"a message without the name of the file: {said!r}",
        )
        must(len(said) < 2000, f"a message of {len(said)} characters")
    except Exception as error:
        near = content if len(content) < 300 else content[:300] + b"..."
        raise AssertionError(
            f"{type(error).__name__}: {error}; a DataError with the place was expected, of {near!r}"
        ) from error


def damaged(content: bytes, rng: random.Random, positions: int = 40) -> Iterator[bytes]:
    """The content cut at some bytes, and with some bytes or bits changed."""
    few = len(content) < positions
    for cut in range(len(content)) if few else rng.sample(range(len(content)), positions):
        yield content[:cut]
    for _ in range(positions if content else 0):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 8])):
            at = rng.randrange(len(broken))
            broken[at] = rng.choice([broken[at] ^ (1 << rng.randrange(8)), rng.randrange(256)])
        yield bytes(broken)
        at = rng.randrange(len(content))
        token = rng.choice([b"null", b"[]", b"{}", b"0", b'""', b"1e999", b'"', b",", b"\n", b"\0"])
        yield content[:at] + token + content[at + rng.randrange(6) :]


_VALUES: list[Any] = [
    None,
    [],
    {},
    0,
    -1.5,
    "x",
    "",
    True,
    [None],
    [{}],
    {"id": None},
    "\U0001f408",
    2**70,
]


def with_other_values(content: bytes, rng: random.Random, places: int = 40) -> Iterator[str]:
    """A file of JSON, of lines of JSON or of a table, with another value at one of some places.

    Nothing of what is neither.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    documents: list[Any]
    try:
        documents = [json.loads(line) for line in text.splitlines()]
        write: Callable[[list[Any]], str] = _json_lines
    except json.JSONDecodeError:
        try:
            documents, write = [json.loads(text)], _json_lines
        except json.JSONDecodeError:
            mark = "\t" if "\t" in text else ","
            documents = list(csv.reader(io.StringIO(text), delimiter=mark))

            def write(rows: list[Any]) -> str:
                return "\n".join(mark.join(map(_quoted, row)) for row in rows)

    inside = list(_paths(documents))
    for path in rng.sample(inside, min(len(inside), places)):
        for other in rng.sample(_VALUES, 4):
            changed = _replaced(documents, path, other)
            if changed and all(isinstance(part, list | dict) for part in changed):
                yield write(changed)


def _json_lines(documents: list[Any]) -> str:
    return "\n".join(map(json.dumps, documents))


def _quoted(cell: Any) -> str:
    return '"{}"'.format(str(cell).replace('"', '""'))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON document."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else []
    for key, inner in enumerate(value) if isinstance(value, list) else pairs:
        yield from _paths(inner, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy = document.copy()
    copy[path[0]] = _replaced(document[path[0]], path[1:], other)
    return copy
