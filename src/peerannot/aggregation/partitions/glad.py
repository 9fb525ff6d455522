"""GLAD: derivatives by the ability of each worker travel; difficulties stay with the tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._progress import Progress
from peerannot.aggregation.base import Fit
from peerannot.aggregation.checkpoint import Checkpoint
from peerannot.aggregation.glad import GLAD, Easiness, expected_share
from peerannot.aggregation.partitions.base import (
    Fitted,
    Model,
    Size,
    Written,
    distributes,
    size_of,
    told_as_held,
)
from peerannot.aggregation.partitions.parts import Part, Parts
from peerannot.aggregation.partitions.reductions import Largest
from peerannot.aggregation.wawa import worker_weight

__all__ = ["Abilities", "PartsTasks"]


@dataclass(frozen=True)
class PartsTasks:
    """Passes over partitions, which keep beta; see `peerannot.aggregation.glad.Tasks`."""

    parts: Parts
    answers: Size
    beta_mean: float

    def step(
        self, alpha: NDArray[np.float64], steps: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        gradient, curvature, reach, gain = self.parts.advance(_step, self.beta_mean, alpha, steps)
        return gradient, curvature, reach.value, float(gain)


@distributes(GLAD)
class Abilities(Model):
    """Abilities (workers,) out; gradient, curvature and reach (3, workers) back."""

    def fit(
        self, strategy: GLAD, parts: Parts, progress: Progress, checkpoint: Checkpoint
    ) -> Fitted:
        tasks = PartsTasks(parts, size_of(parts), float(strategy.beta_mean))
        if checkpoint.load() is None:
            parts.advance(_begin, tasks.beta_mean)
        alpha = np.full(len(parts.shape.workers), float(strategy.alpha_mean))
        alpha, diagnostics = strategy._iterate(tasks, alpha, progress, checkpoint)
        right, total = parts.sum(_right, tasks.beta_mean, alpha)
        fit = Fit(
            None,
            skill=expected_share(right, total),
            worker_columns={"alpha": alpha},
            diagnostics=diagnostics,
        )
        return Fitted(fit, _write, (strategy, alpha))


def _begin(part: Part, beta_mean: float) -> tuple[Any, tuple[int]]:
    return np.full(part.answers.n_tasks, beta_mean), (part.answers.n_tasks,)


def _easiness(part: Part, beta_mean: float) -> Easiness:
    """The tasks with a beta of their own, so that what is kept stays as it is."""
    made: Easiness = part.made("easiness", lambda: Easiness.of(part.answers, part.gold, beta_mean))
    return replace(made, beta=part.kept.copy(), beta_mean=beta_mean)


def _step(
    part: Part, beta_mean: float, alpha: NDArray[np.float64], steps: int
) -> tuple[Any, tuple[Any, ...]]:
    easiness = _easiness(part, beta_mean)
    gradient, curvature, reach, gain = easiness.step(alpha, steps)
    return easiness.beta, (gradient, curvature, Largest(reach), gain)


def _right(part: Part, beta_mean: float, alpha: NDArray[np.float64]) -> tuple[Any, ...]:
    return _easiness(part, beta_mean).posterior(alpha)[1], worker_weight(part.answers)


def _write(part: Part, strategy: GLAD, alpha: NDArray[np.float64]) -> Written:
    easiness = _easiness(part, float(strategy.beta_mean))
    posterior, _ = easiness.posterior(alpha)
    return told_as_held(part, strategy.ties, strategy.seed, easiness.support, posterior)
