"""How good labels are where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot.aggregation import Result
from peerannot.aggregation.passes.ties import TIE
from peerannot.answers import Answers, Ids, gold_classes
from peerannot.errors import DataError

__all__ = ["BINS", "Judged", "Scores", "evaluate", "judged", "score", "truth_codes"]

FLOOR = 1e-15  # least probability in the log loss, as scikit-learn clips
BINS = 15  # equal-width bins of confidence in the calibration error


@dataclass(frozen=True)
class Scores:
    """Scores of a posterior against known labels; all are means over the tasks with truth.

    Attributes
    ----------
    n : int
        Tasks with truth. Of a task with several accepted labels, any is right: its probability
        is their sum, and the likeliest of them is the true class where one is needed.
    accuracy : float
        Share of tasks where the most probable class is the true one. Where m classes are tied
        for the first place and the true one is among them, the task counts 1/m, so the figure
        does not depend on chance.
    balanced_accuracy : float
        Mean over the true classes of the accuracy on their tasks.
    macro_f1 : float
        Mean F1 over the classes that are true or predicted for some task, ties shared.
    log_loss : float
        Mean of -ln P(true class), in nats; probabilities are floored at 1e-15.
    brier : float
        Mean of the squared distance between the posterior and the true class, 0 to 2.
    ece : float
        Expected calibration error: mean distance between confidence and accuracy over 15 equal
        bins of confidence, weighted by the tasks in each.
    decided : float
        Share of tasks that got a label at all.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    brier: float
    ece: float
    decided: float

    def as_dict(self) -> dict[str, Any]:
        """The scores by name."""
        return asdict(self)


def evaluate(result: Result, truth: Mapping[str, Any] | ArrayLike) -> Scores:
    """Score a result against known labels.

    Parameters
    ----------
    result
        What a strategy found.
    truth
        From task id to class (a name, or its index when it is an int) or to a list of accepted
        ones; or an int array (n_tasks,) in the order of tasks, -1 for unknown. See
        `peerannot.answers.gold_classes`.

    Raises
    ------
    DataError
        A task or a class is not one of the result's, or there is no truth at all.
    """
    rows, posterior, known = _of_known(result, truth)
    decided = float((result.labels[rows] >= 0).mean())
    return score(posterior, known, decided=decided)


def judged(result: Result, truth: Mapping[str, Any] | ArrayLike) -> Judged:
    """What each task with truth adds to the scores of a result; arguments are as `evaluate` has.

    Raises
    ------
    DataError
        As `evaluate`.
    """
    return _judge(*_of_known(result, truth)[1:])


def _of_known(
    result: Result, truth: Mapping[str, Any] | ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Places, posterior and accepted classes of the tasks with truth."""
    known = truth_codes(result.tasks, result.classes, truth)
    rows = np.flatnonzero(known[:, 0] >= 0)
    if rows.size == 0:
        raise DataError("truth: no task has a known label")
    posterior = result.posterior[rows]
    if not isinstance(posterior, np.ndarray):
        posterior = posterior.toarray()
        posterior[posterior.sum(1) <= 0] = 1.0 / posterior.shape[1]
    return rows, np.asarray(posterior, dtype=np.float64), known[rows]


@dataclass(frozen=True)
class Judged:
    """What each task with truth adds to the scores, arrays (n,) but for the last two.

    Attributes
    ----------
    confidence : float64 array
    right : float64 array
        1 where the label is right; 1/m where it is one of m that are equally probable.
    log_loss, brier : float64 array
    truth : int32 array
    share : float64 array (n, n_classes)
        One on the label, shared where several classes are equally probable.
    """

    confidence: NDArray[np.float64]
    right: NDArray[np.float64]
    log_loss: NDArray[np.float64]
    brier: NDArray[np.float64]
    truth: NDArray[np.int32]
    share: NDArray[np.float64]


def _judge(posterior: NDArray[np.float64], truth: NDArray[np.int32]) -> Judged:
    at = np.arange(len(posterior))
    best = posterior.max(1)
    first = posterior >= (best - TIE * best)[:, None]
    share = first / first.sum(1, keepdims=True)
    if truth.ndim > 1:
        several = truth.shape[1] > 1
        posterior, share, truth = (
            _merged(posterior, share, truth) if several else (posterior, share, truth[:, 0])
        )
    p = posterior[at, truth]
    return Judged(
        best, share[at, truth], -np.log(np.maximum(p, FLOOR)), (posterior**2).sum(1) - 2 * p + 1,
        truth, share,
    )  # fmt: skip


def score(
    posterior: NDArray[np.float64], truth: NDArray[np.int32], *, decided: float = 1.0
) -> Scores:
    """Scores of a posterior (n, n_classes) against true classes, (n,) or (n, m) as
    `peerannot.answers.gold_classes` has them; see `Scores`."""
    n, k = posterior.shape
    one = _judge(posterior, truth)
    right, truth, share = one.right, one.truth, one.share
    occurs = np.bincount(truth, minlength=k).astype(np.float64)
    hits = np.bincount(truth, weights=right, minlength=k)
    guessed = share.sum(0)
    seen = occurs > 0
    used = seen | (guessed > 0)
    f1 = 2 * hits[used] / (occurs + guessed)[used]
    return Scores(
        n=n,
        accuracy=float(right.mean()),
        balanced_accuracy=float((hits[seen] / occurs[seen]).mean()),
        macro_f1=float(f1.mean()),
        log_loss=float(one.log_loss.mean()),
        brier=float(one.brier.mean()),
        ece=_calibration_error(one.confidence, right),
        decided=decided,
    )


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / confidence.size)


def _merged(
    posterior: NDArray[np.float64], share: NDArray[np.float64], accepted: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """What the accepted classes of a task have, as that of the likeliest; and this one."""
    row, column = np.nonzero(accepted >= 0)
    code = accepted[row, column]
    value = np.full(accepted.shape, -np.inf)
    value[row, column] = posterior[row, code]
    truth = accepted[np.arange(len(accepted)), value.argmax(1)]
    posterior, share = posterior.copy(), share.copy()
    for array in (posterior, share):
        given = array[row, code]
        array[row, code] = 0.0
        np.add.at(array, (row, truth[row]), given)
    return posterior, share, truth


def truth_codes(
    tasks: Ids, classes: Ids, truth: Mapping[str, Any] | ArrayLike
) -> NDArray[np.int32]:
    """Accepted classes as int32 (n_tasks, m), see `peerannot.answers.gold_classes`."""
    return gold_classes(Answers.empty(tasks, Ids(0), classes), truth)
