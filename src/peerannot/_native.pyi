"""The loops in C++, see native/README.md. Arrays are contiguous, and never converted.

Where an array may be left out, it has no rows. Each function raises TypeError where an array has
another type or layout, ValueError where sizes differ or an index is out of range.
"""

import numpy as np
from numpy.typing import NDArray

# --- instruction sets

def isa() -> str:
    """The instruction set in use."""

def isas() -> tuple[str, ...]:
    """Those that this processor has, least first."""

def use(isa: str) -> None:
    """Use another; ValueError where the processor lacks it."""

# --- confusion: models that give each worker a confusion matrix

def confusion_em(
    task_ptr: NDArray[np.int64],
    pair: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    table: NDArray[np.float64],
    log_prior: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: NDArray[np.float64],
    mass: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    single: bool,
    hard: bool,
    parts: int,
    threads: int,
) -> float:
    """E and M over blocks of tasks; the log-likelihood. Sets counts, mass, posterior."""

def confusion_start(
    task_ptr: NDArray[np.int64],
    pair: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    gold: NDArray[np.int32],
    given: NDArray[np.float64],
    bounds: NDArray[np.int64],
    counts: NDArray[np.float64],
    mass: NDArray[np.float64],
    posterior: NDArray[np.float64],
    *,
    n_pairs: int,
    threads: int,
) -> None:
    """The first M-step: from ``given``, else gold and vote shares. Sets counts, mass, posterior."""

def confusion_gather(
    order: NDArray[np.int32],
    order_ptr: NDArray[np.int64],
    task: NDArray[np.int32],
    weight: NDArray[np.float64],
    posterior: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set the counts of all pairs from a posterior; answers come in order of pair."""

def confusion_positions(
    code: NDArray[np.int32], order: NDArray[np.int32], ptr: NDArray[np.int64]
) -> None:
    """Set where each code is, in order, and where those of a code start."""

def confusion_pairs(
    worker: NDArray[np.int32],
    label: NDArray[np.int32],
    place: NDArray[np.int32],
    of_answer: NDArray[np.int32],
) -> int:
    """Set the pair of each answer and, in ``place`` (worker, label), its number or -1."""

def confusion_expected(
    ptr: NDArray[np.int64],
    order: NDArray[np.int64],
    task: NDArray[np.int32],
    label: NDArray[np.int32],
    weight: NDArray[np.float64],
    posterior: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    threads: int,
) -> None:
    """Set expected counts (n, true, answered) of runs of answers."""
