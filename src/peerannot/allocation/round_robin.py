"""Tasks in turn: the baseline that gives all tasks equally many answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.base import OrderPolicy, Tasks
from peerannot.allocation.registry import POLICIES

__all__ = ["RoundRobin"]


@POLICIES.register("round-robin")
@dataclass(frozen=True, kw_only=True)
class RoundRobin(OrderPolicy):
    """Tasks of the fewest answers first, equal ones in their order.

    When to use: as the baseline of most campaigns, "each task three times"; with ``--stop
    answers=3`` it is that.

    Notes
    -----
    Cost: O(1) a task.

    References
    ----------
    The baseline of Sheng, V. S., Provost, F. and Ipeirotis, P. G. (2008). Get another label?
    KDD, section 4 (generalised round-robin).
    """

    def score(self, tasks: Tasks, at: NDArray[np.int64], pending: int) -> NDArray[np.float64]:
        return -(tasks.n_answers[at] + pending + at / len(tasks))

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        return f"{tasks.n_answers[task] + pending} answers, the fewest"
