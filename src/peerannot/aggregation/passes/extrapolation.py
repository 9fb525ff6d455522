"""Squared extrapolation: from two passes of EM a leap in their direction, tried in the third.

Passes of EM move ever less, and always the same way. What is left of that way can be told from
how much shorter the second move is than the first. A leap is kept where the objective has not
fallen; else the next pass begins where the second of the two ended, as without it.

It works on parameters alone, so it is the same wherever the answers are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.aggregation.base import Iterative, Strategy
from peerannot.aggregation.partitions.parts import Size

__all__ = ["Accelerated", "Extrapolation", "Point", "moved", "squares"]

Point = tuple[NDArray[np.float64], ...]

FIRST, LONGEST, STRETCH = 4.0, 256.0, 4.0  # limits of the length of a leap, and how they change
STEPS = 4  # lengths between one and its double
LEAST = 0.1  # part of what plain EM gives an amount under which no leap takes it
SLACK = 1e-12  # relative fall of the objective that is rounding


@dataclass(frozen=True, kw_only=True)
class Accelerated(Iterative):
    """An iterative strategy whose passes can be extrapolated.

    Parameters
    ----------
    accelerate
        Whether every third pass begins further on, in the direction of the two before it. To
        convergence (``tol=1e-11`` and a larger ``max_iter``) that takes half to a third of the
        passes; it changes where a fit with the usual tolerance ends. ``max_iter`` counts all
        passes over the answers, also those in vain, and ``tol`` is asked of plain ones.
    """

    accelerate: bool = option(False, help="extrapolate between passes: fewer until convergence")

    def settled_gain(self) -> float:
        """Gain of a pass per answer under which leaps begin."""
        return np.inf


def _as_it_is(point: Point) -> Point:
    return point


@dataclass
class Extrapolation:
    """Squared extrapolation (SQUAREM) between the passes of a strategy.

    A loop asks `start` where a pass begins and tells `end` where it ended; the loop ends with what
    `end` gave last. Where the strategy is not accelerated, both give back what they are given.

    Attributes
    ----------
    on : bool
        Whether there are leaps at all.
    settled : float
        Gain of a pass under which leaps begin.
    amounts : bool
        Whether a point is of amounts, which cannot be negative.
    to_amounts, of_amounts : callables
        A point as it is extrapolated, and back; by default it is as it is.
    length : float
        Of the leap that the last pass began with, in moves of plain EM; 1 where there was none.
    kept : bool
        Whether the last pass counts: False where it was a leap in vain.
    judges : bool
        Whether the gain of the last pass is that of plain EM, by which convergence is told.
    n_leaps, n_refused : int
        Leaps that were tried, and those in vain.

    Notes
    -----
    With moves r and r + v of two passes, and a = |r| / |v| within limits, the leap from where they
    began is 2 a r + a^2 v. Amounts x are measured in units of sqrt(1 + x), about what they vary.

    Cost: memory for three more points, and a few operations on each number of them.

    References
    ----------
    Varadhan, R. and Roland, C. (2008). Simple and globally convergent methods for accelerating
    the convergence of any EM algorithm. Scandinavian Journal of Statistics 35, 335-353, scheme
    SqS3.
    """

    on: bool
    settled: float = np.inf
    amounts: bool = True
    to_amounts: Callable[[Point], Point] = _as_it_is
    of_amounts: Callable[[Point], Point] = _as_it_is
    length: float = 1.0
    kept: bool = True
    judges: bool = True
    n_leaps: int = 0
    n_refused: int = 0
    # The points that the last passes began with, of which the image is known; at most two.
    _trail: tuple[Point, ...] = ()
    _point: Point = field(default=(), repr=False)
    _back: Point | None = field(default=None, repr=False)
    _limit: float = FIRST
    _merit: float = -np.inf
    _gain: float = np.inf
    _elsewhere: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(
        cls,
        strategy: Strategy,
        size: Size,
        saved: Mapping[str, Any] | None,
        **about: Any,
    ) -> Self:
        """What the options of a strategy ask for, from the start or as `state` told it.

        ``about`` are the attributes that say what a point is.
        """
        if not (isinstance(strategy, Accelerated) and strategy.accelerate):
            return cls(False)
        settled = strategy.settled_gain() * max(size.total_weight, 1.0)
        made = cls(True, settled, **about)
        if saved is not None:
            made._restore(saved)
        return made

    def start(self, image: Point) -> Point:
        """Where the next pass begins: where the last one ended, or further on."""
        if not self.on:
            return image
        self._point, self.length = image, 1.0
        if len(self._trail) == 2 and self._gain < self.settled:
            self._leap(image)
        return self._point

    def end(self, image: Point, merit: float, elsewhere: Sequence[float] = (0.0, 0.0)) -> Point:
        """Where the pass ended that `start` began; where the one before ended, if in vain.

        Parameters
        ----------
        image
            What the pass made of its point.
        merit
            What no pass of plain EM makes fall, of the point.
        elsewhere
            `squares` of what belongs to the point but is not here.
        """
        if not self.on:
            return image
        back, self._back = self._back, None
        self.judges = back is None
        self.kept = back is None or merit >= self._merit - SLACK * abs(self._merit)
        if back is not None and not self.kept:
            self.n_refused += 1
            self._limit = max(1.0, self._limit / STRETCH)
            return back
        if back is not None:
            self._trail = ()
            if self.length >= self._limit:
                self._limit = min(self._limit * STRETCH, LONGEST)
        self._trail = (*self._trail[-1:], self._point)
        self._gain, self._merit = abs(merit - self._merit), merit
        self._elsewhere = float(elsewhere[0]), float(elsewhere[1])
        return image

    def notes(self) -> dict[str, Any]:
        """For `Diagnostics`: leaps tried and in vain; nothing where there are none."""
        return {"leaps": self.n_leaps, "leaps_in_vain": self.n_refused} if self.on else {}

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, after `end`; nothing where there are no leaps."""
        if not self.on:
            return {}
        numbers = (
            self._limit, self._merit, self._gain, *self._elsewhere, self.n_leaps, self.n_refused,
            self.kept, self.judges, len(self._trail),
        )  # fmt: skip
        trail = {
            f"trail_{i}_{j}": array
            for i, point in enumerate(self._trail)
            for j, array in enumerate(point)
        }
        return {"leaps": np.array(numbers, dtype=np.float64), **trail}

    def _restore(self, saved: Mapping[str, Any]) -> None:
        limit, merit, gain, rr, vv, tried, refused, kept, judges, n = map(float, saved["leaps"])
        self._limit, self._merit, self._gain, self._elsewhere = limit, merit, gain, (rr, vv)
        self.n_leaps, self.n_refused = int(tried), int(refused)
        self.kept, self.judges = bool(kept), bool(judges)
        width = sum(key.startswith("trail_0_") for key in saved)
        self._trail = tuple(
            tuple(saved[f"trail_{i}_{j}"] for j in range(width)) for i in range(int(n))
        )

    def _leap(self, image: Point) -> None:
        first, second, third = (self.to_amounts(point) for point in (*self._trail, image))
        rr, vv = self._elsewhere
        for x0, x1, x2 in zip(first, second, third, strict=True):
            more = squares(x0, x1, x2, amounts=self.amounts)
            rr, vv = rr + more[0], vv + more[1]
        wish = _rounded(float(np.sqrt(rr / vv))) if vv > 0 else 1.0
        self.length = min(max(wish, 1.0), self._limit)
        if self.length == 1.0:
            # Nothing to try, but what was in vain once may be worth it later.
            if wish > 1.0:
                self._limit = STRETCH
            return
        leap = tuple(
            moved(x0, x1, x2, self.length) for x0, x1, x2 in zip(first, second, third, strict=True)
        )
        if self.amounts:
            leap = tuple(np.maximum(x, LEAST * x2) for x, x2 in zip(leap, third, strict=True))
        self._point = self.of_amounts(leap)
        self._back, self._trail = image, self._trail[1:]
        self.n_leaps += 1


def _rounded(length: float) -> float:
    # Followed exactly, the length would carry rounding from one leap into the next and let it
    # grow without end, so that partitions and engines would part. Of few lengths, all take one.
    return float(2.0 ** (round(STEPS * np.log2(length)) / STEPS)) if length > 1.0 else 1.0


def squares(
    x0: NDArray[np.float64],
    x1: NDArray[np.float64],
    x2: NDArray[np.float64],
    *,
    amounts: bool = False,
) -> tuple[float, float]:
    """Squared length of the move from ``x0`` to ``x1``, and of how the move to ``x2`` differs."""
    move = x1 - x0
    turn = x2 - x1
    turn -= move
    unit = 1.0 + x1 if amounts else 1.0
    return float((move * move / unit).sum()), float((turn * turn / unit).sum())


def moved(
    x0: NDArray[np.float64], x1: NDArray[np.float64], x2: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    """The leap of a length from three points, one move apart each."""
    move = x1 - x0
    turn = x2 - x1
    turn -= move
    return np.asarray(x0 + 2.0 * length * move + length**2 * turn)
