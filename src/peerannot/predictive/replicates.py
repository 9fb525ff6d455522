"""Replicates of answers from a fitted model, each fitted again and measured like the answers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
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
    second : Rows
        The same of replicates of the replicates, (replicates, ...).
    result : Result
        The fit to the answers.
    """

    first: Rows
    second: Rows
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
    """Fit, draw ``n`` replicates, fit and measure each, and a replicate of it in turn.

    Cost: 1 + 2 ``n`` fits.
    """
    answers = layout.answers
    result = fit_quietly(strategy, answers)
    model = strategy.answer_model(answers, result)
    first = [measure(layout, model, answers.label.astype(np.int64))]
    second = []
    for at in range(n):
        rng = np.random.default_rng((seed, at))
        drawn, found = _again(strategy, layout, model, rng)
        first.append(found)
        second.append(_again(strategy, layout, drawn, rng)[1])
        progress(at + 1, n, strategy.name)
    return Replicates(_stacked(first), _stacked(second), result)


def _again(
    strategy: Strategy, layout: Layout, model: AnswerModel, rng: np.random.Generator
) -> tuple[AnswerModel, Measured]:
    """A replicate from a model: what is fitted to it, and what is measured."""
    label = model.draw(rng)[1]
    answers = _relabelled(layout.answers, label)
    fitted = strategy.answer_model(answers, fit_quietly(strategy, answers))
    return fitted, measure(layout, fitted, label)


def _relabelled(answers: Answers, label: NDArray[np.int64]) -> Answers:
    return Answers(
        answers.task, answers.worker, label.astype(np.int32), answers.tasks, answers.workers,
        answers.classes,
    )  # fmt: skip


def _stacked(found: list[Measured]) -> Rows:
    def rows(name: str) -> NDArray[np.float32]:
        return np.array([getattr(m, name) for m in found], dtype=np.float32)

    together = np.array([m.together for m in found])
    items = (rows(name) for name in ("entropies", "task", "pair", "worker", "label"))
    return Rows(together, *items)
