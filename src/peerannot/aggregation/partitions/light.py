"""LA: what is known of each worker goes from partition to partition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.label_aggregation import OnePassLA, TwoPassLA, skill_of
from peerannot.aggregation.partitions.base import (
    Fitted,
    Model,
    Written,
    distributes,
    in_place,
    stream,
)
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.signed import largest_score, write_signed
from peerannot.aggregation.partitions.votes import support_of
from peerannot.errors import ParameterError

__all__ = ["OnePass", "TwoPasses"]

# Right and seen of each worker, (n_workers,) each.
Skills = tuple[NDArray[np.float64], NDArray[np.float64]]


class _Light(Model):
    def check(self, strategy: OnePassLA) -> None:
        if strategy.order != "given":
            raise ParameterError(
                f"{strategy.name} does not distribute with order={strategy.order}, which shuffles"
                " all tasks; choose order=given, which reads them as they are"
            )

    def read(
        self, strategy: OnePassLA, parts: Parts, *, remember: bool
    ) -> tuple[Fit, list[Skills]]:
        """The pass through the partitions, and what was known where each of them began."""
        state = [strategy._begin(len(parts.shape.workers))]
        state = parts.chain(_read, state, strategy, remember)
        *starts, (right, seen) = state
        fit = Fit(None)
        strategy._tell(fit, right, seen)
        return fit, starts


@distributes(OnePassLA)
class OnePass(_Light):
    """Right and seen (2, workers) of every partition's beginning go out once more to write."""

    def fit(
        self, strategy: OnePassLA, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        fit, starts = self.read(strategy, parts, remember=True)
        return Fitted(fit, _write, (strategy, starts))


@distributes(TwoPassLA)
class TwoPasses(_Light):
    """Weights (workers,) go out once more to write."""

    def fit(
        self, strategy: TwoPassLA, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        fit, _ = self.read(strategy, parts, remember=False)
        weight = len(parts.shape.classes) * skill_of(fit.extra["right"], fit.extra["seen"]) - 1
        fit.worker_columns = {"weight": weight}
        given = (strategy.ties, strategy.seed, weight, largest_score(parts, weight))
        return Fitted(fit, write_signed, given)


def _read_part(part: Part, strategy: OnePassLA, before: Skills) -> Any:
    """Scores when tasks were read, then right and seen of each worker after the last."""
    right, seen = before
    return strategy._read(
        part.answers,
        support_of(part),
        part.gold,
        np.flatnonzero(part.answers.answers_per_task),
        stream(part, strategy.seed),
        right.copy(),
        seen.copy(),
    )


def _read(part: Part, state: list[Skills], strategy: OnePassLA, remember: bool) -> list[Skills]:
    _, right, seen = _read_part(part, strategy, state[-1])
    return [*(state if remember else ()), (right, seen)]


def _write(part: Part, strategy: OnePassLA, starts: list[Skills]) -> Written:
    score, right, seen = _read_part(part, strategy, starts[part.index])
    fit = in_place(strategy, part)._told_by(
        part.answers, support_of(part), part.gold, score, right, seen
    )
    return fit.labels, fit.confidence, fit.posterior
