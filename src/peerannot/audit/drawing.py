r"""Which tasks an expert is to judge, drawn with known probabilities.

Each task has a size :math:`p_i`, sizes sum to one, and a uniform random number :math:`r_i` of its
own; tasks are put in order of :math:`r_i / p_i` and the first n are drawn (sequential Poisson
sampling, Ohlsson 1998). So

* the number of tasks is as asked, and task i is drawn with probability
  :math:`\pi_i = \min(1, c p_i)`, c such that they sum to n. Where sizes are equal this is exact, a
  simple random sample without replacement. Where they differ it is off by about
  :math:`\pi_i / n` of itself (docs/audit.md);
* the first m of a drawing of n *are* a drawing of m: an expert may stop early, and go on later.

**Doubt.** The error of the estimate is smallest where :math:`p_i` goes as the standard deviation
of what predictions miss, :math:`\sqrt{q_i (1 - q_i)}` with :math:`q_i` the probability of the
label. A model may be sure and wrong, so half of the size is the same for all,

.. math::
    p_i = \frac{1}{N} \left( \frac12 + \frac12 \frac{\sqrt{q_i (1 - q_i)}}{\text{mean}} \right):

no task counts for more than twice what it would in a simple random sample.

References
----------
Ohlsson, E. (1998). Sequential Poisson sampling. Journal of Official Statistics 14(2), 149-162.

Rosén, B. (1997). On sampling with probability proportional to size. Journal of Statistical
Planning and Inference 62(2), 159-191.

Zrnic, T. and Candès, E. J. (2024). Active statistical inference. arXiv:2403.03208, section 4.

Hesterberg, T. (1995). Weighted average importance sampling and defensive mixture distributions.
Technometrics 37(2), 185-194.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerannot.errors import ParameterError

__all__ = ["DESIGNS", "Drawing", "doubt", "draw"]

DESIGNS = ("random", "doubt")
DEFENSE = 0.5  # part of the size that is the same for all tasks


@dataclass(frozen=True, eq=False)
class Drawing:
    """Tasks that were drawn.

    Attributes
    ----------
    tasks : int64 array (n,)
        Positions, in the order to judge them in.
    size : float64 array (n,)
        Their sizes; those of all tasks sum to one.
    heavy : float64 array
        Sizes of all tasks that were certain to be drawn, descending.
    """

    tasks: NDArray[np.int64]
    size: NDArray[np.float64]
    heavy: NDArray[np.float64]

    @property
    def probability(self) -> NDArray[np.float64]:
        """Probability that the task was drawn, float64 (n,)."""
        n = len(self.tasks)
        certain, rest = _certain(self.heavy, n)
        if certain >= n or rest <= 0:
            return np.ones(n)
        return np.minimum(1.0, (n - certain) / rest * self.size)

    def first(self, n: int) -> Drawing:
        """The drawing of fewer tasks that this one goes on from."""
        return replace(self, tasks=self.tasks[:n], size=self.size[:n])

    def begins(self, other: Drawing) -> bool:
        """Whether another drawing, of as many tasks or more, goes on from this one."""
        start = other.first(len(self.tasks))
        return np.array_equal(start.tasks, self.tasks) and np.allclose(start.size, self.size)


def draw(
    n_tasks: int, n: int, *, seed: int = 0, sizes: NDArray[np.float64] | None = None
) -> Drawing:
    """Draw ``n`` of ``n_tasks`` tasks; the same seed and more of them begins with the same.

    Parameters
    ----------
    n_tasks, n
        Tasks that there are, and to draw.
    seed
        Seed of the drawing.
    sizes
        What probabilities go as, see `doubt`; positive float64 (n_tasks,). By default all are
        equal.

    Raises
    ------
    ParameterError
        There are not so many tasks, or ``n`` is no number.

    Notes
    -----
    Cost O(n_tasks log n_tasks).
    """
    if not 1 <= n <= n_tasks:
        raise ParameterError(
            f"n must be between 1 and the {n_tasks:,} tasks that there are, not {n}"
        )
    # The stream of the seed alone may be what truth or answers were simulated with.
    numbers = np.random.default_rng([*b"audit", seed]).random(n_tasks)
    p = np.full(n_tasks, 1 / n_tasks) if sizes is None else sizes / sizes.sum()
    tasks = np.argsort(numbers / p, kind="stable")[:n]
    heavy = np.sort(p)[::-1][:n]
    return Drawing(tasks, p[tasks], heavy[: _certain(heavy, n)[0]])


def _certain(heavy: NDArray[np.float64], n: int) -> tuple[int, float]:
    """How many of the largest sizes are certain among n tasks, and what the others sum to."""
    certain, rest = 0, 1.0
    while certain < heavy.size and (n - certain) * heavy[certain] >= rest:
        rest -= float(heavy[certain])
        certain += 1
    return certain, rest


def doubt(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sizes that favour tasks of which a model is not sure, float64 (n_tasks,)."""
    q = np.clip(confidence, 0.0, 1.0)
    deviation = np.sqrt(q * (1 - q))
    mean = float(deviation.mean()) if deviation.size else 0.0
    if mean <= 0:
        return np.ones_like(q)
    return DEFENSE + (1 - DEFENSE) * deviation / mean
