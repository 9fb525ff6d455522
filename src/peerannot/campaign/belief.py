"""How far a strategy's probabilities are believed before a task is done by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from peerannot.aggregation import Result, Strategy
from peerannot.aggregation.uncertainty.calibrate import find_calibration
from peerannot.aggregation.uncertainty.calibration import Calibration, calibrated_result
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.predictive import check_model

__all__ = ["believed", "check_due", "checked"]

GROWTH = 1.5  # answers, against those of the last check, that are worth another
FEWEST = 100  # answers before the first
MOST = 20_000  # answers that are checked; tasks are drawn beyond
REPLICATES = 99


def believed(result: Result, answers: Answers, found: Mapping[str, Any], least: int) -> Result:
    """The result with its probabilities brought down to what may be believed.

    Where an assumption of the model was rejected they are calibrated; of tasks with fewer than
    ``least`` answers half is left to chance. Labels stay.
    """
    if found.get("calibration"):
        calibration = Calibration.of(found["calibration"])
        result = calibrated_result(result, calibration, answers.weight_per_task)
    few = result.n_answers < least
    if not few.any():
        return result
    even = 1.0 / max(len(result.classes), 1)
    if isinstance(result.posterior, np.ndarray):
        posterior = np.where(few[:, None], (result.posterior + even) / 2, result.posterior)
        result = replace(result, posterior=posterior)
    confidence = np.where(few, (result.confidence + even) / 2, result.confidence)
    if isinstance(result.posterior, np.ndarray) and result.share_confidence is None:
        return result
    entropy = np.where(few, np.maximum(result.entropy, np.log(max(len(result.classes), 1)) / 2),
                       result.entropy)  # fmt: skip
    return replace(result, share_confidence=confidence, share_entropy=entropy)


def check_due(strategy: Strategy, answers: Answers, found: Mapping[str, Any]) -> bool:
    """Whether there are so many more answers than at the last check that another is worth it, or
    that was of another strategy."""
    before = found.get("n_answers", 0) if found.get("strategy") == repr(strategy) else 0
    return bool(answers.n_answers >= max(FEWEST, GROWTH * before))


def checked(strategy: Strategy, answers: Answers) -> dict[str, Any]:
    """Check the model of a strategy; what was found, and a calibration where it fails.

    The check draws answers from the model, see `peerannot.predictive.check_model`. A strategy
    without a model of answers is calibrated in any case. Calibration is by held-out answers, and
    makes no label surer, see `peerannot.aggregation.uncertainty.calibrate`.
    """
    n = answers.n_answers
    try:
        check = check_model(answers, strategy, replicates=REPLICATES, most_answers=MOST)
        # Also a misfit that matters little to the labels makes them surer than they are right.
        fits, verdict = check.fits, check.verdict()
    except ParameterError:
        fits, verdict = False, "has no model that could be checked"
    except DataError:  # no task of two answers: there is nothing to compare yet
        return {"strategy": repr(strategy), "n_answers": n, "verdict": ""}
    calibration = None
    if not fits:
        try:
            calibration = asdict(find_calibration(strategy, answers))
        except (DataError, ParameterError):
            verdict += "; cannot be calibrated"
    return {
        "strategy": repr(strategy),
        "n_answers": n,
        "verdict": f"{strategy.name} {verdict}" + "; calibrated" * (calibration is not None),
        "calibration": calibration,
    }
