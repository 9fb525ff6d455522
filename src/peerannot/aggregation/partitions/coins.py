"""Passes of one-coin models over partitions: right answers of each worker, or pair, travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit
from peerannot.aggregation.partitions.confusions import pairs_among
from peerannot.aggregation.partitions.parts import Part, Parts, Size, size_of
from peerannot.aggregation.partitions.support import as_held, support_of
from peerannot.aggregation.passes.coins import Coins

__all__ = ["PartsCoins", "coins_of", "coins_posterior"]


@dataclass(frozen=True)
class PartsCoins:
    """Passes over partitions, see `peerannot.aggregation.passes.coins.Coins`.

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

    def first(self) -> NDArray[np.float64]:
        """Expected right answers of each unit by the start, by default by the vote shares."""
        (right,) = self.parts.sum(_first, self.by_pair)
        return np.asarray(right)

    def step(
        self, bonus: NDArray[np.float64], prior: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        right, mass, gain = self.parts.sum(_step, self.by_pair, bonus, prior)
        return right, mass, float(gain)


def coins_of(part: Part, by_pair: bool, keys: NDArray[np.int64] | None = None) -> Coins:
    """The passes over one partition, with the units of all; see `em_of` for ``keys`` of pairs."""

    def make() -> Coins:
        answers, support = part.answers, support_of(part)
        if not by_pair:
            return Coins.of(answers, support, part.gold, answers.worker, answers.n_workers)
        pairs = pairs_among(part, part.kept if keys is None else keys)
        return Coins.of(answers, support, part.gold, pairs.of_answer, len(pairs))

    coins: Coins = part.once("pair coins" if by_pair else "coins", make)
    return coins


def _total(part: Part, by_pair: bool) -> tuple[Any, ...]:
    return (coins_of(part, by_pair).total,)


def _first(part: Part, by_pair: bool) -> tuple[Any, ...]:
    return (coins_of(part, by_pair).first(part.start),)


def _step(
    part: Part, by_pair: bool, bonus: NDArray[np.float64], prior: NDArray[np.float64]
) -> tuple[Any, ...]:
    return coins_of(part, by_pair).step(bonus, prior)


def coins_posterior(
    part: Part, by_pair: bool, bonus: NDArray[np.float64], prior: NDArray[np.float64]
) -> Fit:
    """What bonuses of the units and a class prior say of the tasks of a partition."""
    coins = coins_of(part, by_pair)
    return Fit(as_held(part, coins.support, coins.posterior(bonus, prior)))
