"""Replicates of answers from a fitted model, each fitted again and measured like the answers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.drawing.base import AnswerModel
from peerannot.aggregation.result import Result
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning, DataWarning
from peerannot.predictive.discrepancies import Layout, Measured, measure

__all__ = ["Replicates", "fit_quietly", "once", "replicate"]


# Parts of the variance between workers that are tried, and replicates of each.
NARROW = (0.03, 0.1, 0.3, 0.6, 1.0)
PILOTS = 8


class Rows(NamedTuple):
    """As `Measured`, with a row for each set of answers; items in single precision."""

    together: NDArray[np.float64]
    entropies: NDArray[np.float32]
    task: NDArray[np.float32]
    pair: NDArray[np.float32]
    worker: NDArray[np.float32]
    label: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Replicates:
    """What was measured: first the answers, then each replicate.

    Attributes
    ----------
    first : Rows
        A row for the answers and one for each replicate, (1 + replicates, ...).
    result : Result
        The fit to the answers.
    """

    first: Rows
    result: Result


def once(strategy: Strategy) -> Strategy:
    """The strategy with one start, where it has several; so are answers and replicates fitted."""
    field = type(strategy).__dataclass_fields__.get("restarts")
    if field is None:
        return strategy
    # The least that it may be: of DSWC these are the starts after a collapse, of MACE all.
    options = {**strategy.get_params(), "restarts": int(field.metadata["option"].at_least)}
    return type(strategy)(**options)


def fit_quietly(strategy: Strategy, answers: Answers) -> Result:
    """A fit without its warnings."""
    with warnings.catch_warnings():
        for said in (ConvergenceWarning, DataWarning):
            warnings.simplefilter("ignore", said)
        return strategy.fit(answers)


def replicate(
    strategy: Strategy, layout: Layout, n: int, seed: int, progress: Progress
) -> Replicates:
    """Fit, draw ``n`` replicates, fit and measure each.

    Cost: 1 + ``n`` fits, and `PILOTS` for each of `NARROW`.
    """
    answers = layout.answers
    result = fit_quietly(strategy, answers)
    model = strategy.answer_model(answers, result)
    narrow = _narrowed(strategy, answers, model, n, seed)
    first = [measure(layout, model, answers.label.astype(np.int64))]
    for at in range(n):
        rng = np.random.default_rng((seed, at))
        label = replace(model, narrow=float(narrow[at])).draw(rng)[1]
        first.append(measure(layout, _fitted(strategy, answers, label), label))
        progress(at + 1, n, strategy.name)
    return Replicates(_stacked(first), result)


def _narrowed(
    strategy: Strategy, answers: Answers, model: AnswerModel, n: int, seed: int
) -> NDArray[np.float64]:
    """Part of the variance between workers for each of n replicates, float64 (n,).

    Fitted skills lie too far apart, as they are fitted together with the classes; and a crowd whose
    skills differ more tells more of the classes, so that its statistics are others. So the part is
    looked for with which replicates, fitted, differ as much as the answers do; as what the answers
    show has an error, each replicate has a part of its own, drawn with that error.
    """
    wanted = model.differ()
    if wanted is None:
        return np.ones(n)
    found = np.empty((len(NARROW), PILOTS))
    for row, narrow in enumerate(NARROW):
        tried = replace(model, narrow=narrow)
        for at in range(PILOTS):
            rng = np.random.default_rng((seed, 2**33, at))
            fitted = _fitted(strategy, answers, tried.draw(rng)[1])
            found[row, at] = fitted.differ() or 0.0
    level = np.maximum.accumulate(found.mean(1))
    error = float(np.sqrt(found.var(1, ddof=1).mean()))
    shown = np.random.default_rng((seed, 2**34)).normal(wanted, error, n)
    part = np.exp(np.interp(shown, level, np.log(NARROW)))
    return np.asarray(np.clip(part, NARROW[0], NARROW[-1]))


def _fitted(strategy: Strategy, answers: Answers, label: NDArray[np.int64]) -> AnswerModel:
    """The model fitted to other labels of the same workers on the same tasks."""
    drawn = Answers(
        answers.task, answers.worker, label.astype(np.int32), answers.tasks, answers.workers,
        answers.classes,
    )  # fmt: skip
    return strategy.answer_model(drawn, fit_quietly(strategy, drawn))


def _stacked(found: list[Measured]) -> Rows:
    def rows(name: str) -> NDArray[np.float32]:
        return np.array([getattr(m, name) for m in found], dtype=np.float32)

    together = np.array([m.together for m in found])
    items = (rows(name) for name in ("entropies", "task", "pair", "worker", "label"))
    return Rows(together, *items)
