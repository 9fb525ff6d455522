"""Models that go through the answers in rounds, one or several side by side in one pass."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Protocol

import numpy as np

from peerannot._options import option
from peerannot._progress import Progress
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.partitions.checkpoint import NOWHERE, Checkpoint
from peerannot.aggregation.partitions.parts import Part, Parts, Work
from peerannot.aggregation.result import Diagnostics

__all__ = ["Model", "Rounds", "Settling"]

HOLD = 5  # rounds before anything is learnt from a crowd whose labels are still those of votes
SETTLED = 0.01  # mean change of a task's posterior under which they are no more


@dataclass
class Settling:
    """When a model may learn its priors from the crowd, and when it may rest.

    Attributes
    ----------
    rounds : int
        Rounds until now.
    learns : bool
        Whether it may learn: once labels have settled, or after `HOLD` rounds.
    """

    rounds: int = 0
    learns: bool = False

    def after(self, moved: float) -> float:
        """Count a round in which a task has moved by so much on average; what it is to say of it.

        Infinity until it has learnt in an earlier round.
        """
        had_learnt = self.learns
        self.learns |= self.rounds >= HOLD or (self.rounds > 0 and moved < SETTLED)
        self.rounds += 1
        return moved if had_learnt else math.inf

    def state(self) -> dict[str, Any]:
        return {"rounds": self.rounds, "learns": self.learns}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Settling:
        return cls(int(state["rounds"]), bool(state["learns"]))


class Model(Protocol):
    """What a model knows between rounds, and what it does with a partition.

    Attributes
    ----------
    begin : Work
        ``begin(part, *first)`` gives an array that is kept with the tasks, and sums.
    step : Work
        ``step(part, kept, *given)`` gives the same after a round, or where ``is_joint``,
        ``step(part, each_kept, each_given)`` that of all models that have this ``step``, one
        after another.
    is_joint : bool
    write : Work
        ``write(part, kept, *given)`` is the posterior of the tasks, as it is held.
    n_sums : int
        How many sums they are.
    """

    begin: Work
    step: Work
    write: Work
    is_joint: bool
    n_sums: int

    def first(self) -> tuple[Any, ...]:
        """What ``begin`` is given."""

    def given(self) -> tuple[Any, ...]:
        """What ``step`` and ``write`` are given: parameters by the last sums."""

    def take(self, sums: tuple[Any, ...]) -> float:
        """Learn from the sums of a round, and say how much a task has moved, on average.

        Infinity where it must not rest yet, as it has learnt something for the first time.
        """

    def state(self) -> dict[str, Any]:
        """What a later process needs to go on."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""

    def fit(self) -> Fit:
        """What is known of workers and classes."""


@dataclass(frozen=True, kw_only=True)
class Rounds(Strategy):
    """A strategy of models in rounds, until none moves.

    Parameters
    ----------
    max_iter
        Most iterations.
    tol
        Stop when the posterior of a task moves by less than this on average (total variation).
    """

    takes_gold: ClassVar[bool] = True
    takes_init: ClassVar[bool] = True

    max_iter: int = option(200, at_least=1, help="most iterations")
    tol: float = option(5e-4, above=0.0, help="mean change of a task's posterior at rest")

    @abstractmethod
    def models(self, parts: Parts) -> Sequence[Model]:
        """The models of a fit, whose posteriors are averaged."""

    def joined(self, fits: Sequence[Fit]) -> Fit:
        """What is known of workers and classes by all models: by default, there is one."""
        return fits[0]

    def fit_parts(
        self, parts: Parts, progress: Progress, checkpoint: Checkpoint = NOWHERE
    ) -> Fitted:
        models = self.models(parts)
        saved = checkpoint.load()
        rests, rounds = np.zeros(len(models), np.bool_), 0
        if saved is None:
            told = parts.advance(
                _begin, tuple(m.begin for m in models), tuple(m.first() for m in models)
            )
            for model, sums in zip(models, _of_each(models, told), strict=True):
                model.take(sums)
        else:
            rests, rounds = saved["rests"], int(saved["n_iter"])
            for i, model in enumerate(models):
                head = f"{i}_"
                own = {k.removeprefix(head): v for k, v in saved.items() if k.startswith(head)}
                model.restore(own)
        while not rests.all() and rounds < self.max_iter:
            at = np.flatnonzero(~rests).tolist()
            moving = [models[i] for i in at]
            given = tuple(model.given() for model in moving)
            steps = tuple((model.step, model.is_joint) for model in moving)
            told = parts.advance(_step, at, steps, given)
            each = _of_each(moving, told)
            moved = [model.take(sums) for model, sums in zip(moving, each, strict=True)]
            rests = rests.copy()
            rests[at] = [change < self.tol for change in moved]
            rounds += 1
            state: dict[str, Any] = {"n_iter": rounds, "objective": [], "rests": rests}
            for i, model in enumerate(models):
                state |= {f"{i}_{name}": value for name, value in model.state().items()}
            checkpoint.save(state)
            progress(rounds, self.max_iter, f"a task moves by {max(moved):.1e}")
        fit = self.joined([model.fit() for model in models])
        fit.diagnostics = Diagnostics(rounds, bool(rests.all()))
        writes, given = tuple(m.write for m in models), tuple(m.given() for m in models)
        return Fitted(fit, _write, (writes, given))


def _of_each(models: Sequence[Model], told: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The sums of each model, of those of all, one after another."""
    ends = np.cumsum([model.n_sums for model in models]).tolist()
    return [told[end - model.n_sums : end] for model, end in zip(models, ends, strict=True)]


def _begin(
    part: Part, works: tuple[Work, ...], given: tuple[tuple[Any, ...], ...]
) -> tuple[Any, tuple[Any, ...]]:
    kept: list[Any] = []
    told: list[Any] = []
    before: tuple[Any, ...] = ()
    own, sums = None, ()
    for asked in zip(works, given, strict=True):
        work, first = asked
        if not _same(asked, before):
            own, sums = work(part, *first)
        before = asked
        kept.append(own)
        told.extend(sums)
    return tuple(kept), tuple(told)


def _same(asked: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Whether models begin alike: then what they keep is one array until their first step."""
    if not before or asked[0] is not before[0]:
        return False
    return all(a is b for a, b in zip(asked[1], before[1], strict=True))


def _step(
    part: Part, at: list[int], steps: tuple[tuple[Work, bool], ...],
    given: tuple[tuple[Any, ...], ...],
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    kept, told = list(part.kept), []
    for (work, is_joint), group in groupby(zip(steps, at, given, strict=True), itemgetter(0)):
        _, places, nows = zip(*group, strict=True)
        if is_joint:
            each = work(part, [kept[i] for i in places], nows)
        else:
            each = [work(part, kept[i], *now) for i, now in zip(places, nows, strict=True)]
        for i, (own, sums) in zip(places, each, strict=True):
            kept[i] = own
            told.extend(sums)
    return tuple(kept), tuple(told)


def _write(part: Part, works: tuple[Work, ...], given: tuple[tuple[Any, ...], ...]) -> Fit:
    total: Any = None
    for own, work, now in zip(part.kept, works, given, strict=True):
        posterior = work(part, own, *now)
        if total is None:
            total = posterior
        elif isinstance(total, np.ndarray):
            total += posterior
        else:
            total = total + posterior
    if len(works) > 1:
        total /= len(works)
    return Fit(total)
