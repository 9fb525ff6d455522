"""One-coin models and MACE: expected right answers of each worker, or pair, travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.alike import groups_of, worker_shares
from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.coins import Coins
from peerannot.aggregation.mace import MACE
from peerannot.aggregation.one_coin import OneCoin, ZenCrowd, coin_logs
from peerannot.aggregation.partitions.base import (
    Fitted,
    Model,
    Size,
    Written,
    distributes,
    size_of,
    told_as_held,
)
from peerannot.aggregation.partitions.confusions import common_pairs, pairs_among
from peerannot.aggregation.partitions.parts import Part, Parts

__all__ = ["Competences", "OneCoins", "PartsCoins"]


@dataclass(frozen=True)
class PartsCoins:
    """Passes over partitions, see `peerannot.aggregation.coins.CoinPasses`.

    Attributes
    ----------
    parts
    by_pair : bool
        Whether pairs of worker and label are the units, else workers.
    n_units : int
    total : float64 array (n_units,)
    answers : Size
    """

    parts: Parts
    by_pair: bool
    n_units: int
    total: NDArray[np.float64]
    answers: Size

    @classmethod
    def of(cls, parts: Parts, by_pair: bool, n_units: int) -> PartsCoins:
        (total,) = parts.sum(_total, by_pair)
        return cls(parts, by_pair, n_units, total, size_of(parts))

    def first(self, given: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        (right,) = self.parts.sum(_first, self.by_pair)
        return np.asarray(right)

    def step(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        right, mass, gain = self.parts.sum(_step, self.by_pair, bonus, prior)
        return right, mass, float(gain)


@distributes(OneCoin, ZenCrowd)
class OneCoins(Model):
    """Bonuses (workers,) and class prior out; right answers (workers,) and class sums back."""

    def fit(
        self, strategy: OneCoin, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        k = len(parts.shape.classes)
        coins = PartsCoins.of(parts, False, len(parts.shape.workers))
        start = strategy._start(coins, None)
        p, rho, diagnostics = strategy._iterate(coins, start, k, progress, checkpoint)
        fit = Fit(None, skill=p, prior=rho, diagnostics=diagnostics)
        return Fitted(fit, _write, (strategy, False, coin_logs(p, k)[0], rho))


@distributes(MACE)
class Competences(Model):
    """As `OneCoins`, with numbers for each pair of worker and label that occurs."""

    def fit(
        self, strategy: MACE, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        k = len(parts.shape.classes)
        pairs = common_pairs(parts, model=strategy.name, columns=1)
        coins = PartsCoins.of(parts, True, len(pairs))
        groups = groups_of(*parts.sum(_worker_shares)) if strategy.restarts > 1 else None
        know, diagnostics = strategy._iterate(coins, pairs, groups, k, progress, checkpoint)
        fit = strategy._parameters(pairs, coins.total, know, k)
        fit.diagnostics = diagnostics
        bonus = strategy._bonus(pairs, coins.total, know, k)
        return Fitted(fit, _write, (strategy, True, bonus, np.full(k, 1.0 / k)))


def _coins(part: Part, by_pair: bool) -> Coins:
    def make() -> Coins:
        answers = part.answers
        if not by_pair:
            return Coins.of(answers, part.gold, answers.worker, answers.n_workers)
        pairs = pairs_among(part, part.kept)
        return Coins.of(answers, part.gold, pairs.of_answer, len(pairs))

    coins: Coins = part.made("pair coins" if by_pair else "coins", make)
    return coins


def _total(part: Part, by_pair: bool) -> tuple[Any, ...]:
    return (_coins(part, by_pair).total,)


def _worker_shares(part: Part) -> tuple[Any, ...]:
    return worker_shares(part.answers, _coins(part, True).support)


def _first(part: Part, by_pair: bool) -> tuple[Any, ...]:
    return (_coins(part, by_pair).first(),)


def _step(
    part: Part, by_pair: bool, bonus: NDArray[np.float64], prior: NDArray[np.float64]
) -> tuple[Any, ...]:
    return _coins(part, by_pair).step(bonus, prior)


def _write(
    part: Part,
    strategy: Strategy,
    by_pair: bool,
    bonus: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> Written:
    coins = _coins(part, by_pair)
    posterior = coins.posterior(bonus, prior)
    return told_as_held(part, strategy.ties, strategy.seed, coins.support, posterior)
