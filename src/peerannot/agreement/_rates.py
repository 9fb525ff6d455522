"""Percent agreement, Fleiss' kappa, and Gwet's AC1 and AC2."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot._memory import TABLE_BYTES
from peerannot._progress import Progress
from peerannot.agreement._counts import LabelCounts
from peerannot.agreement._krippendorff import class_values
from peerannot.agreement._resample import Coefficient, with_interval
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["Weights", "fleiss_kappa", "gwet_ac", "percent_agreement"]

Weights = Literal["identity", "linear", "quadratic"]


def percent_agreement(
    answers: Answers,
    *,
    n_boot: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Coefficient:
    """Share of the pairs of answers to a task that agree, as the mean over tasks, in 0..1.

    Chance is not taken off. Options and errors are those of `krippendorff_alpha`; cost
    O(answers).
    """
    counts = LabelCounts.of(answers).merged(at_least=2)
    agreement = counts.pair_agreement

    def statistic(tasks: NDArray[np.float64]) -> float:
        return float(tasks @ agreement / tasks.sum())

    return with_interval(
        "percent-agreement",
        counts,
        statistic,
        n_boot=n_boot,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )


def fleiss_kappa(
    answers: Answers,
    *,
    n_boot: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Coefficient:
    r"""Fleiss' kappa.

    .. math::
        \kappa = \frac{\bar P - \bar P_e}{1 - \bar P_e}, \qquad \bar P_e = \sum_k p_k^2

    with :math:`\bar P` the `percent_agreement` and :math:`p_k` the share of class k among all
    answers to tasks of two answers or more. Fleiss has the same number of answers for every
    task; elsewhere each task counts once in :math:`\bar P` and each answer once in :math:`p_k`.

    References
    ----------
    Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological
    Bulletin 76(5), 378-382, equations 1 to 7.
    """
    counts = LabelCounts.of(answers).merged(at_least=2)
    agreement = counts.pair_agreement

    def statistic(tasks: NDArray[np.float64]) -> float:
        margin = counts.margins(tasks)
        chance = float(((margin / margin.sum()) ** 2).sum())
        return _beyond_chance(float(tasks @ agreement / tasks.sum()), chance)

    return with_interval(
        "fleiss-kappa",
        counts,
        statistic,
        n_boot=n_boot,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )


def gwet_ac(
    answers: Answers,
    weights: Weights = "identity",
    *,
    values: ArrayLike | None = None,
    n_boot: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Coefficient:
    r"""Gwet's AC1 (identity weights) and AC2 (weights that forgive near classes).

    .. math::
        p_a = \frac{1}{n'} \sum_i \sum_k \frac{r_{ik} (r^*_{ik} - 1)}{r_i (r_i - 1)}, \qquad
        p_e = \frac{\sum_{kl} w_{kl}}{K (K-1)} \sum_k \pi_k (1 - \pi_k)

    with :math:`r^*_{ik} = \sum_l w_{kl} r_{il}`, the first mean over the n' tasks of two answers
    or more, and :math:`\pi_k` the mean over all answered tasks of :math:`r_{ik} / r_i`. Unlike
    kappa it stays near the percent agreement where one class is common.

    Parameters
    ----------
    weights
        ``"identity"`` (AC1), ``"linear"`` (1 - \|a - b\| / range) or ``"quadratic"``
        (1 - (a - b)^2 / range^2).
    values
        Value of each class for the weights, see `krippendorff_alpha`.

    Raises
    ------
    ParameterError
        An option is out of range, or the weights of all pairs of classes take over 2 GiB.

    References
    ----------
    Gwet, K. L. (2014). Handbook of inter-rater reliability, 4th edition, chapter 5.
    """
    if weights not in get_args(Weights):
        raise ParameterError(
            f"weights must be one of {', '.join(get_args(Weights))}, not {weights!r}"
        )
    k = answers.n_classes
    counts = LabelCounts.of(answers).merged()
    pairable = counts.size >= 2
    agreement = counts.pair_agreement
    weight_sum = float(k)
    if weights != "identity":
        if k * k * 8 > TABLE_BYTES:
            raise ParameterError(f"gwet-ac2: weights of {k} classes take over 2 GiB; use AC1")
        w = _near(class_values(answers.classes, values), weights)
        weight_sum = float(w.sum())
        agreement = _weighted_agreement(counts, w)
    agreement = np.where(pairable, agreement, 0.0)

    def statistic(tasks: NDArray[np.float64]) -> float:
        pairs = float(tasks[pairable].sum())
        if k < 2 or pairs == 0:
            return float("nan")
        share = counts.margins(tasks / counts.size) / tasks.sum()
        chance = weight_sum / (k * (k - 1)) * float((share * (1 - share)).sum())
        return _beyond_chance(float(tasks @ agreement) / pairs, chance)

    return with_interval(
        "gwet-ac1" if weights == "identity" else f"gwet-ac2-{weights}",
        counts,
        statistic,
        n_boot=n_boot,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )


def _beyond_chance(observed: float, chance: float) -> float:
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def _near(number: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    reach = float(np.ptp(number)) or 1.0
    distance = np.abs(number[:, None] - number[None, :]) / reach
    return 1 - (distance if weights == "linear" else distance**2)


def _weighted_agreement(counts: LabelCounts, w: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.sparse import csr_array

    shape = (counts.size.size, counts.n_classes)
    table = csr_array((counts.count.astype(np.float64), counts.label, counts.ptr), shape=shape)
    pairs = np.maximum(counts.size * (counts.size - 1.0), 1.0)
    blocks = []
    for start in range(0, shape[0], 4096):
        block = table[start : start + 4096]
        blocks.append(np.asarray((block.multiply(block @ w)).sum(axis=1)).ravel())
    joint = np.concatenate(blocks) if blocks else np.empty(0)
    return np.asarray((joint - counts.size) / pairs)
