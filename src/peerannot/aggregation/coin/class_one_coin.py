"""Class-conditional one-coin: each worker is right with one probability for each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._loops import native
from peerannot._options import option
from peerannot._progress import Progress
from peerannot._threads import threads
from peerannot.aggregation.base import Fit, Fitted
from peerannot.aggregation.drawing.coins import ClassCoins
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, size_of
from peerannot.aggregation.partitions.reductions import Union, distinct_codes, places_among
from peerannot.aggregation.partitions.support import support_of
from peerannot.aggregation.passes.coins import start_shares
from peerannot.aggregation.passes.confusions import blocks_of
from peerannot.aggregation.passes.extrapolation import Accelerated, Extrapolation, Point
from peerannot.aggregation.passes.support import Support, clamped, posterior_of
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.aggregation.votes.wawa import totals_of
from peerannot.answers import Answers

__all__ = ["ClassOneCoin"]


@STRATEGIES.register("class-one-coin", "class-conditional-one-coin")
@dataclass(frozen=True, kw_only=True)
class ClassOneCoin(Accelerated):
    r"""One-coin model with a probability of being right for each worker and class.

    .. math::
        P(y_{ij} = k \mid z_i = k) = p_{jk}, \qquad
        P(y_{ij} = l \mid z_i = k) = \frac{1 - p_{jk}}{K - 1} \text{ for } l \ne k

    with :math:`p_{jk} \sim Beta(1 + right, 1 + wrong)` and class frequencies :math:`\rho_k`. The
    middle way between the one-coin model and Dawid-Skene: it knows that a worker can tell some
    classes and not others, at a cost that does not depend on the number of classes. Only classes
    that a task received are candidates for it. MAP estimation by EM, from vote shares (or
    ``init``).

    Parameters
    ----------
    prior
        ``estimated`` or ``uniform`` frequencies of the classes.
    right, wrong
        Pseudo-counts of right and wrong answers for each worker and class.

    Notes
    -----
    The objective is the log-posterior. Skill is the expected share of right answers.

    Cost: O(answers x distinct labels of a task) an iteration; memory for the (worker, class)
    pairs that meet in a task, so thousands of classes are fine. ``accelerate`` takes fewer
    iterations to convergence and holds three more copies of the counts.

    References
    ----------
    Pullin, J. M., Gurrin, L. C. and Vukcevic, D. (2021). Statistical models of repeated
    categorical rating: the R package rater. arXiv:2010.09335 (class-conditional model).
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "glad", "skill": "map-dawid-skene", "dependence": "ebcc",
    }  # fmt: skip

    prior: Literal["uniform", "estimated"] = option("estimated", help="frequencies of the classes")
    right: float = option(2.0, above=0.0, help="pseudo-count of right answers")
    wrong: float = option(1.0, above=0.0, help="pseudo-count of wrong answers")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        n_workers, k = len(parts.shape.workers), len(parts.shape.classes)
        units, size = parts.sum(_units)[0].keys, size_of(parts)
        saved = checkpoint.load()
        if saved is None:
            p, rho, objective = np.full(units.size, 0.5), np.full(k, 1.0 / k), []
            sums, mass, _ = parts.sum(_step, units, p, rho, True)
        else:
            sums, mass, rho = saved["sums"], saved["mass"], saved["rho"]
            objective = list(map(float, saved["objective"]))
        leaps = Extrapolation.of(self, size, saved, to_amounts=_amounts, of_amounts=_sums)
        stopped = leaps.judges and self.stops(objective, size)
        while not stopped and len(objective) < self.max_iter:
            sums, mass = leaps.start((sums, mass))
            p, rho = self._parameters(sums, mass, rho)
            sums, mass, loglik = parts.sum(_step, units, p, rho, False)
            prior = float((self.right * np.log(p) + self.wrong * np.log1p(-p)).sum())
            value = float(loglik) + prior
            sums, mass = leaps.end((sums, mass), value)
            objective.append(value if leaps.kept else objective[-1])
            stopped = leaps.judges and self.stops(objective, size)
            checkpoint.save({
                "n_iter": len(objective), "objective": objective, "sums": sums, "mass": mass,
                "rho": rho, **leaps.state(),
            })  # fmt: skip
            progress(len(objective), self.max_iter, f"log-posterior {objective[-1]:.4f}")
        p, rho = self._parameters(sums, mass, rho)
        (hits, _), *_ = parts.sum(_step, units, p, rho, False)
        total, owner = totals_of(parts), (units // k).astype(np.int64)
        skill = np.bincount(owner, hits, n_workers) / np.where(total > 0, total, 1.0)
        fit = Fit(
            None,
            skill=np.clip(skill, 0.0, 1.0),
            prior=rho,
            extra={"unit_worker": owner, "unit_class": units % k, "unit_right": p},
            diagnostics=Diagnostics(
                len(objective), stopped or self.tol == 0, tuple(objective), leaps.notes()
            ),
        )
        return Fitted(fit, _write, (units, p, rho))

    def answer_model(self, answers: Answers, result: Result) -> ClassCoins:
        # A class that no task of a worker was offered is one that it never met.
        rate = np.full((answers.n_workers, answers.n_classes), 0.5)
        extra = result.extra
        rate[extra["unit_worker"], extra["unit_class"]] = extra["unit_right"]
        return ClassCoins(answers, result.dense_posterior(), rate)

    def _parameters(
        self, sums: NDArray[np.float64], mass: NDArray[np.float64], rho: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of being right of each unit, and class prior."""
        hits, met = sums
        if self.prior == "estimated" and mass.sum() > 0:
            rho = mass / mass.sum()
        return (hits + self.right) / (met + self.right + self.wrong), rho


def _amounts(point: Point) -> Point:
    """Right and wrong answers of each unit, and tasks of each class."""
    (hits, met), mass = point
    return hits, met - hits, mass


def _sums(amounts: Point) -> Point:
    hits, misses, mass = amounts
    return np.stack((hits, hits + misses)), mass


@dataclass(frozen=True)
class _Meetings:
    """Answers, prepared for passes where a unit is a worker who meets a class in a task.

    Attributes
    ----------
    entry : int64 array (n_tasks + 1,)
        Entries (answer, candidate class) of task ``i`` start at ``entry[i]``.
    unit : int32 array (n_entries,)
        Unit of each entry.
    share : float64 array (n_answers,)
        Room for the posterior on the slots.
    """

    support: Support
    entry: NDArray[np.int64]
    unit: NDArray[np.int32]
    bounds: NDArray[np.int64]
    weight: NDArray[np.float64]
    share: NDArray[np.float64]


def _coded(part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the entries of each task start, and worker and class of each as one number."""
    answers, support = part.answers, support_of(part)
    entry = np.concatenate(([0], np.cumsum(answers.answers_per_task * support.size)))
    code = np.empty(int(entry[-1]), np.int64)
    native.coin_entries(
        support.ptr, support.size, support.label, support.slot, answers.worker, entry, code,
        n_classes=answers.n_classes, threads=threads(),
    )  # fmt: skip
    return entry, code


def _units(part: Part) -> tuple[Union]:
    codes = part.answers.n_workers * part.answers.n_classes
    return (Union(distinct_codes(_coded(part)[1], codes)),)


def _meetings(part: Part, units: NDArray[np.int64]) -> _Meetings:
    def make() -> _Meetings:
        answers = part.answers
        entry, code = _coded(part)
        unit = places_among(code, units, answers.n_workers * answers.n_classes)
        bounds = blocks_of(answers, 2 * units.size, width=1)
        room = np.empty(answers.n_answers)
        return _Meetings(support_of(part), entry, unit, bounds, answers.loop_weights, room)

    made: _Meetings = part.once("meetings", make)
    return made


def _step(
    part: Part,
    units: NDArray[np.int64],
    p: NDArray[np.float64],
    rho: NDArray[np.float64],
    is_start: bool,
) -> tuple[Any, ...]:
    """Right answers and answers by unit (2, n_units), class sums, and the log-likelihood."""
    met, support, k = _meetings(part, units), support_of(part), rho.size
    share = met.share
    if is_start:
        if part.start is None:
            share = support.shares(support.votes(part.answers))
        else:
            share = start_shares(support, part.start)
    hit, miss = np.log(p), np.log1p(-p) - np.log(max(k - 1, 1))
    log_rho = np.log(np.maximum(rho, 1e-300))
    total = np.empty(2 * units.size + k)
    gain = native.coin_class_step(
        support.ptr, support.size, support.label, support.slot, met.entry, met.unit, met.weight,
        part.gold, hit, miss, log_rho, met.bounds, total, share, given=is_start, threads=threads(),
    )  # fmt: skip
    return total[: 2 * units.size].reshape(2, -1), total[2 * units.size :], gain


def _write(
    part: Part, units: NDArray[np.int64], p: NDArray[np.float64], rho: NDArray[np.float64]
) -> Fit:
    _step(part, units, p, rho, False)
    share = _meetings(part, units).share
    posterior = posterior_of(support_of(part), share, rho.size, of_tasks=part.shape.n_tasks)
    return Fit(clamped(posterior, part.gold))
