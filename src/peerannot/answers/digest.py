"""SHA-256 of the content of answers, wherever the arrays are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from peerannot.answers.ids import Ids

__all__ = ["digest_of"]


def digest_of(columns: Iterable[Iterable[NDArray[Any]] | None], vocabularies: Iterable[Ids]) -> str:
    """SHA-256 of arrays and of the ids that they mean.

    Parameters
    ----------
    columns
        Pieces of each array, such as task, worker, label and weight, in order; None for an array
        that is not there.
    vocabularies
        Ids of tasks, workers and classes.
    """
    state = hashlib.sha256()
    for pieces in columns:
        if pieces is None:
            state.update(b"-")
            continue
        for piece in pieces:
            state.update(piece.tobytes())
    for ids in vocabularies:
        state.update("\0".join(ids).encode() + b"\1")
    return state.hexdigest()
