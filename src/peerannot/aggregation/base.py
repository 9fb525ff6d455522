"""The contract of a strategy: a frozen dataclass of options with ``fit(answers) -> Result``."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import InitVar, asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Self, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._options import Options, check, option
from peerannot._progress import Progress, silent
from peerannot._registry import Named
from peerannot._text import few
from peerannot.aggregation.drawing.base import AnswerModel
from peerannot.aggregation.fit import Fit, Fitted, Start
from peerannot.aggregation.frames import Reading, as_answers, as_gold, shown
from peerannot.aggregation.online.models import Batch, Sums
from peerannot.aggregation.online.state import OnlineState, add_answers
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import LocalParts, Parts, Size
from peerannot.aggregation.passes.known_confusions import are_confusions, posterior_of_confusions
from peerannot.aggregation.passes.ties import label_rows
from peerannot.aggregation.result import Result
from peerannot.answers import Answers, gold_classes, only_class, say_several
from peerannot.errors import DataError, ParameterError

__all__ = ["Content", "Fit", "Fitted", "Iterative", "Start", "Strategy"]


@dataclass(frozen=True)
class Content:
    """What an option gave, and the name of it for messages: of a file, or of the option."""

    where: str
    value: Any

    @classmethod
    def of(cls, given: Any, option: str) -> Content:
        """The value of an option, whether it was read from a file or given as it is."""
        return given if isinstance(given, cls) else cls(option, given)


@dataclass(frozen=True, kw_only=True)
class Strategy(Named, Options, ABC):
    """Base of all strategies. Options are fields; ``fit`` takes the data and changes nothing.

    Parameters
    ----------
    ties
        How a hard label is chosen where several classes are equally probable: the ``"first"``
        class; one drawn at ``"random"``; ``"share"`` (the default: votes are shared equally in
        the posterior of voting rules, the hard label is drawn at random); or ``"abstain"``
        (label -1).
    seed
        Seed of everything random in the strategy.
    """

    takes_gold: ClassVar[bool] = False
    needs_gold: ClassVar[bool] = False
    takes_init: ClassVar[bool] = False
    takes_classifier: ClassVar[bool] = False  # whether what it starts from is a classifier's
    estimates_skill: ClassVar[bool] = True  # whether the result has the skill of each worker
    counts_votes: ClassVar[bool] = False  # whether it only asks how many votes a class got
    relaxed_by: ClassVar[Mapping[str, str]] = {}
    """Strategies that drop an assumption: of ``difficulty``, ``dependence`` and ``skill``."""

    ties: Literal["first", "random", "share", "abstain"] = option(
        "share", help="rule for equally probable classes"
    )
    seed: int = option(0, at_least=0, help="seed of everything random")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        """Fit the model on partitions of tasks, from which only sums travel.

        A strategy that defines it runs in memory, out of core and on a cluster. One that needs
        all tasks in one place defines ``_fit`` instead. Options are checked, the data are valid.
        """
        raise NotImplementedError(f"{type(self).__name__} must define fit_parts or _fit")

    def with_files(self) -> Self:
        """The strategy with the content of the files that its options name, as fits take it.

        A value of an option that was a file becomes a `Content`.

        Raises
        ------
        DataError
            A file cannot be used.
        """
        return self

    @classmethod
    def for_checks(cls, answers: Answers) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Options, and arguments of `fit`, with which `peerannot.checks` try the strategy.

        What it cannot be without for these answers, and what keeps a check quick where defaults
        are for real data. A start, ``init``, is an array. Gold labels are given where
        ``needs_gold``.
        """
        return {}, {}

    def needs_all_tasks(self) -> str | None:
        """Why the strategy cannot run on partitions with these options; None where it can."""
        return None

    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        """Fit the model to answers in one place: by default as one partition."""
        parts = LocalParts.whole(answers, start.gold, start.posterior, start.accepted)
        done = self.fit_parts(parts, progress)
        of_tasks: Fit = done.write(parts.parts[0], *done.given)
        return replace(
            done.fit, posterior=of_tasks.posterior, labels=of_tasks.labels,
            confidence=of_tasks.confidence, entropy=of_tasks.entropy,
            task_columns=of_tasks.task_columns,
        )  # fmt: skip

    def side_files(self, result: Result) -> dict[str, Any]:
        """Files of its own that the strategy leaves in a dataset's ``identification`` folder.

        Name to an array (``.npy``), a text, or a mapping of columns (``.csv``).
        """
        return {}

    def fit(
        self,
        answers: Answers | Any,
        gold: Mapping[str, Any] | ArrayLike | None = None,
        *,
        init: Result | ArrayLike | Mapping[str, ArrayLike] | None = None,
        progress: Progress | None = None,
        **reading: Unpack[Reading],
    ) -> Result:
        """Fit the strategy to the answers.

        Parameters
        ----------
        answers
            The votes: `Answers`, a frame with columns task, worker, label, a matrix
            (n_tasks, n_workers) with NaN for no answer, ``{task: {worker: label}}``, or a path.
        gold
            Known classes of some tasks, see `peerannot.answers.gold_classes`; they stay fixed.
            A mapping or a Series from task to label, in the values that a frame has. Of a task
            with several labels none is held fixed.
        init
            A posterior (n_tasks, n_classes), or a `Result` of the same classes to start from.
            The result may be of other tasks: those that it has are found by their ids, the
            others start from their vote shares. Or confusions that are known of workers, see
            `peerannot.aggregation.passes.known_confusions.posterior_of_confusions`.
        progress
            Told the iterations done.
        **reading
            How other data than `Answers` are read, see `Layout` and `Reading`: ``task``,
            ``worker``, ``label``, ``weight`` (names of columns), ``classes``, ``labels``.

        Raises
        ------
        ParameterError
            An option is out of range, or the strategy cannot take ``gold`` or ``init``.
        DataError
            There are no classes, or ``gold`` or ``init`` do not fit the answers.
        """
        check(self)
        answers, origin = as_answers(answers, reading)
        if answers.n_classes == 0:
            raise DataError("answers: there are no answers and no classes; nothing to aggregate")
        if gold is not None and not self.takes_gold:
            raise ParameterError(f"{self.name} cannot use gold labels")
        if init is not None and not self.takes_init:
            raise ParameterError(f"{self.name} has nothing to start from: drop init")
        known = gold_classes(answers, as_gold(gold, origin))
        say_several(known)
        start = Start(only_class(known), _start_posterior(answers, init), known)
        fit = self.with_files()._fit(answers, start, progress or silent)
        fit.diagnostics.warn(self.name)
        return replace(self.result_of(answers, fit), origin=origin)

    def fit_predict(self, answers: Answers | Any, gold: Any = None, **options: Any) -> Any:
        """Fit, and the hard label of each task as the data came in.

        A Series ``agg_label`` indexed by task for a frame of pandas; a frame of columns task and
        agg_label for one of another library; an array in the order of the rows for a matrix (what
        stands for no answer where nobody answered), and of the tasks for `Answers` and files.
        Options are those of `fit`.
        """
        result = self.fit(answers, gold, **options)
        return result.origin.labels(result)

    def fit_predict_proba(self, answers: Answers | Any, gold: Any = None, **options: Any) -> Any:
        """Fit, and the probability of each class as the data came in.

        A frame with a column a class, the tasks as its index (pandas) or its first column; an
        array (n_tasks, n_classes) for a matrix (NaN where nobody answered), `Answers` and files.
        Options are those of `fit`.
        """
        result = self.fit(answers, gold, **options)
        return result.origin.probabilities(result)

    def partial_fit(
        self,
        answers: Answers | Any,
        state: OnlineState | None = None,
        *,
        gold: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> OnlineState:
        """Add answers to a state, without a refit; see `peerannot.aggregation.online.state`.

        Parameters
        ----------
        answers
            New answers, as `fit` has them; tasks and workers may be new, classes not.
        state
            What earlier calls gave; None to begin. It is not changed.
        gold
            Known classes of tasks of ``answers`` or of the state.
        options
            Of a new state: ``duplicates``, ``decay``, ``passes``, see `OnlineState`.

        Raises
        ------
        ParameterError
            The strategy is not additive, or the state is of other options.
        """
        check(self)
        if not self.learns_online():
            raise ParameterError(
                f"{self.name} cannot learn from batches; `peerannot agginfo NAME` says what can"
            )
        return add_answers(self, as_answers(answers)[0], state, gold=gold, **options)

    def grow(self, sums: Sums, batch: Batch) -> Sums:
        """The sums with a batch in them, see `peerannot.aggregation.online.state`."""
        raise NotImplementedError

    def read(self, answers: Answers, sums: Sums, gold: NDArray[np.int32]) -> Fit:
        """What the sums say of all tasks."""
        raise NotImplementedError

    def answer_model(self, answers: Answers, result: Result) -> AnswerModel:
        """The fitted model as a law of the answers, which can be drawn from it.

        Parameters
        ----------
        answers, result
            What was fitted, and what this strategy found.

        Raises
        ------
        ParameterError
            What it takes does not fit in memory.
        """
        raise NotImplementedError

    @classmethod
    def models_answers(cls) -> bool:
        """Whether a fit says how probable answers are, so that its model can be checked.

        A family says so in ``answer_model``. A subclass that changes how it is fitted
        (``_fit``, ``fit_parts``) does not unless it says so itself.
        """
        return cls._says("answer_model", unless={"_fit", "fit_parts"})

    @classmethod
    def runs_on_partitions(cls) -> bool:
        """Whether it runs on partitions of tasks: out of core and on a cluster.

        A family says how in ``fit_parts``. A subclass that changes ``_fit`` alone would give
        something else there, so it does not run; nor does one with ``fit_parts = None``.
        """
        return cls._says("fit_parts", unless={"_fit"})

    @classmethod
    def learns_online(cls) -> bool:
        """Whether batches of answers can be added to what it has learned.

        A family says how in ``grow`` and ``read``. A subclass that changes ``_fit`` or
        ``fit_parts`` alone, or has ``grow = None``, does not.
        """
        return cls._says("grow", unless={"_fit", "fit_parts"})

    @classmethod
    def _says(cls, method: str, *, unless: set[str]) -> bool:
        for base in cls.__mro__:
            if method in vars(base):
                return base is not Strategy and vars(base)[method] is not None
            if unless & vars(base).keys():
                return False
        return False

    def result_of(self, answers: Answers, fit: Fit) -> Result:
        """A fit with the vocabularies and counts of its answers."""
        labels = fit.labels
        if labels is None:
            labels = label_rows(fit.posterior, self.ties, self.seed)
        return Result(
            strategy=self.name,
            options=asdict(self),
            tasks=answers.tasks,
            workers=answers.workers,
            classes=answers.classes,
            posterior=fit.posterior,
            labels=labels,
            n_answers=answers.answers_per_task,
            worker_answers=answers.answers_per_worker,
            share_confidence=fit.confidence,
            share_entropy=fit.entropy,
            skill=fit.skill,
            confusion=fit.confusion,
            prior=fit.prior,
            worker_columns=fit.worker_columns,
            task_columns=fit.task_columns,
            extra=fit.extra,
            diagnostics=fit.diagnostics,
            input_sha256=answers.digest,
        )


@dataclass(frozen=True, kw_only=True)
class Iterative(Strategy):
    """A strategy that iterates to convergence.

    Parameters
    ----------
    max_iter
        Most iterations.
    tol
        Stop when the objective gains less than this per answer; 0 runs all iterations.
    n_iter
        Another name of ``max_iter``, that of crowd-kit; used where it is given.
    """

    n_iter: InitVar[int | None] = None

    max_iter: int = option(200, at_least=1, help="most iterations")
    tol: float = option(2e-6, at_least=0.0, help="least gain of the objective per answer")

    def __post_init__(self, n_iter: int | None) -> None:
        if n_iter is not None:
            object.__setattr__(self, "max_iter", n_iter)
        super().__post_init__()

    def stops(self, objective: list[float], answers: Answers | Size) -> bool:
        """Whether the last gain is under the tolerance; an answer of weight 2 counts as two."""
        if len(objective) < 2:
            return False
        gain = abs(objective[-1] - objective[-2]) / max(answers.total_weight, 1.0)
        return self.tol > 0 and gain < self.tol


def _start_posterior(
    answers: Answers, init: Result | ArrayLike | Mapping[str, ArrayLike] | None
) -> NDArray[np.float64] | None:
    if init is None:
        return None
    if are_confusions(init):
        return posterior_of_confusions(answers, init)
    if isinstance(init, Result):
        init = _of_known_tasks(answers, init)
    try:
        array = np.array(init, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"init: expected a posterior or a Result, not {shown(init)}") from None
    shape = (answers.n_tasks, answers.n_classes)
    if array.shape != shape:
        raise DataError(f"init: expected a posterior of shape {shape}, not {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any() or (array.sum(1) <= 0).any():
        raise DataError("init: rows must be finite, not negative and not all zero")
    return np.asarray(array / array.sum(1, keepdims=True))


def _of_known_tasks(answers: Answers, init: Result) -> NDArray[np.float64]:
    """The posterior of a result for these tasks; vote shares for those that it does not have."""
    if init.tasks == answers.tasks and init.classes == answers.classes:
        return init.dense_posterior()
    columns = init.classes.codes(list(answers.classes))
    if (columns < 0).any() or len(init.classes) != answers.n_classes:
        raise DataError(
            f"init: its classes ({few(init.classes, 6)}) are not those of the answers"
            f" ({few(answers.classes, 6)})"
        )
    rows = init.tasks.codes(list(answers.tasks))
    shape = (answers.n_tasks, answers.n_classes)
    cell = answers.task.astype(np.int64) * shape[1] + answers.label
    votes = np.bincount(cell, answers.weight, minlength=shape[0] * shape[1]).reshape(shape)
    total = votes.sum(1, keepdims=True)
    start = np.where(total > 0, votes / np.where(total > 0, total, 1.0), 1.0 / shape[1])
    start[rows >= 0] = init.dense_posterior()[rows[rows >= 0]][:, columns]
    return start
