"""From columns of ids to integer codes and sorted vocabularies, without a loop over rows in Python.

Strings are hashed by Polars; a compiled table turns hashes into codes in order of first
appearance; the distinct strings are gathered back and compared with every row, so a collision
of hashes is noticed and the column is hashed anew with another seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._compiled import compiled
from peerannot.answers import Ids

__all__ = ["encode", "sort_ids"]

_SEEDS = (0, 1, 2)


def encode(column: pl.Series) -> tuple[NDArray[np.int32], Ids]:
    """Codes of a column without nulls, int32 (n_rows,), and its vocabulary as `Ids.sorted` has it.

    Parameters
    ----------
    column
        Strings or whole numbers.

    Notes
    -----
    Cost: two passes over the rows and a sort of the distinct ids; about .1 s a million rows
    with a million distinct strings.
    """
    if column.dtype.is_integer():
        return _encode_integers(column)
    for seed in _SEEDS:
        hashes = column.hash(seed).to_numpy()
        codes, rows = _first_appearance(hashes)
        distinct = column.gather(rows)
        if bool((distinct.gather(codes) == column).all()):
            break
    else:  # pragma: no cover - three collisions in a row
        distinct = column.unique(maintain_order=True)
        codes = column.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int32)
    order, ids = sort_ids(distinct)
    return _relabel(codes, order), ids


def sort_ids(distinct: pl.Series) -> tuple[NDArray[np.int64], Ids]:
    """Order of distinct strings as `Ids.sorted` has it, and the vocabulary in that order."""
    table = pl.DataFrame({"text": distinct}).with_columns(
        whole=pl.col("text").str.contains(r"^-?[0-9]+$"),
        number=pl.col("text").cast(pl.Int64, strict=False),
    )
    if table.filter(pl.col("whole") & pl.col("number").is_null()).height:
        # Numbers over 64 bits: few, so Python's own integers may sort them.
        texts = distinct.to_list()
        ids = Ids.sorted(texts)
        return np.argsort(ids.codes(texts), kind="stable"), ids
    table = table.with_columns(number=pl.when("whole").then("number")).with_row_index("row")
    table = table.sort("number", "text", nulls_last=True)
    order = table["row"].to_numpy().astype(np.int64)
    numbers = table["number"]
    n = table.height
    if n and numbers.null_count() == 0 and numbers[0] == 0 and numbers[-1] == n - 1:
        canonical = table.select((pl.col("number").cast(pl.String) == pl.col("text")).all()).item()
        if canonical and numbers.n_unique() == n:
            return order, Ids(n)
    return order, Ids.of_column(table["text"])


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
        codes, rows = _first_appearance(values.view(np.uint64))
        order = np.argsort(values[rows])
        distinct = values[rows][order]
        codes = _relabel(codes, order)
    if n and distinct[0] == 0 and distinct[-1] == distinct.size - 1:
        return codes, Ids(int(distinct.size))
    return codes, Ids.of_column(distinct)


def _relabel(codes: NDArray[np.int32], order: NDArray[Any]) -> NDArray[np.int32]:
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    return rank[codes]


@compiled()
def _first_appearance(
    keys: NDArray[np.uint64],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:  # pragma: no cover - compiled
    """Code of each key in order of first appearance, and the row where each code appeared."""
    size = 1 << 12
    slots = np.full(size, -1, np.int32)
    held = np.empty(size, np.uint64)
    rows = np.empty(size // 2, np.int64)
    codes = np.empty(keys.size, np.int32)
    n = 0
    for i in range(keys.size):
        if 2 * n >= size:
            bigger = size * 4
            new_slots = np.full(bigger, -1, np.int32)
            new_held = np.empty(bigger, np.uint64)
            for s in range(size):
                if slots[s] >= 0:
                    t = _home(held[s], bigger)
                    while new_slots[t] >= 0:
                        t = (t + 1) & (bigger - 1)
                    new_slots[t] = slots[s]
                    new_held[t] = held[s]
            new_rows = np.empty(bigger // 2, np.int64)
            new_rows[:n] = rows[:n]
            size, slots, held, rows = bigger, new_slots, new_held, new_rows
        key = keys[i]
        s = _home(key, size)
        while slots[s] >= 0 and held[s] != key:
            s = (s + 1) & (size - 1)
        if slots[s] < 0:
            slots[s] = n
            held[s] = key
            rows[n] = i
            n += 1
        codes[i] = slots[s]
    return codes, rows[:n].copy()


@compiled()
def _home(key: np.uint64, size: int) -> int:  # pragma: no cover - compiled
    # Fibonacci hashing: consecutive integers must not fill neighbouring slots.
    mixed = (key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return int(np.int64(mixed >> np.uint64(20)) & (size - 1))
