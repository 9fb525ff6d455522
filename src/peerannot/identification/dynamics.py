"""What the course of a training tells of each sample, from its logits epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peerannot.errors import DataError, ParameterError

__all__ = ["Dynamics", "MarginKind", "Tally", "follow", "margin", "pruned", "softmax"]

MarginKind = Literal["yang", "pleiss"]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax over the last axis, in double precision."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def margin(
    scores: NDArray[np.floating],
    label: NDArray[np.integer],
    kind: MarginKind = "yang",
    *,
    topk: int = 0,
) -> NDArray[np.float64]:
    r"""How far the score of its label stands above those of the others, for each sample.

    Pleiss: :math:`z_y - \max_{k \ne y} z_k`. Yang: :math:`z_y - z_{[2]}`, with the second
    largest of all scores, so that it is never negative unless the label is neither first nor
    second, and 0 where it is second.

    Parameters
    ----------
    scores : (n, K)
        Logits or probabilities.
    label : (n,)
        Classes 0..K-1.
    kind
        Which margin.
    topk
        For tasks that may have k right classes: compare with :math:`z_{[k+1]}` (Yang), or with
        the k-th largest of the others (Pleiss). 0 is 1.

    Raises
    ------
    ParameterError
        ``topk`` leaves no class to compare with.
    """
    n, n_classes = scores.shape
    k = max(topk, 1)
    if k >= n_classes:
        raise ParameterError(f"topk must be below the number of classes, {n_classes}, not {topk}")
    own = scores[np.arange(n), label].astype(np.float64)
    if kind == "yang":
        return np.asarray(own - np.partition(scores, n_classes - 1 - k, axis=1)[:, -1 - k])
    others = scores.copy()
    others[np.arange(n), label] = -np.inf
    return np.asarray(own - np.partition(others, n_classes - k, axis=1)[:, -k])


@dataclass(frozen=True)
class Dynamics:
    """Course of training of each sample; all arrays are (n_samples,) unless said.

    Attributes
    ----------
    n_epochs : int
    aum_yang : float64
        Mean over epochs of Yang's margin of the softmax.
    aum_pleiss : float64
        Mean over epochs of Pleiss' margin of the logits.
    aum_pleiss_softmax : float64
        The same of the softmax.
    confidence, variability : float64
        Mean and standard deviation (population) over epochs of the label's probability.
    correctness : float64
        Share of the epochs in which the label was the likeliest class.
    forgetting : int64
        Times that the label was learned and then lost in the next epoch; -1 where it was never
        learned.
    el2n : float64
        Mean over epochs of the distance between the softmax and the label's corner.
    last : float64 (n_samples, n_classes)
        Softmax of the last epoch.
    """

    n_epochs: int
    aum_yang: NDArray[np.float64]
    aum_pleiss: NDArray[np.float64]
    aum_pleiss_softmax: NDArray[np.float64]
    confidence: NDArray[np.float64]
    variability: NDArray[np.float64]
    correctness: NDArray[np.float64]
    forgetting: NDArray[np.int64]
    el2n: NDArray[np.float64]
    last: NDArray[np.float64]


class Tally:
    """Adds up what `Dynamics` holds, an epoch at a time, so that no epoch need be kept.

    Parameters
    ----------
    label : (n_samples,)
        What each sample is labelled.
    topk
        See `margin`.
    """

    def __init__(self, label: ArrayLike, *, topk: int = 0) -> None:
        self.label = np.asarray(label, dtype=np.int64)
        self.topk = topk
        n = self.label.size
        self._epochs = 0
        self._sums = {
            name: np.zeros(n) for name in ("yang", "pleiss", "soft", "p", "right", "el2n")
        }
        # Welford's sums: the variance of a probability near 1 is lost in a sum of squares.
        self._mean, self._spread = np.zeros(n), np.zeros(n)
        self._was_right = np.zeros(n, np.bool_)
        self._forgot = np.zeros(n, np.int64)
        self._last = np.zeros((n, 0))

    def add(self, logits: NDArray[np.floating]) -> None:
        """Take in the logits of the next epoch, (n_samples, n_classes).

        Raises
        ------
        DataError
            The shape is not that, or a value is not finite.
        """
        n = self.label.size
        if logits.ndim != 2 or logits.shape[0] != n:
            raise DataError(f"logits: expected {n} rows a epoch, not shape {logits.shape}")
        if n and self.label.max() >= logits.shape[1]:
            raise DataError(
                f"logits: {logits.shape[1]} classes, but there is a label {self.label.max()}"
            )
        if not np.isfinite(logits).all():
            raise DataError(
                f"logits of epoch {self._epochs + 1}: not finite; did the training diverge?"
                " A lower learning rate may help"
            )
        p = softmax(logits)
        own = p[np.arange(n), self.label]
        right = p.argmax(1) == self.label
        sums = self._sums
        sums["yang"] += margin(p, self.label, "yang", topk=self.topk)
        sums["pleiss"] += margin(logits, self.label, "pleiss", topk=self.topk)
        sums["soft"] += margin(p, self.label, "pleiss", topk=self.topk)
        sums["right"] += right
        sums["el2n"] += np.sqrt(np.maximum((p**2).sum(1) - 2 * own + 1, 0.0))
        self._forgot += self._was_right & ~right
        self._was_right = right
        self._epochs += 1
        step = own - self._mean
        self._mean += step / self._epochs
        self._spread += step * (own - self._mean)
        self._last = p

    def result(self) -> Dynamics:
        """What has been seen.

        Raises
        ------
        DataError
            No epoch has been.
        """
        t, sums = self._epochs, self._sums
        if not t:
            raise DataError("logits: there is no epoch in them")
        return Dynamics(
            n_epochs=t,
            aum_yang=sums["yang"] / t,
            aum_pleiss=sums["pleiss"] / t,
            aum_pleiss_softmax=sums["soft"] / t,
            confidence=self._mean.copy(),
            variability=np.sqrt(self._spread / t),
            correctness=sums["right"] / t,
            forgetting=np.where(sums["right"] > 0, self._forgot, -1),
            el2n=sums["el2n"] / t,
            last=self._last,
        )


def follow(epochs: Iterable[NDArray[np.floating]], label: ArrayLike, *, topk: int = 0) -> Dynamics:
    """Tally all epochs; cost O(epochs x samples x K), memory of one epoch.

    References
    ----------
    Pleiss, G. et al. (2020). Identifying mislabeled data using the area under the margin
    ranking. NeurIPS, equation 1. Yang, F. and Koyejo, S. (2020). On the consistency of top-k
    surrogate losses. ICML. Swayamdipta, S. et al. (2020). Dataset cartography. EMNLP, section
    2. Toneva, M. et al. (2019). An empirical study of example forgetting. ICLR. Paul, M. et al.
    (2021). Deep learning on a data diet. NeurIPS.
    """
    tally = Tally(label, topk=topk)
    for logits in epochs:
        tally.add(np.asarray(logits))
    return tally.result()


def pruned(score: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
    """Whether each score is at or below the ``alpha`` quantile of all; never where it is NaN.

    ``alpha = 0`` prunes nothing.
    """
    if alpha <= 0 or np.isnan(score).all():
        return np.zeros(score.size, np.bool_)
    return np.asarray(score <= np.nanquantile(score, alpha))
