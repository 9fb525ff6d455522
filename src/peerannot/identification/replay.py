"""Logits recorded by any framework, in place of a training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.answers import Answers
from peerannot.errors import DataError

__all__ = ["Replay"]


class Replay:
    """A `Trainer` that replays recorded logits.

    Parameters
    ----------
    logits
        (n_epochs, n_tasks, n_classes), tasks in ascending order of key.
    answers
        The votes, whose tasks and classes these are.
    where
        The file, for messages.

    Raises
    ------
    DataError
        The shape does not fit, or a value is not finite.
    """

    def __init__(self, logits: NDArray[Any], answers: Answers, where: str = "logits") -> None:
        shape = (answers.n_tasks, answers.n_classes)
        if logits.ndim != 3 or logits.shape[1:] != shape or logits.dtype.kind != "f":
            raise DataError(
                f"{where}: expected floats of shape (epochs, {shape[0]} tasks, {shape[1]} classes),"
                f" not {logits.dtype} {logits.shape}"
            )
        if not np.isfinite(logits).all():
            raise DataError(f"{where}: a value is not finite")
        self._logits = logits

    def __call__(
        self, task: NDArray[np.int64], label: NDArray[np.int64], *, batch_size: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        del label, batch_size
        for epoch in self._logits:
            yield epoch[task].astype(np.float32)
