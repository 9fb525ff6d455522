"""Probabilities that may decide when to stop: those of a model that fits, else tempered ones.

A label that a wrong model is sure of is no reason to ask no more. So the model is checked first;
where it fails in a way that matters, of the strategies that relax what fails the one that predicts
held-out answers best is fitted instead, and its probabilities are calibrated by held-out answers,
as one check does not vouch for another model.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress, silent
from peerannot.aggregation import build
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.result import Result
from peerannot.aggregation.uncertainty.calibrate import find_calibration
from peerannot.aggregation.uncertainty.calibration import Calibration, calibrated_result
from peerannot.aggregation.uncertainty.heldout import deal, predictive
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning, DataError, PeerannotError
from peerannot.predictive.check import check_model, some_tasks

__all__ = ["Trusted", "trusted"]

MOST_ANSWERS = 5_000  # that the check looks at, and four times as many for the calibration
REPLICATES = 39


@dataclass(frozen=True, eq=False)
class Trusted:
    """A result whose probabilities may decide when to stop, and why these.

    Attributes
    ----------
    result : Result
    checked : bool or None
        Whether the strategy that was asked for passed; None where it could not be checked.
    failing : tuple of str
        Assumptions that fail and matter, of ``"difficulty"``, ``"dependence"``, ``"skill"``.
    calibration : Calibration or None
        How the probabilities were tempered; None where they were not.
    sentence : str
    """

    result: Result
    checked: bool | None
    failing: tuple[str, ...]
    calibration: Calibration | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """All but the result, of plain values."""
        return {
            "passed": self.checked,
            "failing": list(self.failing),
            "decides": self.result.strategy,
            "calibration": None if self.calibration is None else self.calibration.as_dict(),
            "sentence": self.sentence,
        }


def trusted(
    answers: Answers,
    strategy: Strategy | str,
    *,
    gold: NDArray[np.int32] | None = None,
    init: Any = None,
    stored: Mapping[str, Any] | None = None,
    replicates: int = REPLICATES,
    most_answers: int = MOST_ANSWERS,
    seed: int = 0,
    tolerance: float = 0.01,
    progress: Progress | None = None,
) -> Trusted:
    """Fit a strategy, or what is to be trusted in its place.

    Parameters
    ----------
    answers
    strategy
        The one that is wanted, or its name with options.
    gold, init
        As `Strategy.fit` has them, where the strategy takes them; the check does not see them.
    stored
        A check of it made before, as ``check.json`` has it, instead of one now.
    replicates, most_answers, seed
        Of the check, see `peerannot.predictive.check_model`; tasks are drawn until they have
        ``most_answers`` answers.
    tolerance
        Share of wrong labels beyond what the model says, above which a misfit matters: best what
        the rule to stop leaves, .01 for labels that are .99 sure.
    progress
        Told the fit.

    Raises
    ------
    DataError
        ``stored`` is no check, or one of another strategy.

    Notes
    -----
    Where nothing can be checked, as the strategy has no model of answers, the probabilities of
    its own are tempered; where no task has two answers they cannot be, which is said. Cost: a
    check on few answers; where it fails a fit of another strategy, and a choice and a calibration
    of it on few.
    """
    rule = build(strategy) if isinstance(strategy, str) else strategy
    told = progress or silent
    own: dict[str, Any] = {} if gold is None else {"gold": gold}
    if init is not None:
        own["init"] = init
    outcome = _stored(stored, rule) if stored is not None else None
    if outcome is None and rule.models_answers() and answers.weight is None:
        try:
            found = check_model(
                answers, rule, replicates=replicates, most_answers=most_answers, seed=seed,
                tolerance=tolerance,
            )  # fmt: skip
        except DataError:
            result = rule.fit(answers, progress=told, **own)
            why = f"{rule.name} cannot be checked: no task has answers of two workers"
            return Trusted(result, None, (), None, why)
        outcome = found.as_dict()
    if outcome is None:
        why = f"{rule.name} has no model of answers that could be checked"
        return _tempered(answers, rule, own, None, (), why, seed, most_answers, told)
    few = outcome["n_answers"] < outcome["of_answers"]
    of = f" on {outcome['n_answers']:,} of {outcome['of_answers']:,} answers" if few else ""
    if outcome["passed"]:
        why = f"{rule.name} passes the check{of}"
        return Trusted(rule.fit(answers, progress=told, **own), True, (), None, why)
    matter = [a for a in outcome["assumptions"] if a["matters"]]
    failing = tuple(a["name"] for a in matter)
    names = sorted({a["relaxed_by"] for a in matter if a["relaxed_error"] is not None})
    other = _likeliest([build(name) for name in names], answers, seed, most_answers) or rule
    why = f"{rule.name} fails the check{of} ({', '.join(failing)})"
    if other is not rule:
        own = {"gold": gold} if gold is not None and other.takes_gold else {}
    return _tempered(answers, other, own, False, failing, why, seed, most_answers, told)


def _stored(stored: Mapping[str, Any], rule: Strategy) -> Mapping[str, Any]:
    names = {"strategy", "passed", "assumptions", "n_answers", "of_answers"}
    if not names <= set(stored):
        raise DataError("the stored check is not one that 'peerannot check --output' wrote")
    if stored["strategy"] != rule.name:
        raise DataError(f"the stored check is one of {stored['strategy']}, not of {rule.name}")
    return stored


def _likeliest(rules: list[Strategy], answers: Answers, seed: int, most: int) -> Strategy | None:
    """Of several strategies the one that predicts held-out answers best."""
    if len(rules) < 2:
        return rules[0] if rules else None
    drawn = some_tasks(answers, 4 * most, seed)
    fold = deal(drawn, 5, seed)
    return max(rules, key=lambda rule: float(predictive(rule, drawn, fold).mean()))


def _tempered(
    answers: Answers, rule: Strategy, own: Mapping[str, Any], checked: bool | None,
    failing: tuple[str, ...], why: str, seed: int, most: int, progress: Progress,
) -> Trusted:  # fmt: skip
    """The result of a strategy with probabilities calibrated by held-out answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = rule.fit(answers, progress=progress, **own)
        try:
            found = find_calibration(rule, some_tasks(answers, 4 * most, seed), seed=seed)
        except PeerannotError as error:
            said = f"{why}; {rule.name} decides, untempered: {error}"
            return Trusted(result, checked, failing, None, said)
    known = None if "gold" not in own else own["gold"] >= 0
    result = calibrated_result(result, found, answers.weight_per_task, known)
    return Trusted(
        result, checked, failing, found,
        f"{why}; {rule.name} decides, tempered by answers that it has not seen",
    )  # fmt: skip
