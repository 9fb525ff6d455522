r"""A share among tasks of which an expert has judged a few and a model predicts all.

Let :math:`y_i` be 1 where something is true of task :math:`i`, :math:`f_i` what a model predicts
of it, :math:`\pi_i` the probability that the expert was to see the task, :math:`w_i = 1/\pi_i`.
With sums over the audited tasks and :math:`\bar F` the mean prediction of *all* tasks,

.. math::
    \hat\theta = \bar y_w - \lambda (\bar f_w - \bar F), \qquad
    \bar y_w = \sum_i w_i y_i / \sum_i w_i .

The model may be as wrong as it likes: :math:`\bar f_w - \bar F` has expectation zero because of
how tasks were drawn, not because of the model. Where probabilities are equal this is the estimate
of PPI++ (Angelopoulos, Duchi and Zrnic 2023), whose :math:`N` are the tasks that were not drawn.
Its :math:`\lambda` minimises the variance, and so does ours, but with the spread of the predictions
among the audited tasks, as variance and weights below; theirs (`ppi_tuning`) takes it from all
tasks, which leaves a bias where few are audited.

A task that the expert could not judge counts in :math:`\bar f_w` and not in :math:`\bar y_w`: the
estimate is of the tasks that can be judged, however these differ from the others.

**Variance.** With :math:`u_i = w_i (y_i - \bar y_w) / \sum w` and
:math:`v_i = w_i (f_i - \bar f_w) / \sum w`, in Hájek's form for a sample of fixed size of a finite
population,

.. math::
    B(a, b) = \frac{n}{n - 1} \sum_i (1 - \pi_i)(a_i - \bar a)(b_i - \bar b), \qquad
    V = B(u - \lambda v, u - \lambda v),

bars being means weighted by :math:`1 - \pi_i`.

**Interval.** The usual :math:`\hat\theta \pm z \sqrt V` fails where shares are near 0 or 1, or few
tasks are audited: what is rare was not seen, so that V is near nothing (docs/audit.md has
numbers). Instead it is Wilson's interval of a share with as many independent observations as

.. math::
    n_e = \frac{n_k - 1}{(1 - n/N) D R}, \quad
    n_k = \frac{(\sum w)^2}{\sum w^2}, \quad
    D = \frac{B(u, u) + h}{(1 - n/N) \bar y_w (1 - \bar y_w) / (n_k - 1) + h}, \quad
    R = \frac{V + h}{B(u, u) + h},

with :math:`n_k` Kish's size, D what unequal probabilities cost and R what predictions save; z is
the quantile of Student's t with :math:`n_k - 1` degrees of freedom, or that of the normal
distribution where D and R are 1 as nothing but the share is estimated.
:math:`h = (1 - n/N) / (4 n_k^2)` is a quarter of an unforeseen observation (a tenth where
probabilities differ): a model that made no mistake among the audited tasks may yet make some.
Below 60 judged tasks nothing is believed of the model (:math:`\lambda = 0`): what it misses is
skewed, and few tasks do not show it. What is certain, given what was seen of how many tasks,
bounds the interval at last.

References
----------
Angelopoulos, A. N., Duchi, J. C. and Zrnic, T. (2023). PPI++: Efficient prediction-powered
inference. arXiv:2311.01453, sections 4 and 6.

Hájek, J. (1964). Asymptotic theory of rejective sampling with varying probabilities from a finite
population. Annals of Mathematical Statistics 35(4), 1491-1523.

Särndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling, sections 5.7
and 6.3.

Kish, L. (1965). Survey Sampling, section 11.7.

Franco, C., Little, R. J. A., Louis, T. A. and Slud, E. V. (2019). Comparative study of confidence
intervals for proportions in complex sample surveys. Journal of Survey Statistics and Methodology
7(3), 334-364.

Agresti, A. and Min, Y. (2005). Simple improved confidence intervals for comparing matched
proportions. Statistics in Medicine 24(5), 729-740.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.errors import ParameterError

__all__ = ["Share", "Whole", "estimate_share", "ppi_tuning"]

FEW = 10  # judged tasks below which an interval says next to nothing
TUNED = 60  # judged tasks below which nothing is believed of the model
# Observations that the model may yet miss; those that doubt foresees count for less.
UNFORESEEN, UNFORESEEN_BY_DOUBT = 0.25, 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Whole:
    """What is known of all tasks that a share is of.

    Attributes
    ----------
    size : int
        Tasks.
    mean, variance : float
        Of the predictions; the variance with ``size - 1`` in the denominator.
    """

    size: int
    mean: float
    variance: float

    @classmethod
    def of(cls, predicted: Floats) -> Whole:
        """Of the predictions of all tasks."""
        n = predicted.size
        mean = float(predicted.mean()) if n else 0.0
        return cls(n, mean, float(((predicted - mean) ** 2).sum() / (n - 1)) if n > 1 else 0.0)


@dataclass(frozen=True)
class Share:
    """A share with its interval.

    Attributes
    ----------
    value, low, high : float or None
        None where no task was judged; the interval is then 0 to 1.
    n, size : int
        Tasks judged, and tasks that the share is of.
    seen : int
        Judged tasks of which it is true.
    error : float or None
        Standard error, the square root of V.
    tuning : float
        How far predictions are believed, from 0.
    level : float
        Probability of the interval.
    """

    value: float | None
    low: float
    high: float
    n: int
    size: int
    seen: int
    error: float | None
    tuning: float
    level: float
    # Observations that one judged task counts for, before the finite population.
    _per_task: float = field(default=1.0, repr=False)
    _quantile: float = field(default=math.inf, repr=False)

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def too_few(self) -> bool:
        """Whether fewer tasks were judged than it takes to tell anything; the interval holds."""
        return self.n < FEW

    def as_dict(self) -> dict[str, Any]:
        """All of it by name, for JSON."""
        names = ("value", "low", "high", "n", "size", "seen", "error", "tuning", "too_few")
        return {name: getattr(self, name) for name in names}

    def more(self, width: float) -> int | None:
        """Tasks to be judged besides, until the interval is at most so wide.

        Wilson's width is solved for the number of tasks n' with D and R as they are, which is
        about n' = 1 / (1/N + W^2 / (4 z^2 D R p (1 - p))). None where nothing was judged yet.

        Raises
        ------
        ParameterError
            The width is not between 0 and 1.
        """
        if not 0 < width < 1:
            raise ParameterError(f"width must be between 0 and 1, not {width!r}")
        if self.value is None or self.width <= width:
            return None if self.value is None else 0
        low, high = self.n, self.size
        while high - low > 1:
            n = (low + high) // 2
            a, b = _wilson(self.value, self._per_task * n / (1 - n / self.size), self._quantile)
            low, high = (low, n) if b - a <= width else (n, high)
        return high - self.n


def estimate_share(
    true: Floats,
    predicted: Floats,
    probability: Floats,
    whole: Whole,
    *,
    level: float = 0.95,
    tuning: float | None = None,
) -> Share:
    """A share with its interval; see the module for the formulas.

    Parameters
    ----------
    true
        1 or 0 for each audited task that the share is of, NaN where the expert could not say;
        float64 (n,).
    predicted
        What the model says of these, float64 (n,).
    probability
        That the task was drawn, in (0, 1]; float64 (n,).
    whole
        Of the predictions of all tasks that the share is of, audited or not.
    level
        Probability of the interval.
    tuning
        How far to believe predictions: 0 not at all; by default as far as they have proved right.

    Raises
    ------
    ParameterError
        ``level`` is not between 0 and 1.

    Notes
    -----
    Cost O(n).
    """
    if not 0 < level < 1:
        raise ParameterError(f"level must be between 0 and 1, not {level!r}")
    judged = ~np.isnan(true)
    n, known, size = true.size, int(judged.sum()), whole.size
    if not known:
        return Share(None, 0.0, 1.0, 0, size, 0, None, 0.0, level)
    seen = int(true[judged].sum())
    # As many as it is known that there are, so that a share of all tasks audited is certain.
    weight = np.maximum(1 / probability * (size / (1 / probability).sum()), 1.0)
    free = 1 - 1 / weight
    own = np.where(judged, weight, 0.0) / weight[judged].sum()
    everyone = weight / weight.sum()
    y = np.where(judged, true, 0.0)
    plain = seen / known if seen in (0, known) else float((own * y).sum())
    f = float((everyone * predicted).sum())
    u, v = own * (y - plain), everyone * (predicted - f)
    kish = float(1 / (own**2).sum())
    left = max(1 - n / size, 0.0)
    if tuning is None:
        spread = _spread(v, v, free) if known >= TUNED else 0.0
        tuning = _within(_spread(u, v, free) / spread if spread > 0 else 0.0, left)
    uu = _spread(u, u, free)
    variance = _spread(u - tuning * v, u - tuning * v, free)
    value = min(max(plain - tuning * (f - whole.mean), 0.0), 1.0)
    # The bounds are true of every sample: what was seen is there, and what is left may be all.
    judgeable = size - (n - known)
    least, most = seen / judgeable, 1 - (known - seen) / judgeable
    value = min(max(value, least), most)
    error = math.sqrt(variance) if known > 1 else None
    if known < 2 or left == 0.0:
        bounds = (least, most)
        return Share(value, *bounds, known, size, seen, error, tuning, level)
    equal = bool(np.ptp(probability) <= 1e-9 * probability[0])
    unforeseen = (UNFORESEEN if equal else UNFORESEEN_BY_DOUBT) * left / kish**2
    binomial = left * plain * (1 - plain) / max(kish - 1, 1.0)
    cost = (uu + unforeseen) / (binomial + unforeseen)
    saved = (variance + unforeseen) / (uu + unforeseen)
    per_task = (kish - 1) / (cost * saved) / known
    quantile = _quantile(level, math.inf if equal and tuning == 0 else max(kish - 1, 1.0))
    low, high = _wilson(value, per_task * known / left, quantile)
    low, high = max(low, least), min(high, most)
    return Share(value, low, high, known, size, seen, error, tuning, level, per_task, quantile)


def ppi_tuning(true: Floats, predicted: Floats, whole: Whole) -> float:
    """Lambda of PPI++ as published, for tasks drawn at random that could all be judged.

    With it, `estimate_share` gives the value of ``ppi_mean_pointestimate`` of ppi-python to
    rounding. Parameters are those of `estimate_share`.
    """
    about = predicted - predicted.mean()
    covariance = float(((true - true.mean()) * about).mean())
    best = covariance / whole.variance if whole.variance > 0 else 0.0
    return _within(best, 1 - true.size / whole.size)


def _within(tuning: float, left: float) -> float:
    """Lambda from 0 to 1 as PPI++ has it: of the predictions of what was not drawn."""
    return min(max(tuning, 0.0), 1 / left if left > 0 else 1.0)


def _spread(a: Floats, b: Floats, free: Floats) -> float:
    """B(a, b) of the module."""
    total = free.sum()
    if a.size < 2 or total <= 0:
        return 0.0
    a, b = a - (free * a).sum() / total, b - (free * b).sum() / total
    return float(a.size / (a.size - 1) * (free * a * b).sum())


def _quantile(level: float, freedom: float) -> float:
    """Of Student's t, or where nothing but the share is estimated of the normal distribution."""
    from scipy.special import ndtri, stdtrit

    upper = (1 + level) / 2
    return float(ndtri(upper) if math.isinf(freedom) else stdtrit(freedom, upper))


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    middle = (share * n + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(n * share * (1 - share) + z * z / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)
