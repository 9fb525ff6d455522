"""The one-coin model: each worker is right with one probability, whatever the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted
from peerannot.aggregation.drawing.coins import Coins
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.coins import PartsCoins, coins_posterior
from peerannot.aggregation.partitions.parts import Parts
from peerannot.aggregation.passes.extrapolation import Accelerated, Extrapolation, Point
from peerannot.aggregation.passes.known_confusions import LEAST_PROBABILITY
from peerannot.aggregation.registry import STRATEGIES
from peerannot.aggregation.result import Diagnostics, Result
from peerannot.answers import Answers

__all__ = ["OneCoin", "coin_logs"]


@STRATEGIES.register("one-coin", "OneCoin", "homogeneous-dawid-skene", "HDS")
@dataclass(frozen=True, kw_only=True)
class OneCoin(Accelerated):
    r"""One-coin Dawid-Skene: each worker is right with probability :math:`p_j`.

    .. math::
        P(y_{ij} = z_i) = p_j, \qquad P(y_{ij} = l) = \frac{1 - p_j}{K - 1} \text{ for } l \ne z_i

    EM from vote shares (or ``init``). M: :math:`p_j` = mean of :math:`z_{i y_{ij}}` over the
    worker's answers. E: a vote of worker j counts :math:`\log p_j (K-1) / (1 - p_j)`. One number
    for each worker makes it safe where answers are few or classes many. The prior of the classes
    is uniform unless asked for: estimated along, it can collapse on one class where classes are
    unequal or ordered.

    Parameters
    ----------
    prior
        ``uniform`` or ``estimated`` frequencies of the classes.

    Notes
    -----
    Cost: O(answers) an iteration, whatever the number of classes. Where the posterior is sparse,
    it lives on the labels that a task received. ``accelerate`` takes fewer iterations to
    convergence.

    References
    ----------
    Li, H. and Yu, B. (2014). Error rate bounds and iterative weighted majority voting for
    crowdsourcing. arXiv:1411.4086, section 2 (homogeneous Dawid-Skene).

    Karger, D. R., Oh, S. and Shah, D. (2011). Iterative learning for reliable crowdsourcing
    systems. NIPS 24 (the one-coin model).
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True
    relaxed_by: ClassVar[Mapping[str, str]] = {
        "difficulty": "glad", "skill": "class-one-coin", "dependence": "ebcc",
    }  # fmt: skip

    prior: Literal["uniform", "estimated"] = option("uniform", help="frequencies of the classes")

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        k = len(parts.shape.classes)
        coins = PartsCoins.of(parts, False, len(parts.shape.workers))
        p, rho, diagnostics = self._iterate(coins, k, progress, checkpoint)
        fit = Fit(None, skill=p, prior=rho, diagnostics=diagnostics)
        return Fitted(fit, coins_posterior, (False, coin_logs(p, k)[0], rho))

    def answer_model(self, answers: Answers, result: Result) -> Coins:
        assert result.skill is not None
        return Coins(answers, result.dense_posterior(), result.skill)

    def _iterate(
        self, coins: PartsCoins, k: int, progress: Progress, checkpoint: Checkpoint
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Diagnostics]:
        """Probabilities of being right and class prior."""
        saved = checkpoint.load()
        p = self._start(coins) if saved is None else saved["p"]
        rho = np.full(k, 1.0 / k) if saved is None else saved["rho"]
        objective = [] if saved is None else list(map(float, saved["objective"]))
        leaps = Extrapolation.of(
            self, coins.answers, saved,
            to_amounts=partial(_amounts, coins.total, coins.parts.shape.n_tasks),
            of_amounts=_rates,
        )  # fmt: skip
        stopped = leaps.judges and self.stops(objective, coins.answers)
        while not stopped and len(objective) < self.max_iter:
            p, rho = leaps.start((p, rho))
            bonus, base = coin_logs(p, k)
            right, mass, gain = coins.step(bonus, rho)
            value = gain + float(coins.total @ base)
            if self.prior == "estimated" and mass.sum() > 0:
                rho = mass / mass.sum()
            p, rho = leaps.end((_rate(right, coins.total), rho), value)
            objective.append(value if leaps.kept else objective[-1])
            stopped = leaps.judges and self.stops(objective, coins.answers)
            checkpoint.save({
                "n_iter": len(objective), "objective": objective, "p": p, "rho": rho,
                **leaps.state(),
            })  # fmt: skip
            progress(len(objective), self.max_iter, f"log-likelihood {objective[-1]:.4f}")
        converged = stopped or self.tol == 0
        return p, rho, Diagnostics(len(objective), converged, tuple(objective), leaps.notes())

    def _start(self, coins: PartsCoins) -> NDArray[np.float64]:
        """First probabilities of being right."""
        return _rate(coins.first(), coins.total)


def coin_logs(p: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bonus of naming a class, and log-probability of each wrong label."""
    base = np.log(np.maximum(1.0 - p, LEAST_PROBABILITY)) - np.log(max(k - 1, 1))
    return np.log(np.maximum(p, LEAST_PROBABILITY)) - base, base


def _rate(right: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    # A worker without answers is neither good nor bad: nothing is said with 1/2.
    rate = np.where(total > 0, right / np.where(total > 0, total, 1.0), 0.5)
    return np.clip(rate, 0.0, 1.0)


def _amounts(total: NDArray[np.float64], n_tasks: int, point: Point) -> Point:
    """Expected right and wrong answers of each unit, and tasks of each class."""
    p, rho = point
    return p * total, (1.0 - p) * total, rho * n_tasks


def _rates(amounts: Point) -> Point:
    right, wrong, mass = amounts
    return _rate(right, right + wrong), mass / max(mass.sum(), 1e-300)
