"""Ids of tasks and workers as positions in a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers.ids import DIGITS_LOST, Ids
from peerannot.answers.labels import as_texts, as_values
from peerannot.errors import DataError

__all__ = ["code_ids", "ids_kept"]


def code_ids(
    column: Iterable[Any], vocabulary: Iterable[str] | None, what: str
) -> tuple[NDArray[np.int32], Ids]:
    """Position of each id of a column, and the vocabulary: the given one, or ids that occur.

    Raises
    ------
    DataError
        An id is missing, not in the vocabulary, or there twice; ``what`` names the column.
    """
    values = as_values(column)
    if vocabulary is not None:
        try:
            ids = vocabulary if isinstance(vocabulary, Ids) else Ids(map(str, vocabulary))
        except DataError as twice:
            raise DataError(f"answers: {what}s: {twice}; list each once") from None
        codes = ids.codes(map(str, values))
        if (codes < 0).any():
            first = int(np.flatnonzero(codes < 0)[0])
            raise DataError(
                f"answers row {first + 1}: {what} {str(values[first])!r} is not one of the known"
                + did_you_mean(str(values[first]), ids)
            )
        return codes, ids
    if isinstance(values, np.ndarray):
        unique, codes_ = np.unique(values, return_inverse=True)
        return codes_.astype(np.int32), Ids.sorted(map(str, unique.tolist()))
    for row, value in enumerate(values):
        if value is None or value != value:
            raise DataError(f"answers row {row + 1}: the {what} is missing")
        if isinstance(value, float) and abs(value) >= 2**53:
            raise DataError(f"answers row {row + 1}: the {what} {value!r} {DIGITS_LOST}")
    if all(isinstance(value, float) and value.is_integer() for value in values):
        values = list(map(int, values))
    texts = as_texts(values)
    ids = Ids.sorted(texts)
    return ids.codes(texts), ids


def ids_kept(ids: Ids, removed: Iterable[str], what: str) -> NDArray[np.bool_]:
    """A mark of each id that is not removed.

    Raises
    ------
    DataError
        One to remove is not among the ids.
    """
    listed = [removed] if isinstance(removed, str) else [str(i) for i in removed]
    codes = ids.codes(listed)
    if (codes < 0).any():
        unknown = [i for i, c in zip(listed, codes, strict=True) if c < 0]
        raise DataError(f"{what} to remove that have no entry in the answers: {few(unknown)}")
    keep = np.ones(len(ids), np.bool_)
    keep[codes] = False
    return keep
