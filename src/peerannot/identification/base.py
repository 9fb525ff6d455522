"""The contract of a method: a frozen dataclass of options with ``run(evidence) -> Findings``."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from peerannot._options import Options, check
from peerannot._progress import Progress, silent
from peerannot._registry import Named
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = ["Evidence", "Findings", "Method", "TrainsNetwork", "worst_first"]


class TrainsNetwork(Protocol):
    """Trains a new network on samples, shows its logits; `peerannot.learning.training.dynamics`.

    ``task`` (n_samples,) int64 says whose image each sample has, as a position in the answers'
    tasks; ``label`` (n_samples,) int64 what to learn about it. A task may occur many times. One
    array an epoch comes back, float32 (n_samples, n_classes): the logits of each sample as the
    network computed them while it trained on it.
    """

    def __call__(
        self, task: NDArray[np.int64], label: NDArray[np.int64], *, batch_size: int | None = None
    ) -> Iterable[NDArray[np.float32]]: ...


@dataclass(frozen=True)
class Evidence:
    """All that a method may look at; each method says what it needs.

    Attributes
    ----------
    answers : Answers
        The votes.
    n_workers : int or None
        Rows of arrays over workers, which are then indexed by worker id, when ids are whole
        numbers under it with few gaps (see `Ids.span`); otherwise rows follow
        ``answers.workers``, and ``worker_ids.csv`` says whose they are.
    confusion : float array (n_workers, n_classes, n_classes) or None
        Confusion matrices ``[worker, true, answered]`` known beforehand, rows as above.
    files : sequence of str
        Name of the image of each task; empty where there are none.
    index : int64 array (n_tasks,) or None
        Position of each task's image in the train folder, -1 for none.
    labels : int array (n_tasks,) or None
        A hard label of each task to judge, -1 for none.
    probabilities : float array (n_tasks, n_classes) or None
        What a classifier says of tasks that it was not trained on.
    train : TrainsNetwork or None
    one_network : bool
        Whether ``train`` replays one network instead of training a new one at each call.
    model : str
        Name of the network, which names a folder.
    kinds : sequence of str
        What each worker is, ``"human"`` or ``"model"``; empty where all are human.
    groups : mapping
        Name of the group of workers that are known to be alike, by worker id.
    progress : Progress
    """

    answers: Answers
    n_workers: int | None = None
    confusion: NDArray[np.float64] | None = None
    files: Sequence[str] = ()
    index: NDArray[np.int64] | None = None
    labels: NDArray[np.int64] | None = None
    probabilities: NDArray[np.float64] | None = None
    train: TrainsNetwork | None = None
    one_network: bool = False
    model: str = "network"
    kinds: Sequence[str] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent

    def kind_of_workers(self) -> list[str]:
        """What each worker is, ``"human"`` or ``"model"``."""
        return list(self.kinds) or ["human"] * self.answers.n_workers

    def file_of(self, tasks: NDArray[Any]) -> list[str]:
        """Names of the images of tasks, empty texts where there are none."""
        return [self.files[int(i)] if self.files else "" for i in tasks]

    def index_of(self, tasks: NDArray[Any]) -> NDArray[np.int64]:
        """Positions of the images of tasks in the train folder, -1 where there are none."""
        if self.index is None:
            return np.full(len(tasks), -1, np.int64)
        return np.asarray(self.index[tasks])

    def worker_rows(self) -> tuple[NDArray[np.int64], int]:
        """Row of each worker in arrays over workers, and the number of rows."""
        workers = self.answers.workers
        most = 4 * len(workers) + 64
        if self.n_workers is not None and (workers.span() or most + 1) <= self.n_workers <= most:
            ids = workers.numbers()
            assert ids is not None
            return ids, self.n_workers
        return np.arange(len(workers)), len(workers)

    def worker_ids(self) -> dict[str, Any]:
        """The table ``worker_ids.csv`` (row, worker) of arrays over workers, by its name; empty
        where rows are ids."""
        workers = self.answers.workers
        rows = self.worker_rows()[0]
        if workers == Ids.of_column(rows):
            return {}
        return {"identification/worker_ids.csv": {"row": rows, "worker": list(workers)}}

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """A value of each worker as an array with a row for each worker id; NaN for no answer."""
        rows, n = self.worker_rows()
        out = np.full((n, *values.shape[1:]), np.nan)
        out[rows] = values
        return out

    def trainer(self, method: str) -> TrainsNetwork:
        """The trainer, or an error that says what is missing."""
        if self.train is None:
            raise ParameterError(
                f"{method} needs images to train on, or --logits FILE with the logits of each epoch"
            )
        return self.train


@dataclass(frozen=True)
class Findings:
    """What a method found.

    Attributes
    ----------
    table : mapping of columns
        Scores, worst first.
    table_file : str
        Where the table goes, under the dataset's folder.
    files : mapping
        Other files under the dataset's folder: name to an array (``.npy``), a text, a mapping
        of columns (``.csv``), or ``Document`` (``.json``).
    score : str
        The column that the table is sorted by.
    subject : str
        What a row is: ``"task"``, ``"worker"``, ...
    summary : mapping
        Facts worth a line.
    axis : str
        What the score is, for the axis of a picture.
    """

    table: Mapping[str, Any]
    table_file: str
    score: str
    subject: Literal["task", "worker", "pair", "class pair", "coefficient"] = "task"
    files: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    axis: str = ""


@dataclass(frozen=True, kw_only=True)
class Method(Named, Options, ABC):
    """Base of all methods. Options are fields; `run` looks at the evidence and changes nothing."""

    needs: ClassVar[frozenset[str]] = frozenset()
    """What must be prepared beforehand: "network", "labels", "probabilities"."""
    takes_weights: ClassVar[bool] = True
    """Whether weights of answers count; where they do not, `run` warns."""

    @abstractmethod
    def _run(self, evidence: Evidence) -> Findings:
        """Find; options are checked, there are answers."""

    def run(self, evidence: Evidence) -> Findings:
        """Look at the evidence.

        Raises
        ------
        ParameterError
            An option is out of range, or what the method needs is not given.
        DataError
            There is no answer.
        """
        check(self)
        if evidence.answers.n_answers == 0:
            raise DataError(f"{self.name}: there are no answers")
        if evidence.answers.weight is not None and not self.takes_weights:
            warnings.warn(
                f"{self.name} takes every answer alike: the weights do not count", DataWarning,
                stacklevel=2,
            )  # fmt: skip
        return self._run(evidence)


def worst_first(score: NDArray[Any], *, high_is_bad: bool = False) -> NDArray[np.int64]:
    """Order of rows from the worst score to the best; equal ones in order, NaN last."""
    key = -score if high_is_bad else score
    return np.argsort(np.where(np.isnan(key), np.inf, key), kind="stable")
