"""Workers with confusion matrices of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator, read_matrices
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.plan import Plan

__all__ = ["IndependentConfusion", "benevolent"]


def benevolent(
    n: int, k: int, concentration: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Matrices of rows from Dirichlet(concentration), (n, K, K), each row's largest entry
    exchanged with its diagonal one, so that the right answer is the likeliest.
    """
    rows = rng.dirichlet(np.full(k, concentration), size=(n, k))
    diagonal = np.arange(k)
    best = rows.argmax(axis=2, keepdims=True)
    largest = np.take_along_axis(rows, best, axis=2)
    np.put_along_axis(rows, best, rows[:, diagonal, diagonal][:, :, None], axis=2)
    rows[:, diagonal, diagonal] = largest[:, :, 0]
    return rows


@SIMULATIONS.register("independent-confusion")
@dataclass(frozen=True, kw_only=True)
class IndependentConfusion(Simulator):
    """P(y_ij = l | y_i = k) = pi^j_kl: the model of Dawid and Skene.

    Rows of pi^j are uniform on the simplex (Dirichlet(1)) with the largest entry on the
    diagonal, or read from a file.

    References
    ----------
    A. P. Dawid, A. M. Skene (1979), Maximum likelihood estimation of observer error-rates using
    the EM algorithm.
    """

    published: ClassVar[bool] = True

    matrix_file: Path | None = option(
        None, help=".npy of confusion matrices (n_worker, n_classes, n_classes)"
    )

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        read_matrices(self.matrix_file, crowd)

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        matrices = read_matrices(self.matrix_file, crowd)
        if matrices is None:
            matrices = benevolent(crowd.n_worker, crowd.n_classes, 1.0, rng)
        return Plan(matrices=matrices)
