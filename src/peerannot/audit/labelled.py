"""The labels that an audit judges, and what the model behind them says of every task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy, sha256
from peerannot.aggregation import Result
from peerannot.aggregation.passes.ties import label_rows
from peerannot.answers import Answers, only_class
from peerannot.errors import DataError
from peerannot.selection import read_truth

__all__ = ["Labelled", "read_labelled"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of all tasks.

    Attributes
    ----------
    name : str
        The strategy, or the file.
    label : int32 array (n_tasks,)
        -1 where there is none.
    confidence : float64 array (n_tasks,)
        Probability of the label.
    posterior : (n_tasks, n_classes)
        Probability of each class, dense or CSR.
    """

    name: str
    label: NDArray[np.int32]
    confidence: NDArray[np.float64]
    posterior: Any

    @classmethod
    def of(cls, result: Result, name: str = "") -> Labelled:
        """Of what a strategy found; tasks without answers have no label."""
        label = np.where(result.n_answers > 0, result.labels, -1).astype(np.int32)
        return cls(name or result.strategy, label, result.confidence, result.posterior)

    def of_class(self, k: int) -> NDArray[np.float64]:
        """Probability of a class, float64 (n_tasks,)."""
        column = self.posterior[:, [k]]
        dense = column if isinstance(column, np.ndarray) else column.toarray()
        return np.asarray(dense, np.float64).ravel()

    def at(self, task: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of a class of each of some tasks, float64."""
        return np.asarray(self.posterior[task, label], np.float64).ravel()


def read_labelled(path: str | Path, answers: Answers) -> Labelled:
    """Labels from a file: what ``aggregate`` wrote as ``.npy``, probabilities or hard labels in the
    order of the tasks, or anything that `peerannot.selection.read_truth` reads.

    Raises
    ------
    DataError
        The file is not usable, or is not of these tasks and classes.
    """
    path = Path(path)
    name = f"{path.name} ({sha256(path)[:12]})" if path.is_file() else path.name
    n, k = answers.n_tasks, answers.n_classes
    array = load_npy(path) if path.suffix.lower() == ".npy" else None
    if array is None or array.ndim == 1:
        label = only_class(read_truth(path, answers).classes)
        posterior = np.zeros((n, k))
        known = np.flatnonzero(label >= 0)
        posterior[known, label[known]] = 1.0
        return Labelled(name, label, posterior.max(1, initial=0.0), posterior)
    if array.shape != (n, k) or array.dtype.kind != "f":
        raise DataError(
            f"{path}: expected {n} labels, or {n} x {k} probabilities in the order of the tasks,"
            f" not {array.dtype} of shape {array.shape}"
        )
    posterior = array.astype(np.float64)
    total = posterior.sum(1)
    if not np.isfinite(posterior).all() or (posterior < 0).any() or (total > 1 + 1e-3).any():
        raise DataError(f"{path}: a row is no probabilities: finite, not negative, with sum 1")
    label = label_rows(posterior, "first", 0)
    label[(answers.answers_per_task == 0) | (total <= 0)] = -1
    return Labelled(name, label, posterior.max(1, initial=0.0), posterior)
