"""Which columns of a wide table are workers: those whose cells share values, the labels."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peerannot._text import few, plain
from peerannot.errors import DataError
from peerannot.io._columns import (
    FLAGS,
    GOLD,
    LABEL,
    NUMBERS,
    TASK,
    WORKER,
    find_column,
    flat,
    is_flag,
    missing_column,
)
from peerannot.io.sample import Sample

__all__ = ["Wide", "find_raters", "looks_wide", "named_columns", "wide_advice"]

INDEX = ("", "index", "id", "Unnamed: 0", *flat(TASK))
# Words in names of columns that may share the labels of workers and are none.
OTHERS = frozenset({
    "consensus", "majority", "final", "adjudicated", "agreed", "agg", "aggregate", "aggregated",
    "prediction", "predicted", "pred", "preds", "model", "expected", "actual", "reference",
    "suggestion", "label", "labels", "class", "category", "target", "truth", "gold",
    "batch", "difficulty", "split", "fold", "sex", "gender", "age", "n", "num", "number", "count",
    "counts", "total", "round", "group", "site", "score", "level", "stage", "phase", "week", "day",
    "month", "year", "version", "source", "country", "language", "priority", "status", "cluster",
    "stratum", "condition", "confidence", "weight", "rank", "id",
})  # fmt: skip
SHARED = 0.5  # share of the cells of a worker that hold what another column holds


@dataclass(frozen=True)
class Wide:
    """Columns of a wide table: that of the tasks (None where rows are numbered), the workers',
    that of known labels, those passed over, and which of them the user did not name."""

    task: str | None
    workers: tuple[str, ...]
    gold: str | None
    ignored: tuple[str, ...]
    guessed: Mapping[str, str]
    notes: tuple[str, ...] = ()


def looks_wide(columns: Sequence[str], cells: Sample) -> bool:
    """Whether a table without named options is wide.

    At least two columns share their values. Text says so by itself; numbers may be anything, so
    a cell must be empty, or the columns be numbered alike (``rater1``, ``rater2``; ``0``, ``1``).
    """
    if cells.nested or cells.frame.height == 0:
        return False
    if find_column(columns, None, flat(WORKER)) is not None:
        return False
    task = _task_column(columns, cells, "")
    groups = _groups(cells, [c for c in columns if c != task])
    label = find_column(columns, None, flat(LABEL))
    if label is not None:
        # Beside workers that are numbered alike, a label may be what they agreed on.
        return any(label in group and len(_numbered(group)) > 1 for group in groups)
    if not groups:
        return _is_export(columns, cells)
    if len(groups) != 1:
        return bool(groups)  # the reader asks which
    names = [c for c in groups[0] if plain(c) not in map(plain, flat(GOLD))]
    if len(names) < 2 or all(re.fullmatch(r"(?i)(q|question|item|task|im(a)?ge?)[-_ ]?\d+", c)
                             for c in names):  # fmt: skip
        return False
    values = {value for c in names for value in cells.values(c)}
    n_cells = sum(cells.filled(c) for c in names)
    if not all(re.fullmatch(r"-?\d+(\.\d+)?", value) for value in values):
        return len(values) <= max(2, n_cells / 2)
    if len(values) > NUMBERS or not all(re.fullmatch(r"-?\d+", value) for value in values):
        return False
    numbered = 2 * len(_numbered(names)) >= len(names)
    unanswered = any(cells.filled(c) == 0 for c in cells.frame.columns)
    return numbered or unanswered or n_cells < len(names) * cells.frame.height


def wide_advice(columns: Sequence[str], cells: Sample) -> str:
    """Options that read a table as a wide one, where it may be one; else an empty string."""
    task = _task_column(columns, cells, "")
    free = [c for c in columns if c != task and c in cells.frame.columns]
    groups = [*_groups(cells, free), _numbered(free)]
    raters = max(groups, key=len)
    raters = [c for c in raters if c not in _doubtful(raters)]
    if len(raters) < 2:
        return ""
    task_col = f" --task-col {shlex.quote(task)}" if task is not None else ""
    return f"; a wide table? give --worker-col {_listed(raters)}{task_col}"


def _listed(names: Sequence[str]) -> str:
    """Names as the value of an option, quoted as `named_columns` reads them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def _stem(name: str) -> str:
    """What numbered names share (``r1``, ``rater_2``), or names with one first word."""
    numbered = re.fullmatch(r"(.*?)[-_. ]?\d+", name)
    if numbered:
        return numbered[1].casefold() + "#"
    first = re.match(r"(.+?)[-_.]", name)
    return first[1].casefold() + "_" if first else ""


def _numbered(names: Sequence[str]) -> list[str]:
    """The names that are numbered alike, where two or more are; the largest such set."""
    stems = Counter(stem for stem in map(_stem, names) if stem.endswith("#"))
    stem, n = max(stems.items(), key=lambda pair: pair[1], default=("", 0))
    return [c for c in names if _stem(c) == stem] if n > 1 else []


def _doubtful(raters: Sequence[str]) -> list[str]:
    """Columns whose names say that they are no workers, or do not go with the others' names."""
    stems = Counter(map(_stem, raters))
    shared = {stem for stem, n in stems.items() if stem and n > 1 and 2 * n >= len(raters)}
    words = {c: set(re.split(r"[-_. ]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", c).casefold()))
             for c in raters}  # fmt: skip
    often = Counter(word for own in words.values() for word in own)
    usual = {word for word, n in often.items() if 2 * n > len(raters)}
    names = {*map(plain, flat(LABEL)), *map(plain, flat(GOLD))}
    found = []
    for column in raters:
        if _stem(column) in shared:
            continue
        alone = (bool(shared) and stems[_stem(column)] == 1) or (bool(shared) and not _stem(column))
        other = not OTHERS.isdisjoint(words[column] - usual) or plain(column) in names
        if alone or other:
            found.append(column)
    return found


def _is_export(columns: Sequence[str], cells: Sample) -> bool:
    """A first column named task and whole numbers with empty cells, as our own export writes.

    Workers of few answers may share no label, so that their columns do not say what they are.
    """
    rest = columns[1:]
    if plain(columns[0]) != "task" or len(rest) < 2 or cells.nested:
        return False
    values = {value for c in rest for value in cells.values(c)}
    whole = all(re.fullmatch(r"-?\d+", value) for value in values)
    n_cells = sum(cells.filled(c) for c in rest)
    return whole and len(values) <= NUMBERS and n_cells < len(rest) * cells.frame.height


def find_raters(
    where: str,
    columns: Sequence[str],
    cells: Sample,
    *,
    task: str = "",
    workers: str = "",
    gold: str = "",
) -> Wide:
    """Which column is what in a wide table.

    Parameters
    ----------
    where
        Name of the source, for messages.
    columns, cells
        The table's columns and its first rows.
    task, gold
        What the user named, empty where nothing; ``"none"`` for no gold.
    workers
        Columns that the user named, with commas between.

    Raises
    ------
    DataError
        A column named is not there, or it is not clear which columns are workers.
    """
    if task and task not in columns:
        raise missing_column(where, columns, task, (), "task")
    guessed: dict[str, str] = {}
    notes: list[str] = []
    index = task or _task_column(columns, cells, workers)
    if not task:
        guessed["task"] = index if index is not None else "numbers of rows"
    known = None
    if gold and gold in columns:
        known = gold
    elif gold and gold.casefold() != "none":
        raise missing_column(where, columns, gold, (), "gold")
    free = [c for c in columns if c not in (index, known)]
    if workers:
        named = named_columns(columns, workers)
        for column in named:
            if column not in columns:
                raise missing_column(where, columns, column, (), "worker")
        raters = [c for c in free if c in named]
    else:
        raters, known, notes = _by_content(where, cells, free, known, ask_gold=not gold)
        guessed["workers"] = few(raters, 6)
        if not gold:
            guessed["gold"] = known or "none"
    left = tuple(c for c in columns if c not in raters and c not in (index, known))
    return Wide(index, tuple(raters), known, left, guessed, tuple(notes))


def named_columns(columns: Sequence[str], text: str) -> list[str]:
    """Columns that a user names with commas between; quotes, as in CSV, hold a comma inside."""
    if text in columns:
        return [text]
    named = next(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True), [])
    return [c if c in columns else c.strip() for c in named]


def _by_content(
    where: str, cells: Sample, free: Sequence[str], known: str | None, *, ask_gold: bool
) -> tuple[list[str], str | None, list[str]]:
    groups = _groups(cells, free)
    if len(groups) > 1:
        raise DataError(
            f"{where}: which columns are workers: {'; or '.join(few(g, 4) for g in groups)}? give"
            f" --worker-col {_listed(groups[0])}"
        )
    if not groups:
        return list(free), known, []
    raters, notes = list(groups[0]), []
    if ask_gold and len(raters) > 2:
        known = find_column(raters, None, flat(GOLD))
        raters = [c for c in raters if c != known]
        if known is not None:
            _ask_flag(where, cells, known, raters)
    doubtful = _doubtful(raters)
    if doubtful:
        rest = [c for c in raters if c not in doubtful]
        alike = set(map(_stem, _numbered(rest)))
        rest = [c for c in free if c in rest or _stem(c) in alike]
        raise DataError(
            f"{where}: is {doubtful[0]!r} a worker{f', as {few(rest, 3)} are' if rest else ''}?"
            f" name the columns of all workers: --worker-col {_listed(rest or raters)}"
        )
    for column in free:
        if column in raters or column == known:
            continue
        empty = cells.filled(column) == 0 and column not in cells.nested
        if empty and column not in _doubtful([*raters, column]):
            raters.append(column)  # a worker without answers
        elif column in _numbered([*raters, column]) and not _is_other(cells, column, raters):
            raters.append(column)  # named as the others are
        elif not _is_other(cells, column, raters):
            raise DataError(
                f"{where}: is {column!r} a worker? it holds {few(sorted(cells.values(column)), 3)},"
                f" which no other does; name the columns of all workers: --worker-col"
                f" {_listed(raters)}"
            )
    raters = [c for c in free if c in raters]
    other = [c for c in free if c not in raters and c != known]
    if other:
        notes.append(
            f"{few(map(repr, other), 6)} are no workers, since what they hold is no label; else"
            f" name all workers with --worker-col {_listed([*raters, other[0]])}"
        )
    return raters, known, notes


def _ask_flag(where: str, cells: Sample, known: str, raters: Sequence[str]) -> None:
    held = cells.values(known)
    if plain(known) not in map(plain, GOLD[-1]) or not {v.casefold() for v in held} <= FLAGS:
        return
    long = cells.frame.select(own=known, **{f"r{i}": c for i, c in enumerate(raters)}).unpivot(
        index="own", variable_name="rater", value_name="label"
    )
    if is_flag(known, long["own"], long["label"]):
        raise DataError(
            f"{where}: the column {known!r} ({few(sorted(held), 3)}) holds known labels, or marks"
            f" test questions? give --gold-col {known} or --gold-col none with --worker-col"
            f" {_listed(raters)}"
        )


def _is_other(cells: Sample, column: str, raters: Sequence[str]) -> bool:
    """Whether a column that shares no labels is surely no worker."""
    if column in cells.nested:
        return True
    filled, distinct = cells.filled(column), cells.distinct(column)
    number = re.compile(r"-?\d+([.,]\d+)?")
    numbers = {bool(number.fullmatch(v)) for v in cells.values(column)}
    labels = {bool(number.fullmatch(v)) for c in raters for v in cells.values(c)}
    return filled == cells.frame.height > 1 or distinct > 5 or numbers.isdisjoint(labels)


def _task_column(columns: Sequence[str], cells: Sample, workers: str) -> str | None:
    """The column of tasks: the first by name, else the first whose values all differ."""
    named = find_column(columns[:1], None, INDEX) or find_column(columns, None, INDEX)
    if named is not None and named not in cells.nested:
        return named
    height = cells.frame.height
    values = Counter(v for c in cells.frame.columns for v in cells.values(c))
    for column in columns:
        if (
            column in cells.frame.columns
            and cells.distinct(column) == height > 1
            and all(values[v] == 1 for v in cells.values(column))
        ):
            return column
    return None


def _groups(cells: Sample, free: Sequence[str]) -> list[list[str]]:
    """Columns that share their values, in groups of two or more."""
    held = {c: cells.values(c) for c in free if c in cells.frame.columns and cells.filled(c)}
    columns = Counter(value for values in held.values() for value in values)
    groups: list[tuple[set[str], list[str]]] = []
    for column, values in held.items():
        counted = cells.frame[column].drop_nulls().alias("value").value_counts()
        shared = sum(n for value, n in counted.iter_rows() if columns[value] > 1)
        if shared < SHARED * cells.filled(column):
            continue
        near = [g for g in groups if not g[0].isdisjoint(values)]
        groups = [g for g in groups if g[0].isdisjoint(values)]
        union = values.union(*(g[0] for g in near))
        groups.append((union, [*(c for g in near for c in g[1]), column]))
    return [[c for c in free if c in group] for _, group in groups if len(group) > 1]
