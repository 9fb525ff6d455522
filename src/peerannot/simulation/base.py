"""What every simulation is: options, a plan drawn from them, and answers with known truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from peerannot._files import load_npy
from peerannot._options import check
from peerannot._progress import Progress, silent
from peerannot._registry import Named, Registry
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError
from peerannot.simulation import ingredients, streams
from peerannot.simulation.crowd import PUBLISHED_AT_MOST, Crowd
from peerannot.simulation.plan import Plan

__all__ = ["SIMULATIONS", "Simulation", "Simulator"]

# About 4 GB of float64: past it a laptop swaps instead of simulating.
_MOST_CELLS = 500_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """Answers of a simulated crowd, and everything that is true about it.

    Attributes
    ----------
    answers : Answers
        The answers; tasks, workers and classes are numbered from 0.
    truth : int64 (n_task,)
        True class of each task.
    plan : Plan
        What the model drew.
    stream : str
        The random stream, ``"published"`` or ``"fast"``.
    extra : mapping
        Arrays that the model and the ingredients know, by the name of their file.
    """

    simulator: Simulator
    crowd: Crowd
    answers: Answers
    truth: NDArray[np.int64]
    plan: Plan
    stream: str
    extra: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.simulator.name

    @property
    def matrices(self) -> NDArray[np.float64] | None:
        """Confusion matrices, float64 (n_worker, K, K), where the model has them.

        Of the model alone: drift, copying and abstention come on top.
        """
        return self.plan.matrices

    @property
    def difficulties(self) -> NDArray[Any] | None:
        """Difficulty of each task, where the model has it."""
        return self.plan.difficulties

    @property
    def association(self) -> NDArray[np.int64] | None:
        """Pairs of student and teacher, int64 (n_student, 2), where the model has them."""
        return self.plan.association

    def __repr__(self) -> str:
        return f"Simulation({self.name}, {self.answers!r})"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is known, by the stem of its ``.npy`` file."""
        named = {
            "ground_truth": self.truth,
            "matrices": self.plan.matrices,
            "student_teacher_association": self.plan.association,
            "difficulties": self.plan.difficulties,
            "hardness": self.plan.hardness,
            "lookalikes": self.plan.lookalike,
        }
        return {k: v for k, v in named.items() if v is not None} | dict(self.extra)


@dataclass(frozen=True, kw_only=True)
class Simulator(Named, ABC):
    """A model of a crowd. Subclasses declare options and write `plan`, seldom `labels`."""

    published: ClassVar[bool] = False
    """Whether the published package has this model, and with it a random stream."""

    def draw(
        self,
        crowd: Crowd | None = None,
        *,
        truth: NDArray[Any] | None = None,
        progress: Progress = silent,
    ) -> Simulation:
        """Draw truth, workers and answers.

        Parameters
        ----------
        crowd
            Sizes and ingredients.
        truth
            True classes, int (n_task,), where they are known, as for images; drawn otherwise.
        progress
            Told about the tasks done (published stream only).

        Raises
        ------
        ParameterError
            An option is wrong, or options contradict each other; found before any drawing.
        """
        crowd = Crowd() if crowd is None else crowd
        crowd.check()
        self.check(crowd)
        stream = self.stream(crowd)
        rng = np.random.default_rng(crowd.seed)
        if truth is None:
            truth = ingredients.draw_truth(crowd, rng)
        else:
            truth = _known_truth(truth, crowd)
        plan = self.plan(crowd, truth, rng)
        extra = dict(plan.extra)
        if stream == "published":
            task, worker, label = streams.published(crowd, truth, plan, rng, progress)
        else:
            weight = ingredients.activity(crowd, rng)
            if weight is not None:
                extra["activity"] = weight
            task, worker = streams.fast(crowd, weight, rng)
            label = self.labels(crowd, truth, plan, task, worker, rng)
        task, worker, label, known = ingredients.season(crowd, task, worker, label, rng)
        answers = Answers(
            task, worker, label, Ids(crowd.n_task), Ids(crowd.n_worker), Ids(crowd.n_classes)
        )
        return Simulation(self, crowd, answers, truth, plan, stream, extra | known)

    def check(self, crowd: Crowd) -> None:
        """Check the options, alone and against the crowd; subclasses add what they need."""
        check(self)
        cells = crowd.n_worker * crowd.n_classes**2
        if cells > _MOST_CELLS:
            raise ParameterError(
                f"{crowd.n_worker} confusion matrices of {crowd.n_classes} classes take"
                f" {cells * 8 / 1e9:.0f} GB; lower n_worker or n_classes"
            )

    def stream(self, crowd: Crowd) -> str:
        """The random stream that ``draw`` takes."""
        if crowd.stream == "published":
            if not self.published:
                raise ParameterError(f"{self.name} has no published stream; use stream=fast")
            if crowd.zipf:
                raise ParameterError(
                    "zipf needs stream=fast: the published stream knows no activity"
                )
            return "published"
        few = crowd.n_task * crowd.votes_per_task <= PUBLISHED_AT_MOST
        auto = crowd.stream == "auto" and self.published and not crowd.zipf and few
        return "published" if auto else "fast"

    @abstractmethod
    def plan(self, crowd: Crowd, truth: NDArray[np.int64], rng: np.random.Generator) -> Plan:
        """Draw workers and tasks, in the order of the published package where it has one."""

    def labels(
        self,
        crowd: Crowd,
        truth: NDArray[np.int64],
        plan: Plan,
        task: NDArray[np.int32],
        worker: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> NDArray[np.int32]:
        """Labels of all answers at once: P(y_ij = l) = matrices[j, truth_i, l]."""
        assert plan.matrices is not None
        return streams.confused(plan.matrices, truth[task], worker, rng)


def read_matrices(
    path: Path | None, crowd: Crowd, *, at_least: int | None = None
) -> NDArray[np.float64] | None:
    """Confusion matrices of a file, (n_worker, K, K); or the first ``at_least`` of them.

    Raises
    ------
    DataError
        The file is unreadable, has another shape, or rows that are not distributions.
    """
    if path is None:
        return None
    matrices = load_npy(path)
    k, n = crowd.n_classes, crowd.n_worker if at_least is None else at_least
    fits = matrices.ndim == 3 and matrices.shape[1:] == (k, k)
    if not fits or (matrices.shape[0] != n if at_least is None else matrices.shape[0] < n):
        more = "" if at_least is None else " or more"
        raise DataError(f"{path}: shape {matrices.shape}, expected ({n}{more}, {k}, {k})")
    if matrices.dtype.kind not in "fiu" or not np.isfinite(matrices).all():
        raise DataError(f"{path}: confusion matrices must be finite numbers")
    matrices = matrices[:n].astype(np.float64)
    bad = (matrices < 0).any(axis=2) | (np.abs(matrices.sum(axis=2) - 1) > 1e-6)
    if bad.any():
        j, row = np.argwhere(bad)[0]
        raise DataError(
            f"{path}: worker {j} row {row} is not a distribution: it sums to"
            f" {matrices[j, row].sum():.6g} or has a negative entry"
        )
    return matrices


def _known_truth(truth: NDArray[Any], crowd: Crowd) -> NDArray[np.int64]:
    known = np.asarray(truth)
    fits = known.shape == (crowd.n_task,) and known.dtype.kind in "iu"
    if not fits or known.min() < 0 or known.max() >= crowd.n_classes:
        raise DataError(
            f"truth must be {crowd.n_task} whole numbers in 0..{crowd.n_classes - 1},"
            f" one a task; it has shape {known.shape}"
        )
    return known.astype(np.int64)


SIMULATIONS: Registry[type[Simulator]] = Registry("simulation", "peerannot.simulation.models")
"""Models by name; those of the published package keep its names."""
