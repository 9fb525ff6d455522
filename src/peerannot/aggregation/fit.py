"""What a fit begins from, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation.found import Diagnostics
from peerannot.aggregation.partitions.parts import Work

__all__ = ["Fit", "Fitted", "Start"]


@dataclass(frozen=True)
class Start:
    """What is known before the fit.

    Attributes
    ----------
    gold : int32 array (n_tasks,)
        Known classes, -1 for unknown.
    posterior : float64 array (n_tasks, n_classes) or None
        Where to start from.
    accepted : int32 array (n_tasks, m) or None
        The classes that count as right, where tasks may have several.
    """

    gold: NDArray[np.int32]
    posterior: NDArray[np.float64] | None
    accepted: NDArray[np.int32] | None = None


@dataclass
class Fit:
    """What is known after a fit; `Strategy.fit` makes a `Result` of it.

    ``posterior`` is (n_tasks, n_classes), dense or `scipy.sparse.csr_array`. ``labels`` are
    drawn from it by the tie rule unless given. ``confidence`` and ``entropy`` are read off it
    unless given. ``worker_columns`` and ``task_columns`` are further columns of the tables.
    """

    posterior: Any
    labels: NDArray[np.int32] | None = None
    confidence: NDArray[np.float64] | None = None
    entropy: NDArray[np.float64] | None = None
    skill: NDArray[np.float64] | None = None
    confusion: NDArray[np.float64] | None = None
    prior: NDArray[np.float64] | None = None
    worker_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    task_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)


@dataclass(frozen=True)
class Fitted:
    """What was fitted on partitions.

    Attributes
    ----------
    fit : Fit
        What is known of workers and classes; ``posterior`` is None.
    write : Work
        ``write(part, *given)`` is a `Fit` with what is known of the tasks of a partition.
    given : tuple
    """

    fit: Fit
    write: Work
    given: tuple[Any, ...]
