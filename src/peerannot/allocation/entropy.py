"""Tasks whose posterior is the least sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerannot.allocation.base import OrderPolicy, Tasks
from peerannot.allocation.registry import POLICIES

__all__ = ["Entropy"]


@POLICIES.register("entropy")
@dataclass(frozen=True, kw_only=True)
class Entropy(OrderPolicy):
    r"""Tasks of the largest entropy of the posterior first, whoever answers.

    .. math:: H(z_i) = -\sum_k z_{ik} \log z_{ik}

    Of a task with n answers pending the entropy counts 1 / (n + 1): it says nothing of what an
    answer brings. Ambiguous tasks keep their entropy whatever is answered, so they are asked again
    and again: set ``--stop hopeless`` or ``answers``.

    When to use: the strategy has no skills of workers (majority vote), or who answers cannot be
    chosen.

    Notes
    -----
    Cost: O(1) a task once the posterior is known.

    References
    ----------
    Uncertainty sampling; Lewis, D. D. and Gale, W. A. (1994). A sequential algorithm for training
    text classifiers. SIGIR.
    """

    unit = "nats"

    def score(self, tasks: Tasks, at: NDArray[np.int64], pending: int) -> NDArray[np.float64]:
        return tasks.entropy[at] / (pending + 1)

    def reason(self, tasks: Tasks, task: int, pending: int) -> str:
        return f"entropy {tasks.entropy[task]:.2f}, {tasks.n_answers[task]} answers"
