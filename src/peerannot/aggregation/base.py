"""The contract of a strategy: a frozen dataclass of options with ``fit(answers) -> Result``."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._options import check, option
from peerannot._progress import Progress, silent
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.aggregation.ties import label_rows
from peerannot.answers import Answers, gold_labels
from peerannot.errors import ConvergenceWarning, DataError, ParameterError

__all__ = ["Fit", "Iterative", "Start", "Strategy"]


@dataclass(frozen=True)
class Start:
    """What is known before the fit.

    Attributes
    ----------
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    posterior : float64 array (n_tasks, n_classes) or None
        Where to start from.
    """

    gold: NDArray[np.int32]
    posterior: NDArray[np.float64] | None

    @property
    def has_gold(self) -> bool:
        return bool((self.gold >= 0).any())


@dataclass
class Fit:
    """What a strategy's ``_fit`` gives back; `Strategy.fit` makes a `Result` of it.

    ``posterior`` is (n_tasks, n_classes), dense or `scipy.sparse.csr_array`. ``labels`` are
    drawn from it by the tie rule unless given. ``confidence`` and ``entropy`` are read off it
    unless given. ``worker_columns`` and ``task_columns`` are further columns of the tables.
    """

    posterior: Any
    labels: NDArray[np.int32] | None = None
    confidence: NDArray[np.float64] | None = None
    entropy: NDArray[np.float64] | None = None
    skill: NDArray[np.float64] | None = None
    confusion: NDArray[np.float64] | None = None
    prior: NDArray[np.float64] | None = None
    worker_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    task_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)


@dataclass(frozen=True, kw_only=True)
class Strategy(ABC):
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

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]]
    takes_gold: ClassVar[bool] = False
    takes_init: ClassVar[bool] = False

    ties: Literal["first", "random", "share", "abstain"] = option(
        "share", help="rule for equally probable classes"
    )
    seed: int = option(0, at_least=0, help="seed of everything random")

    @abstractmethod
    def _fit(self, answers: Answers, start: Start, progress: Progress) -> Fit:
        """Fit the model; options are checked, the data are valid."""

    def side_files(self, result: Result) -> dict[str, Any]:
        """Files of its own that the strategy leaves in a dataset's ``identification`` folder.

        Name to an array (``.npy``), a text, or a mapping of columns (``.csv``).
        """
        return {}

    def fit(
        self,
        answers: Answers,
        *,
        gold: Mapping[str, Any] | ArrayLike | None = None,
        init: Result | ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Fit the strategy to the answers.

        Parameters
        ----------
        answers
            The votes.
        gold
            Known classes of some tasks, see `peerannot.answers.gold_labels`; they stay fixed.
        init
            A posterior (n_tasks, n_classes) or a `Result` to start from.
        progress
            Told the iterations done.

        Raises
        ------
        ParameterError
            An option is out of range, or the strategy cannot take ``gold`` or ``init``.
        DataError
            There are no classes, or ``gold`` or ``init`` do not fit the answers.
        """
        check(self)
        if answers.n_classes == 0:
            raise DataError("answers: there are no answers and no classes; nothing to aggregate")
        if gold is not None and not self.takes_gold:
            raise ParameterError(f"{self.name} cannot use gold labels")
        if init is not None and not self.takes_init:
            raise ParameterError(f"{self.name} has nothing to start from: drop init")
        start = Start(gold_labels(answers, gold), _start_posterior(answers, init))
        fit = self._fit(answers, start, progress or silent)
        labels = fit.labels
        if labels is None:
            labels = label_rows(fit.posterior, self.ties, self.seed)
        if not fit.diagnostics.converged:
            warnings.warn(
                f"{self.name} stopped after {fit.diagnostics.n_iter} iterations before it"
                " converged; raise max_iter, or tol if this is close enough",
                ConvergenceWarning,
                stacklevel=2,
            )
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
            confidence_=fit.confidence,
            entropy_=fit.entropy,
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
    """

    max_iter: int = option(200, at_least=1, help="most iterations")
    tol: float = option(2e-6, at_least=0.0, help="least gain of the objective per answer")

    def _stops(self, objective: list[float], answers: Answers) -> bool:
        """Whether the last gain is under the tolerance; an answer of weight 2 counts as two."""
        if len(objective) < 2:
            return False
        size = answers.n_answers if answers.weight is None else float(answers.weight.sum())
        gain = abs(objective[-1] - objective[-2]) / max(size, 1.0)
        return self.tol > 0 and gain < self.tol


def _start_posterior(
    answers: Answers, init: Result | ArrayLike | None
) -> NDArray[np.float64] | None:
    if init is None:
        return None
    if isinstance(init, Result):
        if init.tasks != answers.tasks or init.classes != answers.classes:
            raise DataError("init: its tasks or classes are not those of the answers")
        init = init.dense_posterior()
    array = np.array(init, dtype=np.float64)
    shape = (answers.n_tasks, answers.n_classes)
    if array.shape != shape:
        raise DataError(f"init: expected a posterior of shape {shape}, not {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any() or (array.sum(1) <= 0).any():
        raise DataError("init: rows must be finite, not negative and not all zero")
    return np.asarray(array / array.sum(1, keepdims=True))
