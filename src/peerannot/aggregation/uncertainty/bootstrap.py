"""Bootstrap over tasks: fit again on tasks drawn with replacement."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._memory import TABLE_BYTES
from peerannot._progress import Progress, silent
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.frames import as_answers, as_gold
from peerannot.aggregation.registry import build
from peerannot.aggregation.result import Result
from peerannot.aggregation.uncertainty.intervals import Interval
from peerannot.answers import Answers, gold_classes
from peerannot.errors import ConvergenceWarning, DataError, DataWarning, ParameterError

__all__ = ["Bootstrap", "bootstrap", "with_bootstrap"]


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Intervals by drawing tasks again.

    Attributes
    ----------
    n : int
        Draws.
    level : float
        Probability that intervals are meant to have.
    skill : float64 array (n_workers, 2) or None
        Low and high; NaN for a worker whom fewer than half of the draws met.
    prior : float64 array (n_classes, 2) or None
    accuracy : Interval
        Of the mean confidence of the labels.
    n_unconverged : int
        Draws whose fit stopped at its cap of iterations.
    """

    n: int
    level: float
    skill: NDArray[np.float64] | None
    prior: NDArray[np.float64] | None
    accuracy: Interval
    n_unconverged: int

    def __repr__(self) -> str:
        a = self.accuracy
        return f"Bootstrap({self.n} draws, accuracy {a.low:.4f} to {a.high:.4f})"


def bootstrap(
    strategy: Strategy | str,
    answers: Answers | Any,
    n: int = 200,
    seed: int = 0,
    *,
    level: float = 0.95,
    gold: Mapping[str, Any] | ArrayLike | None = None,
    result: Result | None = None,
    progress: Progress | None = None,
) -> Bootstrap:
    r"""Intervals of skills, class prior and accuracy over tasks drawn again.

    Each draw takes as many tasks as there are answered ones, with replacement, with all their
    answers, and fits the strategy anew. Intervals of skills and prior hold the middle ``level``
    of the values (percentile interval). That of the accuracy is the basic one, mirrored at the
    value on all tasks, :math:`(2 \hat a - q_{high}, 2 \hat a - q_{low})`: mean confidence is too
    high, and the draws tell by how much. It assumes that tasks are independent draws and
    nothing of the model; but what the model gets wrong on average, every draw gets wrong too.

    Parameters
    ----------
    strategy
        A strategy, or its name with options in brackets.
    answers
        The votes, as `Strategy.fit` has them.
    n
        Draws; 200 are enough for a 95 % interval (Efron and Tibshirani, section 13.3, ask for
        1,000 where its ends must be sharp).
    seed
        Seed of the draws.
    level
        Probability of the intervals.
    gold
        Known classes, as for ``fit``.
    result
        The fit on all tasks where it is at hand; strategies that take ``init`` start from it,
        which saves iterations and keeps classes from trading places.
    progress
        Told the draws done.

    Raises
    ------
    ParameterError
        ``n`` or ``level`` is out of range, or the draws would take over 2 GiB.

    Notes
    -----
    Cost: ``n`` fits. Rows of a draw are gathered by the pointers of tasks, 12 bytes an answer;
    no ids are copied.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993). An Introduction to the Bootstrap, section 13.3.

    Davison, A. C. and Hinkley, D. V. (1997). Bootstrap Methods and their Application, section
    5.2 (the basic interval).
    """
    rule = build(strategy) if isinstance(strategy, str) else strategy
    answers, origin = as_answers(answers)
    gold = as_gold(gold, origin)
    if n < 1:
        raise ParameterError(f"bootstrap: n must be at least 1, not {n!r}")
    if not 0 < level < 1:
        raise ParameterError(f"bootstrap: level must be between 0 and 1, not {level!r}")
    if n * answers.n_workers * 8 > TABLE_BYTES:
        raise ParameterError(
            f"bootstrap: {n} draws of {answers.n_workers} workers take over 2 GiB; lower n"
        )
    known = gold_classes(answers, gold)
    given = known if gold is not None else None
    whole = rule.fit(answers, gold=given) if result is None else result
    start = whole.dense_posterior() if rule.takes_init else None
    answered = np.flatnonzero(answers.answers_per_task)
    if not answered.size:
        raise DataError("bootstrap: no task has answers; there is nothing to draw from")
    rng = np.random.default_rng(seed)
    tell = progress or silent
    skills: list[NDArray[np.float64]] = []
    priors: list[NDArray[np.float64]] = []
    accuracies = np.empty(n)
    unconverged = 0
    for b in range(n):
        tasks = np.sort(rng.choice(answered, answered.size))
        drawn = answers.of_tasks(tasks)
        with warnings.catch_warnings():
            for said in (ConvergenceWarning, DataWarning):
                warnings.simplefilter("ignore", said)
            fit = rule.fit(
                drawn,
                gold=None if given is None else known[tasks],
                init=None if start is None else start[tasks],
            )
        unconverged += not fit.diagnostics.converged
        accuracies[b] = fit.confidence[fit.labels >= 0].mean() if (fit.labels >= 0).any() else 0.0
        if fit.skill is not None:
            skills.append(np.where(drawn.answers_per_worker > 0, fit.skill, np.nan))
        if fit.prior is not None:
            priors.append(fit.prior)
        tell(b + 1, n, rule.name)
    decided = (whole.labels >= 0) & (whole.n_answers > 0)
    value = float(whole.confidence[decided].mean()) if decided.any() else 0.0
    # Fits on drawn tasks are surer than the fit on all; it, in turn, is surer than it should be.
    low, high = np.clip(2 * value - _middle(accuracies[:, None], level)[0, ::-1], 0.0, 1.0)
    return Bootstrap(
        n,
        level,
        _middle(np.array(skills), level) if skills else None,
        _middle(np.array(priors), level) if priors else None,
        Interval(value, float(low), float(high), level, "bootstrap"),
        unconverged,
    )


def with_bootstrap(result: Result, drawn: Bootstrap) -> Result:
    """The result with columns ``skill_boot_low`` and ``skill_boot_high`` of workers.

    Intervals of accuracy and class prior go into ``diagnostics.notes["bootstrap"]``.
    """
    columns = dict(result.worker_columns)
    if drawn.skill is not None:
        columns |= {"skill_boot_low": drawn.skill[:, 0], "skill_boot_high": drawn.skill[:, 1]}
    facts: dict[str, Any] = {"n": drawn.n, "accuracy": vars(drawn.accuracy).copy()}
    facts["n_unconverged"] = drawn.n_unconverged
    if drawn.prior is not None:
        facts["prior"] = drawn.prior.tolist()
    notes = {**result.diagnostics.notes, "bootstrap": facts}
    return replace(
        result, worker_columns=columns, diagnostics=replace(result.diagnostics, notes=notes)
    )


def _middle(draws: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Middle of each column of draws, (n_columns, 2); NaN where over half are missing."""
    tail = (1 - level) / 2
    out = np.full((draws.shape[1], 2), np.nan)
    enough = np.isfinite(draws).mean(0) >= 0.5
    if enough.any():
        out[enough] = np.nanquantile(draws[:, enough], [tail, 1 - tail], axis=0).T
    return out
