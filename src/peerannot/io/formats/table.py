"""Long tables, one row an answer: CSV, TSV, Parquet, NDJSON and JSON records."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from operator import and_
from typing import Any

import orjson
import polars as pl

from peerannot._no_answer import NO_ANSWER
from peerannot._options import option
from peerannot._text import few, plain
from peerannot.answers.ids import DIGITS_LOST
from peerannot.errors import DataError
from peerannot.io import _columns
from peerannot.io._columns import (
    MissingColumnError,
    find_column,
    find_roles,
    flat,
    holds_labels,
    missing_column,
)
from peerannot.io._raters import wide_advice
from peerannot.io._source import Source, check_header
from peerannot.io._times import seconds
from peerannot.io.base import CERTAIN, FORMATS, NO, PLAUSIBLE, Format, Votes
from peerannot.io.checksums import check
from peerannot.io.sample import sample, texts

__all__ = [
    "LABEL",
    "TASK",
    "WORKER",
    "Table",
    "as_ids",
    "column_names",
    "find_column",
    "pick",
    "polars_errors",
    "read_columns",
    "read_rows",
    "scan",
    "weights",
    "whole",
]

TASK, WORKER, LABEL = map(flat, (_columns.TASK, _columns.WORKER, _columns.LABEL))
TABULAR = ("table", "parquet", "ndjson", "json")

polars_errors = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)


@FORMATS.register("table", "csv", "tsv", "parquet", "ndjson", "crowdkit", "crowd-kit")
@dataclass(frozen=True, kw_only=True)
class Table(Format):
    """Columns task, worker and label, one row an answer, as crowd-kit has them.

    CSV, TSV (comma, tab or semicolon, also gzipped), Parquet (one file, a folder or a pattern
    of shards), NDJSON, or a JSON list of objects. Columns are proposed by their usual names
    (``performer``, ``workerId``, ``annotator``; ``answer``; ...) and taken where their contents
    fit, unless named here; where two fit, the user is asked. A column of known labels
    (``truth``, ``true_label``, ``gold``) that holds labels is kept apart.

    Parameters
    ----------
    task_col, worker_col, label_col
        Names of the columns.
    weight_col
        Column of the weights of answers, where there are any; never guessed.
    gold_col
        Column of known labels of the tasks; ``none`` where there are none (``NONE`` where a
        column is called "none").
    time_col
        Column of when an answer was given, by which the last of several is told; never guessed.
    time_format
        ``mdy`` or ``dmy`` where dates do not tell day from month, or a pattern of `strptime`.
    """

    task_col: str = option("", help="column of the task")
    worker_col: str = option("", help="column of the worker")
    label_col: str = option("", help="column of the label")
    weight_col: str = option("", help="column of the answer's weight")
    gold_col: str = option("", help='column of the task\'s known label, or "none"')
    time_col: str = option("", help="column of the answer's time")
    time_format: str | None = option(None, help="mdy, dmy, or a pattern: %d.%m.%Y %H:%M")

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        if source.shape not in TABULAR or (source.shape == "json" and not _is_list(source)):
            return NO
        columns = column_names(source)
        picked = [
            find_column(columns, given.get(f"{what}_col"), known, exact=True)
            for what, known in (("task", TASK), ("worker", WORKER), ("label", LABEL))
        ]
        if None in picked:
            return NO
        return (
            CERTAIN if {*map(plain, map(str, picked))} == {"task", "worker", "label"} else PLAUSIBLE
        )

    def read(self, source: Source) -> Votes:
        names = column_names(source)
        source.check_where(names)
        cells = sample(source, names)
        named = {
            "task": self.task_col, "worker": self.worker_col, "label": self.label_col,
            "gold": self.gold_col, "weight": self.weight_col, "time": self.time_col,
        }  # fmt: skip
        try:
            roles = find_roles(source.name, names, cells, named)
        except MissingColumnError as error:
            advice = "" if any(named.values()) else wide_advice(names, cells)
            if advice:
                raise DataError(error.problem + advice) from None
            raise
        wanted = dict(roles.columns)
        for what, column in (("weight", self.weight_col), ("time", self.time_col)):
            if column:
                wanted[what] = pick(source.name, names, column, (), what)
        if len(set(wanted.values())) < len(wanted):
            raise DataError(
                f"{source.name}: one column serves twice ({few(wanted.values())}); name them with"
                " --task-col, --worker-col and --label-col"
            )
        frame, place = scan(source, wanted)
        if frame.height == 0:
            raise DataError(f"{source.name}: there are column names but no answers")
        for name in ("task", "worker"):
            frame = frame.with_columns(as_ids(frame[name], place, name))
        kind = frame["label"].dtype
        # A column with an order (an ordered Categorical, an Enum) says all classes and their order.
        classes = tuple(kind.categories) if isinstance(kind, pl.Enum) else None
        frame = frame.with_columns(as_labels(frame["label"], place, "label"))
        if "weight" in wanted:
            frame = frame.with_columns(weights(frame, place, comma=source.comma_is_decimal))
        if "time" in wanted:
            times = seconds(frame["time"], place, wanted["time"], self.time_format)
            frame = frame.with_columns(times.alias("time"))
        guessed, notes, known = dict(roles.guessed), list(roles.notes), {}
        if "gold" in wanted:
            known = _gold(frame, place)
            given = frame["label"].unique().drop_nulls().cast(pl.String)
            if "gold" in guessed and not holds_labels(wanted["gold"], set(known.values()), given):
                guessed["gold"], known = "none", {}
            frame = frame.drop("gold")
        return Votes(
            frame,
            place,
            classes=classes,
            gold=known,
            guessed=guessed,
            ignored=tuple(c for c in names if c not in wanted.values()),
            notes=notes,
        )


def _is_list(source: Source) -> bool:
    return isinstance(source.document, list)


def column_names(source: Source) -> tuple[str, ...]:
    """Columns of a table, or keys of its first record.

    Raises
    ------
    DataError
        The Parquet file is damaged, or a column of a CSV file occurs twice.
    """
    if source.frame is not None:
        return tuple(source.frame.columns)
    if source.shape in ("table", "matrix"):
        check_header(source.name, source.header)
        return source.header
    if source.shape == "parquet":
        try:
            return tuple(pl.read_parquet_schema(_first(source)))
        except polars_errors as error:
            raise DataError(f"{source.name}: a damaged Parquet file ({_line(error)})") from None
    return tuple(source.first) if isinstance(source.first, dict) else ()


def pick(
    where: str, columns: Sequence[str], named: str | None, known: Sequence[str], what: str
) -> str:
    """`find_column`, or an error that lists the columns and the nearest.

    Raises
    ------
    DataError
        There is no such column.
    """
    found = find_column(columns, named, known)
    if found is None:
        raise missing_column(where, columns, named, known, what)
    return found


def scan(source: Source, names: Mapping[str, str]) -> tuple[pl.DataFrame, Callable[[int], str]]:
    """Read some columns under new names; and how to find the place of a row.

    Parameters
    ----------
    source
        A table in any shape.
    names
        From the new name to the column.

    Raises
    ------
    DataError
        The file is damaged, not UTF-8, or a row has more or fewer cells than the header; or no
        row is as the source's ``where`` asks.
    """
    if not source.where:
        return _scan(source, names)
    asked = {f"where {i}": column for i, (column, _) in enumerate(source.where)}
    frame, place = _scan(replace(source, where=()), {**names, **asked})
    fits = [texts(frame[f"where {i}"]) == value for i, (_, value) in enumerate(source.where)]
    rows = reduce(and_, fits).fill_null(False).arg_true()
    if rows.len() == 0:
        raise DataError(f"{source.name}: no row has {source.condition}")
    return frame[rows].drop(asked), lambda row: place(int(rows[row]))


def _scan(source: Source, names: Mapping[str, str]) -> tuple[pl.DataFrame, Callable[[int], str]]:
    columns = [pl.col(column).alias(name) for name, column in names.items()]
    if source.frame is not None:
        return source.frame.select(columns), source.row_name
    if source.shape == "parquet":
        return _scan_parquet(source, columns)
    if source.shape == "folder":
        raise DataError(f"{source.name}: a folder without Parquet files is no table")
    parts, places = [], []
    for one in [source] if source.content is not None else map(source.part, source.files):
        frame, place = _scan_text(one, list(dict.fromkeys(names.values())))
        parts.append(frame.select(columns))
        places.append((frame.height, place))
    return pl.concat(parts), lambda row: _place(places, row)


def whole(source: Source) -> pl.DataFrame:
    """All columns of a CSV or Parquet table.

    Raises
    ------
    DataError
        The file is damaged, a column occurs twice, or a row has more or fewer cells than others.
    """
    names = column_names(source)
    frame, _ = scan(source, dict(zip(names, names, strict=True)))
    return frame


def read_columns(
    source: Source, wanted: Mapping[str, Sequence[str]]
) -> tuple[pl.DataFrame, Callable[[int], str]]:
    """Columns of a table by their usual names, as strings without nulls.

    Parameters
    ----------
    source
        A table in any shape.
    wanted
        From the new name to the names that the column may have, the likeliest first.

    Raises
    ------
    DataError
        A column is missing, a cell is empty, or the file is damaged.
    """
    if source.shape not in TABULAR:
        raise DataError(f"{source.name}: not a table (found {source.shape})")
    columns = column_names(source)
    names = {new: pick(source.name, columns, None, known, new) for new, known in wanted.items()}
    frame, place = scan(source, names)
    for name in names:
        frame = frame.with_columns(as_ids(frame[name], place, name).cast(pl.String))
    return frame, place


def read_rows(source: Source, columns: Sequence[str]) -> list[dict[str, str]]:
    """Some columns of a CSV table, a dictionary a row; a column that is not there is empty."""
    return [{c: row.get(c, "") for c in columns} for _, row in source.csv_rows()]


def _place(places: Sequence[tuple[int, Callable[[int], str]]], row: int) -> str:
    for height, place in places:
        if row < height:
            return place(row)
        row -= height
    raise IndexError(row)


def _scan_parquet(
    source: Source, columns: list[pl.Expr]
) -> tuple[pl.DataFrame, Callable[[int], str]]:
    files: Any = list(source.files) or io.BytesIO(source.content_bytes())
    check(source.files)
    try:
        frame = pl.scan_parquet(files).select(columns).collect()
    except polars_errors as error:
        raise DataError(f"{source.name}: cannot be read as Parquet ({_line(error)})") from None

    def place(row: int) -> str:
        at = row
        for file in source.files:
            height = pl.scan_parquet(file).select(pl.len()).collect().item()
            if at < height:
                return f"{file} row {at + 1}"
            at -= height
        return f"{source.name} row {row + 1}"

    return frame, place


def _scan_text(source: Source, columns: list[str]) -> tuple[pl.DataFrame, Callable[[int], str]]:
    missing = [c for c in columns if c not in column_names(source)]
    if missing:
        raise DataError(
            f"{source.name}: no column {missing[0]!r}; there are {few(column_names(source), 12)}"
        )
    in_memory = source.content is not None or source.recoded
    content: Any = io.BytesIO(source.content_bytes()) if in_memory else source.files[0]
    schema = dict.fromkeys(columns, pl.String)
    doubtful = False
    try:
        if source.shape == "table":
            frame = pl.read_csv(
                content,
                columns=columns,
                separator=source.separator,
                skip_rows=source.preamble,
                infer_schema=False,
            )
        elif source.shape == "ndjson":
            raw = source.content_bytes()
            frame = pl.read_ndjson(raw, schema=schema)
            doubtful = _may_repeat(raw, columns, frame.height)
        else:
            frame = _from_records(source, columns)
        empty = any(frame[c].null_count() for c in columns)
        doubtful = doubtful or (empty and not _even(source, frame.height))
    except polars_errors as error:
        if isinstance(error, DataError):
            raise
        doubtful = True
    if doubtful:
        # Python's readers are slow but know the line: they name it, or read what Polars cannot.
        frame = _from_records(source, columns)

    def place(row: int) -> str:
        return next(islice(_records(source), row, None))[0]

    return frame, place


def _may_repeat(raw: bytes, columns: list[str], n_rows: int) -> bool:
    """Whether a record may have a column twice, of which Polars would take the first."""
    # Each name is there once a record, and letters of names may be written as escapes.
    return b"\\u00" in raw or any(raw.count(orjson.dumps(c)) != n_rows for c in columns)


def _even(source: Source, n_rows: int) -> bool:
    """Whether all rows are as wide as the header, so that what is empty was left empty.

    Polars fills short rows up and makes rows of empty lines. Told from the number of separators,
    where there are no quotes to hide one.
    """
    if source.shape != "table":
        return False
    content = source.content_bytes()
    marks = content.count(source.separator.encode()) - source.preamble
    return b'"' not in content and marks == (n_rows + 1) * (len(source.header) - 1)


def _records(source: Source) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return source.csv_rows() if source.shape == "table" else source.records()


def _from_records(source: Source, columns: list[str]) -> pl.DataFrame:
    rows: dict[str, list[str | None]] = {c: [] for c in columns}
    for place, record in _records(source):
        for column in columns:
            value = record.get(column)
            if isinstance(value, list | dict):
                raise DataError(
                    f"{place}: {column!r} holds a list or an object, expected one value"
                )
            if isinstance(value, float) and value.is_integer():
                if abs(value) >= 2**53:
                    raise DataError(f"{place}: {column!r} {value!r} {DIGITS_LOST}")
                value = int(value)
            if isinstance(value, bool):
                value = str(value).lower()
            rows[column].append(None if value is None or value == "" else str(value))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def as_ids(column: pl.Series, place: Callable[[int], str], what: str) -> pl.Series:
    """A column as whole numbers or strings, without nulls."""
    column = as_labels(column, place, what)
    missing = column.is_null()
    if column.dtype == pl.String:
        missing |= column == ""
    if bool(missing.any()):
        row = missing.fill_null(True).arg_true()[0]
        raise DataError(f"{place(row)}: the {what} is missing; fill it in or remove the row")
    return column


def as_labels(column: pl.Series, place: Callable[[int], str], what: str) -> pl.Series:
    """A column as whole numbers or strings, null where there is none."""
    kind = column.dtype
    if isinstance(kind, pl.List | pl.Array | pl.Struct | pl.Object):
        raise DataError(
            f"{place(0)}: the {what} is a list or an object; for parallel lists give"
            " --format huggingface"
        )
    if kind.is_float():
        column = _from_floats(column.fill_nan(None), place, what)
    elif kind in (pl.UInt64, pl.Int128):
        # Numbers over 63 bits are kept as texts, with every digit.
        narrow = column.cast(pl.Int64, strict=False)
        fits = narrow.null_count() == column.null_count()
        column = narrow if fits else column.cast(pl.String)
    elif not kind.is_integer() and kind != pl.String:
        column = column.cast(pl.String)
    return column


def _from_floats(column: pl.Series, place: Callable[[int], str], what: str) -> pl.Series:
    """Whole numbers where all are, else texts, of which ``12.0`` is ``12``.

    A value has the same text whatever stands beside it, so that blocks of a column agree.
    """
    lost = (column.abs() >= 2**53).fill_null(False)
    if what != "label" and bool(lost.any()):
        row = lost.arg_true()[0]
        raise DataError(f"{place(row)}: the {what} {column[row]!r} {DIGITS_LOST}")
    whole = column.cast(pl.Int64, strict=False)
    same = (whole == column).fill_null(False)
    if int(same.sum()) == column.len() - column.null_count():
        return whole
    spelled = pl.when(same).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    return pl.select(spelled.alias(column.name)).to_series()


def weights(frame: pl.DataFrame, place: Callable[[int], str], *, comma: bool = False) -> pl.Series:
    """Weights as numbers; of a row without an answer it may be missing.

    Raises
    ------
    DataError
        One is missing, negative, or no number.
    """
    column = frame["weight"]
    numbers = column.cast(pl.Float64, strict=False)
    if comma and column.dtype == pl.String:
        decimal = column.str.replace(r"^(\s*\d*),(\d+\s*)$", "$1.$2")
        numbers = decimal.str.strip_chars().cast(pl.Float64, strict=False)
    silent = frame["label"].cast(pl.String).str.strip_chars().is_in(sorted(NO_ANSWER))
    numbers = (
        pl.select(pl.when(silent.fill_null(True) & numbers.is_null()).then(1.0).otherwise(numbers))
        .to_series()
        .alias("weight")
    )
    bad = (numbers.is_null() | ~numbers.is_finite() | (numbers < 0)).fill_null(True)
    if bool(bad.any()):
        row = bad.arg_true()[0]
        raise DataError(f"{place(row)}: the weight {column[row]!r} is not a number >= 0")
    return numbers


def _gold(frame: pl.DataFrame, place: Callable[[int], str]) -> dict[str, str]:
    known = frame.with_row_index("row").filter(
        pl.col("gold").is_not_null()
        & ~pl.col("gold").cast(pl.String).str.strip_chars().is_in(sorted(NO_ANSWER))
    )
    known = known.with_columns(gold=as_ids(known["gold"], place, "gold label")).unique(
        ["task", "gold"], maintain_order=True, keep="first"
    )
    twice = known.filter(pl.col("task").is_duplicated())
    if twice.height:
        raise DataError(
            f"{place(twice['row'][1])}: task {twice['task'][0]!s} has two gold labels,"
            f" {twice['gold'][0]!s} and {twice['gold'][1]!s}; --gold-col none leaves them out"
        )
    return dict(
        zip(
            known["task"].cast(pl.String).to_list(),
            known["gold"].cast(pl.String).to_list(),
            strict=True,
        )
    )


def _first(source: Source) -> Any:
    return source.files[0] if source.files else io.BytesIO(source.content_bytes())


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
