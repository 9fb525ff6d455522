"""What is asked of a fit, whichever engine does it; and what an engine is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from peerannot._progress import Progress, silent
from peerannot._sizes import USUAL, Sizes
from peerannot._text import did_you_mean
from peerannot.answers import DuplicatePolicy, Meaning, check_meaning
from peerannot.errors import ParameterError

if TYPE_CHECKING:
    from peerannot.aggregation.base import Strategy
    from peerannot.aggregation.partitions.sharded_result import ShardedResult
    from peerannot.aggregation.result import Result

__all__ = ["Engine", "Outcome", "Request", "Sizes"]


def _silent(line: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a fit; each engine says which of it it takes (`Engine.takes`).

    Attributes
    ----------
    data
        `Answers`; a frame with columns task, worker, label; a matrix (n_tasks, n_workers) with
        NaN for no answer; ``{task: {worker: label}}``; a path, a pattern, or several of them; for
        engine dask also URLs.
    strategy : Strategy or None
        None takes the one that predicts held-out answers best.
    typed : str
        The strategy as the user wrote it, which names files of labels.
    gold
        Known classes of some tasks, which stay fixed: by task, an array (n_tasks,), or a path.
    init
        Where to start from, see `Strategy.fit`.
    features
        File of features of the tasks, see `peerannot.dataset.read_features`, or `Features`: for
        strategies that weigh a classifier, whose probabilities are then those of cross-validated
        heads on them (`peerannot.engines.heads`).
    weights
        Weights of the answers: the name of a column, or an array (n_answers,) for `Answers`.
    task, worker, label : str or None
        Names of the columns where they are not usual ones.
    classes, labels, duplicates
        See `peerannot.io.read`.
    missing_label
        What stands for no answer in a frame or matrix, beside NaN and None.
    format : str or None
        Name of the format; by default it is found by content.
    read : mapping
        Other options of reading a file, see `peerannot.io.read`: ``where``, ``sheet``, ...
    answers_file, metadata, path_remove
        Of a dataset folder: file of votes, metadata, tasks to leave out.
    output
        Where the labels go: a table (.parquet, .csv, .tsv), or a folder for shards, from disk and
        Dask; the dataset folder that was read, for labels beside its answers.
    workers_output
        Table of the workers.
    rows : callable or None
        Told the table of labels, a Polars frame of tasks at a time, where there is no ``output``.
    hard : bool
        Hard labels instead of probabilities.
    force : bool
        Whether an earlier output may be replaced.
    strict : bool
        Whether a fit that does not converge is an error.
    save_state, update
        Of a dataset folder: whether a state is kept; a file of answers to add to it.
    calibrate : bool
        Whether probabilities are made as sure as they are right, see
        `peerannot.aggregation.uncertainty.calibrate`: by gold labels where there are 20, else by
        held-out answers; a fit a fold, five. The map is in the manifest, and in a saved state.
    intervals : bool
        Whether to add 95 % intervals of workers' skill and of the accuracy.
    bootstrap : int or None
        Fits on tasks drawn again, for intervals.
    scratch
        Folder of the memory-mapped files, 4 to 6 bytes an answer (8 more with weights) and 4 to
        12 bytes a task, and while tables of text are coded at most as much as these take; it is
        kept, and used again while the shards stay as they are. By default a folder in or beside
        ``output`` that is removed at the end, also when the fit fails.
    scheduler : str or None
        Address of a running scheduler, ``tcp://HOST:PORT``.
    workers : int or None
        Without a scheduler: processes to start on this machine, which share its cores.
    client
        A `distributed.Client` to use instead; it stays open.
    patience : float
        Seconds to wait for a worker where there is none, and for a scheduler 15 of them at most.
    partitions : int or None
        Partitions of tasks. By default one a worker, more where one would have over
        ``sizes.partition_rows`` rows.
        Results depend on their number only through the rounding of sums.
    resume : bool
        Go on from the last checkpoint in ``output``, where there is one of the same fit.
    skip_bad_shards : bool
        Leave out shards that cannot be read, and tell of them.
    checkpoint_every : int
        Iterations from one checkpoint to the next.
    memory_limit : int or None
        Bytes beyond which engine auto fits from disk; by default what is free.
    sizes : Sizes
        How much of shards is worked on at a time.
    progress : Progress
        Told how far the work is.
    tell : callable
        Told what a person should know, a line at a time.
    spell : callable
        How messages write the name of a field; the command line has flags.
    """

    data: Any
    strategy: Strategy | None
    typed: str = ""
    gold: Any = None
    init: Any = None
    features: Any = None
    weights: Any = None
    task: str | None = None
    worker: str | None = None
    label: str | None = None
    classes: Iterable[Any] | int | None = None
    labels: Meaning | None = None
    duplicates: DuplicatePolicy | None = None
    missing_label: Any = None
    format: str | None = None
    read: Mapping[str, Any] = field(default_factory=dict)
    answers_file: str = "answers.json"
    metadata: str | Path | None = None
    path_remove: str | Path | None = None
    output: str | Path | None = None
    workers_output: str | Path | None = None
    rows: Callable[[Any], None] | None = None
    hard: bool = False
    force: bool = False
    strict: bool = False
    save_state: bool = False
    update: str | Path | None = None
    calibrate: bool = False
    intervals: bool = False
    bootstrap: int | None = None
    scratch: str | Path | None = None
    scheduler: str | None = None
    workers: int | None = None
    client: Any = None
    patience: float = 300.0
    partitions: int | None = None
    resume: bool = False
    skip_bad_shards: bool = False
    checkpoint_every: int = 5
    memory_limit: int | None = None
    sizes: Sizes = USUAL
    progress: Progress = silent
    tell: Callable[[str], None] = _silent
    spell: Callable[[str], str] = str

    def __post_init__(self) -> None:
        check_meaning(self.labels)

    @classmethod
    def of(cls, data: Any, strategy: Strategy | None, options: Mapping[str, Any]) -> Request:
        """A request of options by name; None stands for the default.

        Raises
        ------
        ParameterError
            There is no such option.
        """
        known = [name for name in cls.__dataclass_fields__ if name not in ("data", "strategy")]
        for name in options:
            if name not in known:
                near = did_you_mean(name, known) or f"; it has {', '.join(known)}"
                raise ParameterError(f"aggregate has no option {name!r}{near}")
        given = {name: value for name, value in options.items() if value is not None}
        return cls(data=data, strategy=strategy, **given)

    @classmethod
    def of_shards(cls, paths: Any, strategy: str | Strategy, options: Mapping[str, Any]) -> Request:
        """A request in the words of ``fit_shards`` and ``distributed.fit``."""
        from peerannot.aggregation.registry import build

        chosen = build(strategy) if isinstance(strategy, str) else strategy
        old = {"task_col": "task", "worker_col": "worker", "label_col": "label",
               "weight_col": "weights"}  # fmt: skip
        named = {old.get(name, name): value for name, value in options.items()}
        return cls.of(paths, chosen, {"typed": chosen.name, "force": True, **named})

    def given(self) -> list[str]:
        """Names of the fields that are not as they are by default."""
        found = []
        for one in fields(self):
            default = one.default if one.default_factory is MISSING else one.default_factory()
            value = getattr(self, one.name)
            plain = isinstance(value, int | str | dict | Sizes) and value == default
            if value is not default and not plain:
                found.append(one.name)
        return found

    def paths(self) -> list[str | Path] | None:
        """The paths, patterns and URLs that are the data; None where the data are none."""
        several = self.data if isinstance(self.data, list | tuple) else [self.data]
        named = several and all(isinstance(one, str | Path) for one in several)
        return list(several) if named else None

    def columns(self) -> dict[str, str | None]:
        """Names of the columns of a table.

        Raises
        ------
        ParameterError
            Weights are no name of a column.
        """
        if self.weights is not None and not isinstance(self.weights, str):
            raise ParameterError(f"{self.spell('weights')}: expected the name of a column")
        return {
            "task": self.task, "worker": self.worker, "label": self.label, "weight": self.weights
        }  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes
    ----------
    result : Result or ShardedResult
    facts : mapping
        What the command line prints of it with ``--json``.
    shown : str
        Where the labels are; empty where they were not written.
    """

    result: Result | ShardedResult
    facts: Mapping[str, Any]
    shown: str = ""


class Engine(ABC):
    """Where a fit runs.

    Attributes
    ----------
    name : str
    takes : frozenset of str
        The fields of a `Request` that it heeds; all others must be as they are by default.
    lacks : mapping of str to str
        Why it does not take some of the others, in a few words.
    """

    name: ClassVar[str]
    takes: ClassVar[frozenset[str]]
    lacks: ClassVar[Mapping[str, str]] = {}

    ALWAYS: ClassVar = frozenset({"data", "strategy", "typed", "progress", "tell", "spell"})
    """What is asked of every engine."""

    def not_taken(self, request: Request) -> list[str]:
        """Names of what was given and the engine does not take; ``read.NAME`` of what is in it."""
        unfit = [name for name in request.given() if name not in self.takes | self.ALWAYS]
        return [
            one
            for name in unfit
            for one in ([f"read.{option}" for option in request.read] if name == "read" else [name])
        ]

    @abstractmethod
    def run(self, request: Request) -> Outcome:
        """Do what was asked; all that was given is taken.

        Raises
        ------
        ParameterError
            The strategy cannot do it.
        DataError
            The data cannot be used.
        """
