"""How good predictions are: loss, accuracy, top-k, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Scores", "calibration_error", "score", "soft_cross_entropy", "top_k"]


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over images of ``-sum_k target_k log softmax(logits)_k``; both (n, K)."""
    return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


@dataclass(frozen=True)
class Scores:
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


def score(logits: Tensor, target: Tensor) -> Scores:
    """Scores of ``logits`` against the distributions ``target``, both (n, K)."""
    logits, target = logits.double(), target.double()
    probability = logits.softmax(dim=1)
    truth = target.argmax(dim=1)
    confidence, predicted = probability.max(dim=1)
    right = predicted == truth
    return Scores(
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
    sure, hit = confidence.double().cpu().numpy(), right.double().cpu().numpy()
    edge = np.ceil(sure * n_bins).astype(np.int64).clip(1, n_bins) - 1
    gaps = np.bincount(edge, weights=hit - sure, minlength=n_bins)
    return float(np.abs(gaps).sum() / max(1, len(sure)))
