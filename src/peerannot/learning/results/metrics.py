"""How good predictions are: loss, accuracy, top-k, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "ClassScores",
    "TestScores",
    "calibration_error",
    "class_scores",
    "confusion_counts",
    "reliability",
    "score",
    "soft_cross_entropy",
    "top_k",
]


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over images of ``-sum_k target_k log softmax(logits)_k``; both (n, K)."""
    return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


@dataclass(frozen=True)
class TestScores:
    """Quality of predictions on a set of images.

    Attributes
    ----------
    loss : float
        Mean cross entropy, natural logarithm.
    accuracy, balanced_accuracy : float
        Share of right classes in percent, over images and as the mean over classes. Where the
        reference is a distribution, its largest class is the reference.
    ece : float
        Expected calibration error in 0..1, see `calibration_error`.
    brier : float
        Mean squared distance of predicted distribution and reference, in 0..2.
    """

    loss: float
    accuracy: float
    balanced_accuracy: float
    ece: float
    brier: float


def score(logits: Tensor, target: Tensor) -> TestScores:
    """Scores of ``logits`` against the distributions ``target``, both (n, K)."""
    logits, target = logits.double(), target.double()
    probability = logits.softmax(dim=1)
    truth = target.argmax(dim=1)
    confidence, predicted = probability.max(dim=1)
    right = predicted == truth
    return TestScores(
        loss=float(soft_cross_entropy(logits, target)),
        accuracy=100 * int(right.sum()) / len(right),
        balanced_accuracy=100 * _by_class(right, truth),
        ece=calibration_error(confidence, right),
        brier=float(((probability - target) ** 2).sum(dim=1).mean()),
    )


def top_k(logits: Tensor, target: Tensor, k: int) -> tuple[float, float]:
    """Share of images whose class is among the ``k`` likeliest: over images, over classes."""
    truth = target.argmax(dim=1)
    hit = (logits.topk(k, dim=1).indices == truth[:, None]).any(dim=1)
    return float(hit.double().mean()), _by_class(hit, truth)


def _by_class(hit: Tensor, truth: Tensor) -> float:
    """Mean over the classes that occur of the share of hits."""
    counts = torch.bincount(truth)
    hits = torch.bincount(truth, weights=hit.double(), minlength=len(counts))
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def calibration_error(confidence: Tensor, right: Tensor, n_bins: int = 15) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equal bins.

    ``sum_b n_b / n * |accuracy_b - confidence_b|`` (Guo et al., ICML 2017, equation 3), over all
    images at once. The published package averaged it over batches, which is not the same.
    """
    count, sure, hit = reliability(confidence, right, n_bins)
    return float(np.abs(hit - sure).sum() / max(1, count.sum()))


def reliability(
    confidence: Tensor, right: Tensor, n_bins: int = 15
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each bin of confidence: images, sum of their confidences, and how many are right.

    Bins are of equal width, open below and closed above; three arrays (n_bins,).
    """
    sure, hit = confidence.double().cpu().numpy(), right.double().cpu().numpy()
    edge = np.ceil(sure * n_bins).astype(np.int64).clip(1, n_bins) - 1
    found = np.zeros((3, n_bins))
    np.add.at(found.T, edge, np.stack([np.ones_like(sure), sure, hit], axis=1))
    return found[0], found[1], found[2]


def confusion_counts(logits: Tensor, target: Tensor) -> NDArray[np.int64]:
    """How many images of each true class (rows) were given each class (columns), (K, K)."""
    k = target.shape[1]
    pair = target.argmax(dim=1) * k + logits.argmax(dim=1)
    return torch.bincount(pair, minlength=k * k).view(k, k).cpu().numpy()


@dataclass(frozen=True)
class ClassScores:
    """How good the predictions of each class are, each list (n_classes,).

    Attributes
    ----------
    precision : list of float or None
        Share of right ones among the images given this class, in 0..1; None where there are none.
    recall : list of float or None
        Share of the class's images that were given it; None where the class has none.
    f1 : list of float or None
        Their harmonic mean; None where the class has no image and was given to none.
    support : list of int
        Images of the class.
    """

    precision: list[float | None]
    recall: list[float | None]
    f1: list[float | None]
    support: list[int]


def class_scores(counts: NDArray[np.int64]) -> ClassScores:
    """Scores by class from `confusion_counts`."""
    right, support, given = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)

    def shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> list[float | None]:
        return [float(p / w) if w else None for p, w in zip(part, whole, strict=True)]

    return ClassScores(
        shares(right, given),
        shares(right, support),
        shares(2 * right, support + given),
        [int(n) for n in support],
    )
