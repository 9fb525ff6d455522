"""Whether probabilities mean what they say, and one number that mends most of it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from peerannot.learning.results.metrics import score, soft_cross_entropy

__all__ = ["calibration", "fit_temperature", "probabilities"]

# Temperatures looked at; outside it every probability is near 1 or near 1 / K.
_LOWEST, _HIGHEST = 0.05, 20.0


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """The temperature T for which ``softmax(logits / T)`` fits best; above 1 it tones down.

    Parameters
    ----------
    logits, target
        Of validation images, both (n, K); targets are distributions.

    Notes
    -----
    Minimises ``n * NLL(T) + (log T)**2 / 2``. The second term is a standard normal prior on
    log T: of a few images that are all right the likelihood alone would make T zero; from a
    hundred images on it changes nothing that counts.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks",
    ICML 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    logits, target = logits.double(), target.double()

    def objective(log_t: float) -> float:
        loss = soft_cross_entropy(logits * math.exp(-log_t), target)
        return float(loss) * len(logits) + log_t**2 / 2

    limits = (math.log(_LOWEST), math.log(_HIGHEST))
    found = minimize_scalar(objective, bounds=limits, method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x))


def calibration(logits: Tensor, target: Tensor, temperature: float) -> dict[str, dict[str, float]]:
    """ECE (15 bins), Brier score and NLL, ``before`` and ``after`` division by the temperature."""
    found = {}
    for when, divisor in (("before", 1.0), ("after", temperature)):
        scores = score(logits.double() / divisor, target)
        found[when] = {"ece": scores.ece, "brier": scores.brier, "nll": scores.loss}
    return found


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """``softmax(logits / temperature)`` in double precision."""
    return torch.softmax(logits.double() / temperature, dim=1)
