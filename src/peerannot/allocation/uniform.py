"""Tasks at random: the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.allocation.base import OrderPolicy, Tasks
from peerannot.allocation.registry import POLICIES

__all__ = ["Uniform"]


@lru_cache(maxsize=1)
def _places(seed: int, n_answers: int, n: int) -> NDArray[np.float64]:
    """Of all tasks, so that a task has its place whichever are open."""
    return np.random.default_rng((seed, n_answers)).random(n)


@POLICIES.register("uniform", "random")
@dataclass(frozen=True, kw_only=True)
class Uniform(OrderPolicy):
    """Tasks in random order, each once before any a second time; another one once there are more
    answers, so that round after round all have the same chance.

    When to use: as a baseline to compare others with, and for a sample that no model has touched.

    Parameters
    ----------
    seed
        Seed of the order.

    Notes
    -----
    Cost: a random number a task.

    References
    ----------
    Simple random sampling without replacement; Cochran, W. G. (1977). Sampling Techniques,
    chapter 2.
    """

    seed: int = option(0, at_least=0, help="seed of the order")

    def score(self, tasks: Tasks, at: NDArray[np.int64], pending: int) -> NDArray[np.float64]:
        return _places(self.seed, tasks.total, len(tasks))[at] - pending

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        return "drawn at random"
