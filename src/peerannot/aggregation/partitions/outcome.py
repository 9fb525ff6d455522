"""What a fit on partitions says of the tasks of one of them, as it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.base import Fit, Strategy
from peerannot.aggregation.partitions.parts import Part, Work, stream
from peerannot.aggregation.passes.ties import label_rows

__all__ = ["outcome"]


def outcome(
    part: Part, strategy: Strategy, write: Work, given: tuple[Any, ...]
) -> tuple[NDArray[np.int32], NDArray[np.float64], Fit]:
    """Labels (n,), confidence (n,), and the fit of the tasks with both of them.

    ``write`` and ``given`` are those of a `Fitted`.
    """
    fit: Fit = write(part, *given)
    labels, confidence, posterior = fit.labels, fit.confidence, fit.posterior
    if labels is None:
        labels = label_rows(posterior, strategy.ties, stream(part, strategy.seed))
    if confidence is None:
        dense = isinstance(posterior, np.ndarray)
        confidence = posterior.max(1) if dense else posterior.max(axis=1).toarray().ravel()
    return labels, confidence, replace(fit, labels=labels, confidence=confidence)
