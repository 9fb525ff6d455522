"""From columns of ids to integer codes and sorted vocabularies, without a loop over rows in Python.

A table of hashes gives codes in order of first appearance. The distinct ids are then sorted and
looked up once more: the codes that are found are their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._threads import threads
from peerannot.answers import Ids
from peerannot.io.order import WHOLE

__all__ = ["encode"]


def encode(column: pl.Series) -> tuple[NDArray[np.int32], Ids]:
    """Codes of a column without nulls, int32 (n_rows,), and its vocabulary as `Ids.sorted` has it.

    Parameters
    ----------
    column
        Strings or whole numbers.

    Notes
    -----
    Cost: one pass over the rows and a sort of the distinct ids; about .04 s a million rows with a
    million distinct strings, .01 s where strings are few.
    """
    if column.dtype.is_integer():
        return _encode_integers(column)
    coder = native.Coder()
    codes = np.empty(column.len(), np.int32)
    texts, ids = _in_order(column.gather(coder.texts(column, codes)))
    order = np.empty(texts.len(), np.int32)
    coder.find(texts, order)
    return _relabel(codes, order), ids


def _in_order(distinct: pl.Series) -> tuple[pl.Series, Ids]:
    """Distinct strings in the order of `Ids.sorted`, and the vocabulary."""
    whole = distinct.str.contains(WHOLE)
    numerals, others = distinct.filter(whole), distinct.filter(~whole).sort()
    numbers = numerals.cast(pl.Int64, strict=False)
    if numbers.null_count():
        # Numbers over 64 bits: few, so Python's own integers may sort them.
        ids = Ids.sorted(distinct.to_list())
        return ids.texts(), ids
    if bool((numbers.cast(pl.String) == numerals).all()):
        numbers = numbers.sort()
        numerals = numbers.cast(pl.String)
        n = distinct.len()
        if numbers.len() == n and n and numbers[0] == 0 and numbers[-1] == n - 1:
            return numerals, Ids(n)
    else:
        table = pl.DataFrame({"number": numbers, "text": numerals})
        numerals = table.sort("number", "text")["text"]
    texts = pl.concat([numerals, others])
    return texts, Ids.of_column(texts)


def _encode_integers(column: pl.Series) -> tuple[NDArray[np.int32], Ids]:
    values = column.cast(pl.Int64).to_numpy()
    n = values.size
    low, high = (int(values.min()), int(values.max())) if n else (0, -1)
    if low >= 0 and high < 4 * n + 1024:
        present = np.zeros(high + 1, np.bool_)
        present[values] = True
        distinct = np.flatnonzero(present)
        rank = np.cumsum(present, dtype=np.int32) - np.int32(1)
        codes = rank[values]
    else:
        codes = np.empty(n, np.int32)
        rows = native.Coder().numbers(values, codes)
        order = np.argsort(values[rows])
        distinct = values[rows][order]
        codes = _relabel(codes, order)
    if n and distinct[0] == 0 and distinct[-1] == distinct.size - 1:
        return codes, Ids(int(distinct.size))
    return codes, Ids.of_column(distinct)


def _relabel(codes: NDArray[np.int32], order: NDArray[Any]) -> NDArray[np.int32]:
    """The codes, changed in place, once ids stand in this order."""
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    native.ids_replace(codes, rank, threads=threads())
    return codes
