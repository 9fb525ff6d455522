"""Which columns of a wide table are workers: those whose cells share values, the labels."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peerannot._text import few, plain
from peerannot.errors import DataError
from peerannot.io._columns import (
    GOLD,
    LABEL,
    NUMBERS,
    TASK,
    WORKER,
    find_column,
    flat,
    missing_column,
)
from peerannot.io._sample import Sample

__all__ = ["Wide", "find_raters", "looks_wide", "named_columns"]

INDEX = ("", "index", "id", "Unnamed: 0", *flat(TASK))
# Columns that share the labels of workers and are none.
RESULTS = (
    "consensus", "majority", "majority_vote", "final", "final_label", "adjudicated", "agreed",
    "prediction", "predicted", "pred", "model", "expected", "actual", "reference", "suggestion",
)  # fmt: skip
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
    if any(find_column(columns, None, flat(names)) is not None for names in (WORKER, LABEL)):
        return False
    task = _task_column(columns, cells, "")
    groups = _groups(cells, [c for c in columns if c != task])
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
    stems = {re.sub(r"\d+$", "", c) for c in names if re.search(r"\D\d+$", c)}
    numbered = len(stems) == 1 and all(re.search(r"\D\d+$", c) for c in names)
    numbered |= names == list(map(str, range(len(names))))
    unanswered = any(cells.filled(c) == 0 for c in cells.frame.columns)
    return numbered or unanswered or n_cells < len(names) * cells.frame.height


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
            f" --worker-col {','.join(groups[0][:3])}"
        )
    if not groups:
        return list(free), known, []
    raters, notes = list(groups[0]), []
    if ask_gold and len(raters) > 2:
        known = find_column(raters, None, flat(GOLD))
        raters = [c for c in raters if c != known]
    doubtful = [c for c in raters if plain(c) in map(plain, RESULTS)]
    if doubtful:
        rest = [c for c in raters if c not in doubtful]
        raise DataError(
            f"{where}: is {doubtful[0]!r} a worker{f', as {few(rest, 3)} are' if rest else ''}?"
            f" name the columns of all workers: --worker-col {','.join(rest or raters)}"
        )
    for column in free:
        if column in raters or column == known:
            continue
        if cells.filled(column) == 0 and column not in cells.nested:
            raters.append(column)  # a worker without answers
        elif not _is_other(cells, column, raters):
            raise DataError(
                f"{where}: is {column!r} a worker? it holds {few(sorted(cells.values(column)), 3)},"
                f" which no other does; name the columns of all workers: --worker-col"
                f" {','.join(raters[:3])}"
            )
    raters = [c for c in free if c in raters]
    other = [c for c in free if c not in raters and c != known]
    if other:
        notes.append(
            f"{few(map(repr, other), 6)} are no workers, since what they hold is no label; else"
            f" name all workers with --worker-col {','.join([*raters, other[0]])}"
        )
    return raters, known, notes


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
