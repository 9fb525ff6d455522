"""Ids that a program wrote as floats, in tables whose cells have no type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from peerannot.answers.ids import DIGITS_LOST, Ids
from peerannot.errors import DataError
from peerannot.io.base import Votes

__all__ = [
    "FloatIds",
    "has_float_ids",
    "may_be_floats",
    "plain_ids",
    "undotted",
    "without_float_ids",
]

_WHOLE = r"^-?[0-9]+(\.0+)?$"
_POWER = r"^-?[0-9](\.[0-9]+)?[eE]\+?[0-9]+$"


def may_be_floats(ids: Sequence[str] | pl.Series) -> bool:
    """Whether ids are texts of which the first is a number."""
    if isinstance(ids, pl.Series) and ids.dtype != pl.String:
        return False
    return len(ids) > 0 and re.fullmatch(f"{_WHOLE}|{_POWER}", ids[0]) is not None


def has_float_ids(ids: Sequence[str] | pl.Series) -> bool:
    """Whether ids may be floats: the first is a number, and some end as floats do."""
    if not may_be_floats(ids):
        return False
    column = ids.column() if isinstance(ids, Ids) else ids
    if isinstance(column, np.ndarray):
        return False
    texts = column if isinstance(column, pl.Series) else pl.Series(column, dtype=pl.String)
    return bool((texts.str.ends_with(".0") | texts.str.contains_any(["e+", "E+"])).any())


def without_float_ids(votes: Votes) -> Votes:
    """Tasks and workers without the ``.0`` that pandas writes, see `plain_ids`."""
    task = votes.frame["task"].cast(pl.String)
    known = pl.Series("task", [*(votes.tasks or ()), *votes.gold, *votes.images], dtype=pl.String)
    every = plain_ids(pl.concat([task, known]), votes.place, "task")
    now = dict(zip(known, every.tail(known.len()), strict=True))
    worker = plain_ids(votes.frame["worker"], votes.place, "worker")
    return replace(
        votes,
        frame=votes.frame.with_columns(task=every.head(task.len()), worker=worker),
        tasks=None if votes.tasks is None else tuple(dict.fromkeys(now[t] for t in votes.tasks)),
        gold={now[t]: label for t, label in votes.gold.items()},
        images={now[t]: image for t, image in votes.images.items()},
    )


def plain_ids(ids: pl.Series, place: Callable[[int], str], what: str) -> pl.Series:
    """The column itself, or its ids without ``.0`` where all are whole numbers and some have it.

    Raises
    ------
    DataError
        All are numbers, and one is a float (``1e+16``, ``9007199254740992.0``) from 2**53 on: its
        digits are lost.
    """
    seen = FloatIds(what)
    seen.add(ids, place)
    return undotted(ids) if seen.are_dotted() else ids


def undotted(ids: pl.Series) -> pl.Series:
    """Texts without ``.0`` at the end."""
    return ids.str.replace(r"\.0+$", "")


class FloatIds:
    """Whether the ids of a column that comes in blocks are floats.

    Parameters
    ----------
    what
        What the ids are of, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._numbers = True
        self._power = self._dotted = False
        self._lost = ""

    def add(self, ids: pl.Series, place: Callable[[int], str]) -> None:
        """Look at a block; one that is no number settles it for all that come after."""
        if not self._numbers:
            return
        if ids.dtype != pl.String:
            self._numbers = False
            return
        power = ids.str.contains(_POWER).fill_null(False)
        dotted = ids.str.ends_with(".0").fill_null(False)
        some = power | dotted
        self._numbers = bool((power | ids.str.contains(_WHOLE)).all())
        self._power |= bool(power.any())
        self._dotted |= bool(dotted.any())
        if self._numbers and not self._lost and bool(some.any()):
            large = ids.cast(pl.Float64, strict=False).abs() >= 2**53
            lost = (some & large).arg_true()
            if lost.len():
                row = lost[0]
                self._lost = f"{place(row)}: the {self._what} {ids[row]} {DIGITS_LOST}"

    def are_dotted(self) -> bool:
        """Whether all are whole numbers, of which some end in ``.0``.

        Raises
        ------
        DataError
            All are numbers, and one is a float from 2**53 on.
        """
        if self._numbers and self._lost:
            raise DataError(self._lost)
        return self._numbers and self._dotted and not self._power
