"""What further answers bring: thinning those at hand, and asking the fitted model for more."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._options import check
from peerannot._progress import Progress, silent
from peerannot.aggregation import Result, Strategy, find_calibration
from peerannot.aggregation import build as build_strategy
from peerannot.aggregation.passes.ties import TIE
from peerannot.allocation import Policy, build
from peerannot.answers import Answers, gold_classes
from peerannot.budget.curve import Curve
from peerannot.budget.simulation import simulated
from peerannot.budget.thinning import continued, thinned
from peerannot.errors import ConvergenceWarning, DataError, DataWarning, ParameterError
from peerannot.selection.metrics import judged

__all__ = ["Forecast", "forecast"]

MOST_TASKS = 2_000  # of a random sample, where there are more
POINTS = 9


@dataclass(frozen=True, eq=False)
class Forecast:
    """What further answers are expected to bring.

    Attributes
    ----------
    strategy : str
    by : str
        What the accuracy is by: ``truth``, or ``calibration`` of what the strategy claims.
    n_answers, n_tasks, n_truth : int
        Answers at hand, tasks that have some, and those of them with truth.
    n_used : int
        Tasks of the sample that was looked at.
    accuracy : float
        Now.
    curves : tuple of Curve
        By thinning first, then by policy.
    target : float or None
    price : float
        Of an answer.
    """

    strategy: str
    by: str
    n_answers: int
    n_tasks: int
    n_truth: int
    n_used: int
    accuracy: float
    curves: tuple[Curve, ...]
    target: float | None
    price: float

    @property
    def _scale(self) -> str:
        return "accuracy" if self.by == "truth" else "expected accuracy"

    def sentence(self) -> str:
        """What the target needs, by each curve; without one, what as many answers more bring."""
        now = f"{self._scale} is {self.accuracy:.3f} with {self.n_answers:,} answers"
        if self.target is None:
            ahead = [
                f"{mean:.3f} ({low:.3f} to {high:.3f}) {_said(curve)}"
                for curve in self.curves
                for mean, low, high in [curve.at(float(curve.more[-1]))]
            ]
            return f"{now}; with {self.curves[0].more[-1]:,.0f} more: {', '.join(ahead)}"
        if self.accuracy >= self.target:
            return f"{now}, which is {self.target:g} already: no more are needed"
        parts = [self._needs(curve) for curve in self.curves]
        return f"{now}; {self.target:g} needs {', '.join(parts)}"

    def _needs(self, curve: Curve) -> str:
        assert self.target is not None
        need, soonest, latest = curve.needed(self.target)
        last = float(curve.more[-1])
        if need is None:
            reach = f"{float(curve.accuracy[-1]):.3f}"
            return f"over {last:,.0f} more {_said(curve)} (there: {reach})"
        low = f"{soonest:,.0f}" if soonest is not None else "?"
        high = f"{latest:,.0f}" if latest is not None else f"over {last:,.0f}"
        cost = f", cost {need * self.price:,.6g}" if self.price != 1 else ""
        return f"{need:,.0f} more ({low} to {high}{cost}) {_said(curve)}"

    def table(self) -> dict[str, Any]:
        """Columns by, more, cost, accuracy, low, high: a row a point of each curve."""
        return {
            "by": [curve.by for curve in self.curves for _ in curve.more],
            "more": [round(float(x)) for curve in self.curves for x in curve.more],
            "cost": [float(x) * self.price for curve in self.curves for x in curve.more],
            "accuracy": [float(x) for curve in self.curves for x in curve.accuracy],
            "low": [float(x) for curve in self.curves for x in curve.low],
            "high": [float(x) for curve in self.curves for x in curve.high],
        }

    def as_dict(self) -> dict[str, Any]:
        """What JSON tells."""
        return {
            "strategy": self.strategy,
            "by": self.by,
            "n_answers": self.n_answers,
            "n_tasks": self.n_tasks,
            "n_truth": self.n_truth,
            "n_tasks_used": self.n_used,
            "accuracy": self.accuracy,
            "target": self.target,
            "sentence": self.sentence(),
            "curves": [
                {
                    "by": curve.by,
                    "more": curve.more.tolist(),
                    "accuracy": curve.accuracy.tolist(),
                    "low": curve.low.tolist(),
                    "high": curve.high.tolist(),
                    **self._needed(curve),
                }
                for curve in self.curves
            ],
        }

    def _needed(self, curve: Curve) -> dict[str, Any]:
        if self.target is None:
            return {}
        need, soonest, latest = curve.needed(self.target)
        if self.accuracy >= self.target:
            need = soonest = latest = 0.0
        cost = None if need is None else need * self.price
        return {"needed": need, "needed_low": soonest, "needed_high": latest, "cost": cost}

    def draw(self, path: str | Path) -> Path:
        """Draw the curves; see `peerannot.budget.figure.draw`."""
        from peerannot.budget.figure import draw

        return draw(
            self.curves, path, scale=self._scale, target=self.target,
            title=f"{self.strategy}, {self.n_answers:,} answers at hand: {self.accuracy:.3f}",
        )  # fmt: skip


def _said(curve: Curve) -> str:
    return "as until now" if curve.by == "thinning" else f"by {curve.by} if the model holds"


def forecast(
    answers: Answers,
    *,
    target: float | None = None,
    truth: Any = None,
    strategy: str | Strategy = "one-coin",
    policies: Sequence[str | Policy] = ("mutual-information",),
    more: int | None = None,
    price: float = 1.0,
    seeds: int = 5,
    progress: Progress = silent,
) -> Forecast:
    """Forecast accuracy by further answers.

    Parameters
    ----------
    answers
    target
        Accuracy that is wanted.
    truth
        Known labels of some tasks, see `peerannot.answers.gold_classes`: accuracy is that of these.
        Without, it is the mean probability of the labels, calibrated by held-out answers.
    strategy
    policies
        By which the fitted model is asked for more, beside thinning; none for thinning alone.
    more
        Further answers to look at; by default as many as there are.
    price
        Of an answer.
    seeds
        Orders of thinning, and campaigns of each policy.

    Raises
    ------
    ParameterError
        A number is out of its range, or a policy does not go with the strategy.
    DataError
        No task has two answers, so there is nothing to thin; or no task with truth has answers.

    Notes
    -----
    Thinning continues the learning curve of answers as they came, whatever the model is worth; see
    `peerannot.budget.thinning`. What the model says of a policy is true as far as the model is:
    take it to compare policies, and `peerannot.replay` to check. Of more than 2,000 tasks a random
    sample is looked at. Cost: 5 fits of thinned answers and, a policy, 8 fits and plans, for each
    seed.
    """
    rule = build_strategy(strategy) if isinstance(strategy, str) else strategy
    rules = [build(one) if isinstance(one, str) else one for one in policies]
    _check(answers, rule, rules, target, more, price, seeds)
    known = None if truth is None else gold_classes(answers, truth)
    if known is not None and not (known[:, 0] >= 0)[answers.answers_per_task > 0].any():
        raise DataError("truth: no task that has answers has a known label")
    asked = np.flatnonzero(answers.answers_per_task > 0)
    used = asked
    if asked.size > MOST_TASKS:
        used = _sample(asked, known)
    some = answers.of_tasks(used)
    if known is not None:
        known = known[used]
    times = asked.size / used.size
    most = len(answers) if more is None else more
    total = len(rules) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        progress(0, total, "thinning")
        result = rule.fit(some)
        measure = _Measure(some, rule, result, known)
        accuracy = measure.of(result)
        steps = np.linspace(0, most, POINTS)
        sizes, found = thinned(some, seeds, lambda rows: measure.of(rule.fit(rows)))
        now = len(some) / some.n_tasks, accuracy
        curves = [continued(sizes, found, now, steps, asked.size)]
        for i, policy in enumerate(rules, 1):
            progress(i, total, policy.name)
            curve = simulated(
                some, result, measure.classes, rule, policy, max(1, round(most / times)), seeds,
                measure.against,
            )  # fmt: skip
            # From where it is by calibration, or by truth; drawn classes scatter about that.
            shift = accuracy - float(curve.accuracy[0])
            mean, low, high = (
                np.clip(v + shift, 0, 1) for v in (curve.accuracy, curve.low, curve.high)
            )
            curves.append(Curve(curve.by, steps, mean, low, high))
    progress(total, total)
    n_truth = 0 if known is None else int((known[:, 0] >= 0).sum())
    return Forecast(
        rule.name, "calibration" if known is None else "truth", len(answers), int(asked.size),
        n_truth, int(used.size), accuracy, tuple(curves), target, float(price),
    )  # fmt: skip


def _check(
    answers: Answers, rule: Strategy, rules: Sequence[Policy], target: float | None,
    more: int | None, price: float, seeds: int,
) -> None:  # fmt: skip
    if target is not None and not 0 < target <= 1:
        raise ParameterError(f"target must be above 0 and at most 1, not {target}")
    if more is not None and more < 1:
        raise ParameterError(f"more must be at least 1 answer, not {more}")
    if not (np.isfinite(price) and price > 0):
        raise ParameterError(f"price must be above 0 and finite, not {price}")
    if seeds < 2:
        raise ParameterError(f"seeds must be at least 2, for an interval, not {seeds}")
    for policy in rules:
        check(policy)
        policy.need_skills(rule.name, there=rule.estimates_skill)
        if "probabilities" in policy.needs:
            raise ParameterError(f"{policy.name} needs a classifier, which a forecast has not")
    if not rule.estimates_skill and rules:
        raise ParameterError(
            f"{rule.name} does not say how workers answer; take one that does (one-coin, DS), or no"
            " policies"
        )
    if answers.answers_per_task.max(initial=0) < 2:
        raise DataError(
            "answers: no task has two, so nothing tells what more would bring; ask some tasks twice"
        )


def _sample(asked: NDArray[np.int64], known: NDArray[np.int32] | None) -> NDArray[np.int64]:
    """Tasks of a random sample, those with truth first: accuracy is of them."""
    order = np.random.default_rng(0).permutation(asked)
    if known is not None:
        order = order[np.argsort(known[order, 0] < 0, kind="stable")]
    return np.sort(order[:MOST_TASKS])


class _Measure:
    """Accuracy of results: by truth, or by what the strategy claims of all answers, calibrated.

    What it claims of fewer answers is worth less: with one answer a task all workers look right. So
    labels by fewer answers are held against the probabilities by all of them.
    """

    def __init__(
        self, answers: Answers, rule: Strategy, result: Result, known: NDArray[np.int32] | None
    ) -> None:
        self.known = known
        found = result.dense_posterior().copy()
        if known is None:
            calibration = find_calibration(rule, answers)
            found = np.asarray(calibration.apply(found, result.n_answers), np.float64)
        else:
            at = np.flatnonzero(known[:, 0] >= 0)
            found[at] = 0.0
            found[at, known[at, 0]] = 1.0
        self.classes = found
        """Probabilities of the classes; known ones are 1."""

    def of(self, result: Result) -> float:
        if self.known is not None:
            return float(judged(result, self.known).right.mean())
        posterior = result.dense_posterior()
        first = posterior >= posterior.max(1, keepdims=True) * (1 - TIE)
        return float(((first * self.classes).sum(1) / first.sum(1)).mean())

    def against(self, result: Result, classes: NDArray[np.int64]) -> float:
        """Accuracy where the classes are as drawn; of the tasks with truth, if there are any."""
        truth = classes.astype(np.int32)[:, None] if self.known is None else self.known
        return float(judged(result, truth).right.mean())
