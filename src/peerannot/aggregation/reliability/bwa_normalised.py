"""BWA with scores of a task that sum to 1 in every iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._threads import threads
from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.parts import Part, Parts, Work
from peerannot.aggregation.partitions.received import MANY, cells_of, received_of
from peerannot.aggregation.partitions.rounds import Model, Rounds
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.coins import label_shares
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.registry import STRATEGIES

__all__ = ["AverageModel", "BWANormalised"]

LEAST_SCORE = 1e-12
LEAST_VARIANCE = 1e-9  # where all answers agree, the prior of the variance would be 0


@STRATEGIES.register("bwa-normalised")
@dataclass(frozen=True, kw_only=True)
class BWANormalised(Rounds):
    r"""Bayesian weighted average whose classes are not fitted one by one.

    As `BWA`,

    .. math::
        v_{jk} = \frac{a_v + n_j}{b_k + \sum_i (1[y_{ij} = k] - z_{ik})^2}, \qquad
        z_{ik} \propto \frac{\lambda \mu_k + \sum_j v_{jk} 1[y_{ij} = k]}{\lambda + \sum_j v_{jk}}

    but the scores of a task are divided by their sum in every iteration, not once in the end, so
    that what a worker errs by in one class depends on all. :math:`\mu_k` is the mean of
    :math:`z_{ik}`, and :math:`b_k = a_v \frac{\sum_i n_i z_{ik} (1 - z_{ik})}{\sum_i n_i} \cdot 4
    (1 - 1/K)` from the vote shares, which are the start (or ``init``).

    Parameters
    ----------
    strength
        Strength of the prior on precisions (:math:`a_v`), in answers.
    pull
        Precision of the prior on tasks (:math:`\lambda`).

    Notes
    -----
    Its doubt is honest where its labels are not the best: it has the least log loss of the
    strategies that have no matrices, and weighs least on a few workers. Worker column ``weight``:
    mean of :math:`v_j` over classes, their mean 1.

    Of more than 64 classes, the candidates of a task are the labels that it received.

    Cost: O(answers x K) an iteration, without logarithms; of more than 64 classes O(answers x
    distinct labels of a task).

    References
    ----------
    Li, Y., Rubinstein, B. I. P. and Cohn, T. (2019). Truth inference at scale: a Bayesian model
    for adjudicating highly redundant crowd annotations. WWW. The division is ours.
    """

    estimates_skill: ClassVar[bool] = False

    strength: float = option(15.0, above=0.0, help="strength of the prior on precisions")
    pull: float = option(1.0, above=0.0, help="precision of the prior on tasks")

    def models(self, parts: Parts) -> Sequence[Model]:
        many = len(parts.shape.classes) > MANY
        return [(ReceivedAverageModel if many else AverageModel)(self, parts)]


class AverageModel:
    """Normalised BWA between rounds.

    Parameters
    ----------
    rule
        Its options.
    parts
    """

    n_sums, is_joint = 2, False
    begin: Work
    step: Work
    write: Work

    def __init__(self, rule: BWANormalised, parts: Parts) -> None:
        self._rule, k = rule, len(parts.shape.classes)
        self._n, spread = parts.sum(_totals)
        total = float(self._n.sum())
        self._weight = max(total, 1.0)
        scale = spread / max(total, 1e-300) * 4 * (1 - 1 / k)
        self._rate = np.maximum(rule.strength * scale, LEAST_VARIANCE)
        self._mass = np.full(k, 1.0 / k)
        self._lay_out(parts, k)

    def _lay_out(self, parts: Parts, k: int) -> None:
        self.begin, self.step, self.write = _begin, _step, _write
        self._wrong = np.zeros((self._n.size, k))

    def first(self) -> tuple[Any, ...]:
        return ()

    def given(self) -> tuple[Any, ...]:
        total = self._mass.sum()
        mean = self._mass / total if total > 0 else np.full(self._mass.size, 1 / self._mass.size)
        return self._precision(), self._rule.pull, mean, *self.first()

    def take(self, sums: tuple[Any, ...]) -> float:
        wrong, self._mass = sums
        change = np.abs(wrong - self._wrong).sum() / self._weight
        self._wrong = wrong
        return float(change)

    def state(self) -> dict[str, Any]:
        return {"wrong": self._wrong, "mass": self._mass}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._wrong, self._mass = state["wrong"], state["mass"]

    def fit(self) -> Fit:
        precision = self._precision().sum(1)
        top = precision.mean() if precision.size else 1.0
        return Fit(None, worker_columns={"weight": precision / top})

    def _precision(self) -> NDArray[np.float64]:
        return np.asarray((self._rule.strength + self._n[:, None]) / (self._rate + self._wrong))


class ReceivedAverageModel(AverageModel):
    """The same on the labels that tasks received, see `peerannot.aggregation.partitions.received`:
    a number for each worker and label that meet, not for each worker and class."""

    def _lay_out(self, parts: Parts, k: int) -> None:
        self.begin, self.step, self.write = _begin_received, _step_received, _write_received
        self._units = parts.sum(cells_of, None, False)[0].keys
        self._owner, self._rate = self._units // k, self._rate[self._units % k]
        self._wrong = np.zeros(self._units.size)

    def first(self) -> tuple[Any, ...]:
        return (self._units,)

    def fit(self) -> Fit:
        met = np.bincount(self._owner, minlength=self._n.size)
        precision = np.bincount(self._owner, self._precision(), self._n.size) / np.maximum(met, 1)
        top = precision[met > 0].mean() if met.any() else 1.0
        return Fit(None, worker_columns={"weight": precision / top})

    def _precision(self) -> NDArray[np.float64]:
        strength = self._rule.strength
        return np.asarray((strength + self._n[self._owner]) / (self._rate + self._wrong))


def _begin_received(part: Part, units: NDArray[np.int64]) -> tuple[Any, tuple[Any, ...]]:
    share = received_of(part, units, None, False).begun(part)
    return np.empty(0), _told_received(part, share, units)


def _step_received(
    part: Part, own: Any, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64],
    units: NDArray[np.int64],
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    return own, _told_received(part, _averages(part, precision, pull, mean, units), units)


def _write_received(
    part: Part, own: Any, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64],
    units: NDArray[np.int64],
) -> Any:  # fmt: skip
    share = _averages(part, precision, pull, mean, units)
    return received_of(part, units, None, False).posterior(part, share)


def _averages(
    part: Part, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64],
    units: NDArray[np.int64],
) -> NDArray[np.float64]:  # fmt: skip
    """Scores of the labels that each task received."""
    met = received_of(part, units, None, False)
    said = met.weight * precision[met.unit]
    above = met.at_slots(part, said * met.hit)
    above += pull * mean[np.where(met.used, met.support.label, 0)]
    score = above / (pull + met.at_slots(part, said))
    return met.scaled(part, np.maximum(score, LEAST_SCORE))


def _told_received(
    part: Part, share: NDArray[np.float64], units: NDArray[np.int64]
) -> tuple[Any, ...]:
    met = received_of(part, units, None, False)
    gap = met.weight * (met.hit - share[met.slot]) ** 2
    return np.bincount(met.unit, gap, units.size), met.mass(part, share)


def _totals(part: Part) -> tuple[Any, ...]:
    """Weight of each worker, and spread of each class."""
    answers = part.answers
    if answers.n_classes <= MANY:
        # What answers err by from the vote shares of their task is the spread of these.
        spread = _vote_shares(part)[0].sum(0)
    else:
        own, _ = label_shares(answers, support_of(part))
        spread = np.bincount(answers.label, answers.weights * (1.0 - own), answers.n_classes)
    return answers.weight_per_worker, spread


def _begin(part: Part) -> tuple[Any, tuple[Any, ...]]:
    if part.start is None and (part.gold < 0).all():
        return np.empty(0), _vote_shares(part)
    return np.empty(0), _shares_sweep(part, part.gold, part.start)


def _vote_shares(part: Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What answers err by from the vote shares of their tasks, and sums of these."""
    unknown = np.full(part.answers.n_tasks, -1, np.int32)
    made: tuple[Any, Any] = part.once("vote shares", lambda: _shares_sweep(part, unknown))
    return made


def _shares_sweep(
    part: Part, gold: NDArray[np.int32], given: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Equal precisions that no prior pulls at average to the vote shares.
    n_workers, k = part.answers.n_workers, part.answers.n_classes
    ones, zeros = np.ones((n_workers, k)), np.zeros(k)
    wrong, mass, _ = _sweep(part, ones, 0.0, zeros, given=given, gold=gold)
    return wrong, mass


def _step(
    part: Part, own: Any, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64]
) -> tuple[Any, tuple[Any, ...]]:
    wrong, mass, _ = _sweep(part, precision, pull, mean)
    return own, (wrong, mass)


def _write(
    part: Part, own: Any, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    return _sweep(part, precision, pull, mean, written=True)[2]


def _sweep(
    part: Part, precision: NDArray[np.float64], pull: float, mean: NDArray[np.float64], *,
    given: NDArray[np.float64] | None = None, gold: NDArray[np.int32] | None = None,
    written: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Squared errors of each worker by class, sums of the scores of tasks with answers, and
    scores where they are to be written."""
    answers, k = part.answers, mean.size
    wrong, mass = np.empty((0 if written else answers.n_workers, k)), np.empty(k)
    scores = np.empty((answers.n_tasks if written else 0, k))
    known = part.gold if gold is None else gold
    native.reliability_sweep(
        answers.task_ptr, answers.worker, answers.label, answers.loop_weights, known, precision,
        mean, np.empty((0, k)) if given is None else given,
        blocks_of(answers, answers.n_workers), wrong, mass, scores, pull=pull, threads=threads(),
    )  # fmt: skip
    return wrong, mass, scores
