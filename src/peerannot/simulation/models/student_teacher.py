"""Students who make the mistakes of their teachers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._options import option
from peerannot.simulation.base import SIMULATIONS, Simulator, read_matrices
from peerannot.simulation.crowd import Crowd
from peerannot.simulation.models.independent_confusion import benevolent
from peerannot.simulation.plan import Plan


@SIMULATIONS.register("student-teacher")
@dataclass(frozen=True, kw_only=True)
class StudentTeacher(Simulator):
    """The last floor(ratio W) workers are students: pi^student = pi^teacher of one drawn teacher.

    Teachers, first in the order of ids, are as in independent-confusion. Each worker answers
    on their own; only the matrices are shared.

    References
    ----------
    P. Cao, Y. Xu, Y. Kong, Y. Wang (2019), Max-MIG: an information theoretic approach for joint
    learning from crowds.
    """

    published: ClassVar[bool] = True

    ratio: float = option(0.1, at_least=0, below=1, help="share of students")
    matrix_file: Path | None = option(
        None, help=".npy of confusion matrices; the first are taken, one a teacher"
    )

    def _teachers(self, crowd: Crowd) -> int:
        return crowd.n_worker - int(self.ratio * crowd.n_worker)

    def check(self, crowd: Crowd) -> None:
        super().check(crowd)
        read_matrices(self.matrix_file, crowd, at_least=self._teachers(crowd))

    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        teachers = self._teachers(crowd)
        matrices = read_matrices(self.matrix_file, crowd, at_least=teachers)
        if matrices is None:
            matrices = benevolent(teachers, crowd.n_classes, 1.0, rng)
        students = np.arange(teachers, crowd.n_worker)
        followed = rng.choice(teachers, replace=True, size=students.size)
        return Plan(
            matrices=np.concatenate((matrices, matrices[followed])),
            association=np.column_stack((students, followed)).astype(np.int64),
        )
