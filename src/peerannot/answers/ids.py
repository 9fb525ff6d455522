"""Ordered vocabularies of string ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from peerannot._text import natural_key
from peerannot.answers.class_order import in_class_order
from peerannot.errors import DataError

__all__ = ["DIGITS_LOST", "Ids"]

DIGITS_LOST = "is a float from 2**53 on, which has lost digits; give ids as texts or whole numbers"

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


class Ids(Sequence[str]):
    """An immutable vocabulary: position to id and back. Ids are always strings (``"01" != "1"``).

    Parameters
    ----------
    values
        Distinct ids in their order, or an int ``n`` for ``"0" ... str(n - 1)``, which takes no
        memory.

    Raises
    ------
    DataError
        An id occurs twice.
    """

    __slots__ = ("_index", "_values")

    def __init__(self, values: Iterable[str] | int) -> None:
        # A range, a tuple of str, an integer array, or a polars Series of str (see `of_column`).
        self._values: Any
        self._index: dict[str, int] | None = None
        if isinstance(values, int):
            self._values = range(values)
        else:
            self._values = tuple(values)
            if len(self.index_of) != len(self._values):
                twice = next(v for i, v in enumerate(self._values) if self.index_of[v] != i)
                raise DataError(f"ids must be distinct: {twice!r} is there twice")

    @classmethod
    def sorted(cls, values: Iterable[str]) -> Ids:
        """Distinct ids: whole numbers by value first, then other text by code point."""
        distinct = set(values)
        n = len(distinct)
        if "0" in distinct and str(n - 1) in distinct and distinct == set(map(str, range(n))):
            return cls(n)
        if n and all(map(str.isdecimal, distinct)) and all(map(str.isascii, distinct)):
            texts = list(distinct)
            numbers = np.array([int(t) for t in texts])
            if numbers.dtype.kind == "i" and np.unique(numbers).size == n:
                return cls([texts[i] for i in np.argsort(numbers)])
        return cls(sorted(distinct, key=natural_key))

    @classmethod
    def of_classes(cls, names: Iterable[str]) -> Ids:
        """Distinct names of classes in their order: numbers by value (``0.5``, ``1``, ``10``),
        ``1 - poor`` and ``10 - best`` by the number where all begin with one, else as `sorted`."""
        ordered = in_class_order(set(names))
        n = len(ordered)
        if n and ordered[0] == "0" and ordered == list(map(str, range(n))):
            return cls(n)
        return cls(ordered)

    @classmethod
    def of_column(cls, column: Any) -> Ids:
        """A vocabulary kept in the column it came in, for millions of ids.

        Parameters
        ----------
        column
            Distinct ids in their order: an integer array, or a polars Series of strings. It is
            not copied and not checked; texts are made when they are asked for.
        """
        ids = cls(0)
        ids._values = column
        return ids

    @property
    def index_of(self) -> dict[str, int]:
        """Dictionary from id to position, built on first use. Do not change it."""
        if self._index is None:
            self._index = {v: i for i, v in enumerate(self)}
        return self._index

    def codes(self, values: Iterable[str]) -> NDArray[np.int32]:
        """Positions of ids; -1 for an id that is not in the vocabulary."""
        listed = values if isinstance(values, list) else list(values)
        try:
            found = map(self.index_of.__getitem__, listed)
            return np.fromiter(found, dtype=np.int32, count=len(listed))
        except KeyError:
            get = self.index_of.get
            return np.fromiter((get(v, -1) for v in listed), np.int32, count=len(listed))

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[str, ...]: ...
    def __getitem__(self, position: int | slice) -> str | tuple[str, ...]:
        if isinstance(position, slice):
            return tuple(map(str, self._values[position]))
        return str(self._values[int(position)])

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        if isinstance(self._values, range):
            return map(str, self._values)
        if isinstance(self._values, tuple):
            return iter(self._values)
        # One conversion of the whole column costs less than one call an id.
        plain = getattr(self._values, "to_list", None) or self._values.tolist
        return map(str, plain())

    def __contains__(self, value: object) -> bool:
        return value in self.index_of

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ids):
            return NotImplemented
        if self is other or self._values is other._values:
            return True
        if len(self) != len(other):
            return False
        a, b = self._values, other._values
        if type(a) is type(b) and isinstance(a, range | tuple):
            return bool(a == b)
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash((len(self), *self[:8]))

    def __repr__(self) -> str:
        head = ", ".join(map(repr, self[:3]))
        return f"Ids({head}{', ...' if len(self) > 3 else ''}; {len(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._values, range):
            return (Ids, (len(self),))
        if isinstance(self._values, tuple):
            return (Ids, (self._values,))
        return (Ids.of_column, (self._values,))

    def column(self) -> Any:
        """The ids for a column of a table: an integer array where they are numbers in their
        shortest form and kept so, else a polars Series or a tuple of texts."""
        if isinstance(self._values, range):
            return np.arange(len(self), dtype=np.int64)
        return self._values

    def texts(self) -> Any:
        """The ids as a polars Series of texts; no object is made for each."""
        import polars as pl

        return pl.Series(self.column()).cast(pl.String)

    def take(self, positions: NDArray[Any]) -> Ids:
        """The vocabulary of the ids at these positions, in this order."""
        if isinstance(self._values, tuple | range):
            return Ids([self[int(i)] for i in positions])
        return Ids.of_column(self._values[np.asarray(positions, dtype=np.int64)])

    def numbers(self) -> NDArray[np.int64] | None:
        """The ids as integers where all are whole numbers of 64 bits, written in their shortest
        form (not ``007``, which would be 7); else None."""
        if isinstance(self._values, range):
            return np.arange(len(self), dtype=np.int64)
        if isinstance(self._values, np.ndarray):
            return self._values.astype(np.int64)
        if not all(map(_WHOLE.fullmatch, self)):
            return None
        numbers = np.array([int(v) for v in self], dtype=object)
        if any(not -(2**63) <= v < 2**63 for v in numbers):
            return None
        return numbers.astype(np.int64)

    def span(self) -> int | None:
        """Rows of an array with a row for each id, one more than the largest; None where ids are
        no whole numbers from 0, or leave so many gaps that nobody can mean it (4 n + 64 rows)."""
        numbers = self.numbers()
        if numbers is None or (numbers.size and int(numbers.min()) < 0):
            return None
        rows = int(numbers.max()) + 1 if numbers.size else 0
        return rows if rows <= 4 * len(self) + 64 else None
