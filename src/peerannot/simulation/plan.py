"""What a model of crowds draws before the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a model draws before the answers.

    Attributes
    ----------
    matrices : float64 (n_worker, K, K) or None
        Confusion matrices, ``[worker, true, answered]``.
    difficulties : array (n_task,) or None
        As the model speaks of them: ``easy``, ``hard``, ``random``, or numbers.
    hardness : float64 (n_task,) or None
        The same on a scale from 0 (clear) to 1 (hopeless), for images.
    lookalike : int64 (n_task,) or None
        The class that a hard task looks like, for images.
    association : int64 (n, 2) or None
        Pairs of student and teacher.
    extra : mapping
        Whatever else the model knows, by the name of its file.
    """

    matrices: NDArray[np.float64] | None = None
    difficulties: NDArray[Any] | None = None
    hardness: NDArray[np.float64] | None = None
    lookalike: NDArray[np.int64] | None = None
    association: NDArray[np.int64] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)
