"""The crowd's outline: how many workers, tasks and classes, who answers how much."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peerannot._options import check, option
from peerannot.errors import DataWarning, ParameterError

__all__ = ["PUBLISHED_AT_MOST", "Crowd"]

PUBLISHED_AT_MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Sizes, assignment, and the ingredients that go with every model.

    Each task is answered by ``min(workerload, workers with load left, feedback)`` distinct
    workers, as in the published package; ``workerload`` counts as the number of tasks where it
    is not given, so that a task never gets more answers than there are tasks.
    """

    n_worker: int = option(1, at_least=1, help="workers")
    n_task: int = option(20, at_least=1, help="tasks")
    n_classes: int = option(2, at_least=2, help="classes")
    feedback: int | None = option(
        None, at_least=1, help="answers of a task; None means all workers"
    )
    workerload: int | None = option(None, at_least=1, help="most tasks that a worker answers")
    imbalance_votes: bool = option(
        False, help="answers of a task drawn uniformly from 1 to what it would get otherwise"
    )
    class_prior: str | tuple[float, ...] | None = option(
        None, help="weights of the classes, 6,3,1 or a tuple; None means uniform"
    )
    class_concentration: float | None = option(
        None, above=0, help="draw the class prior from a symmetric Dirichlet of this concentration"
    )
    zipf: float = option(
        0.0, at_least=0, at_most=10, help="activity of the r-th busiest worker goes as r^-zipf"
    )
    drift: float = option(
        0.0,
        above=-1,
        below=1,
        help="share of noise that workers drift to by their last answer (negative: start from)",
    )
    copiers: float = option(0.0, at_least=0, below=1, help="share of workers who copy another")
    copy_rate: float = option(
        0.9, at_least=0, at_most=1, help="probability that a copier copies where it can"
    )
    abstain: float = option(0.0, at_least=0, below=1, help="mean share of answers not given")
    stream: Literal["auto", "published", "fast"] = option(
        "auto",
        help="random stream: published (that of the published package), fast (vectorised), or"
        f" auto: published where the model has one, up to {PUBLISHED_AT_MOST:,} answers",
    )
    seed: int = option(0, at_least=0, help="seed of the one random generator")

    @property
    def votes_per_task(self) -> int:
        """Most answers that a task gets."""
        load = self.n_task if self.workerload is None else self.workerload
        wanted = self.n_worker if self.feedback is None else self.feedback
        return min(load, self.n_worker, wanted)

    @property
    def load(self) -> int:
        """Most tasks that a worker answers."""
        return self.n_task if self.workerload is None else self.workerload

    def check(self) -> None:
        """Check the options, one by one and together, before anything is drawn.

        Raises
        ------
        ParameterError
            An option is out of range, or the workers cannot give the answers wanted.

        Warns
        -----
        DataWarning
            Tasks get fewer answers than ``feedback``.
        """
        check(self)
        self.prior()
        votes, room = self.votes_per_task, self.n_worker * self.load
        wanted = self.n_task * (votes + 1) // 2 if self.imbalance_votes else self.n_task * votes
        if room < wanted:
            enough = -(-wanted // self.n_worker)
            about = "about " if self.imbalance_votes else ""
            most = room // self.n_task
            other = f", or lower feedback to {most}" if most and not self.imbalance_votes else ""
            raise ParameterError(
                f"workerload {self.load} x {self.n_worker} workers = {room} answers at most, but"
                f" {self.n_task} tasks want {about}{wanted}; raise workerload to {enough}{other}"
            )
        if self.feedback is not None and votes < self.feedback:
            why = f"there are {self.n_worker} workers"
            if votes < self.n_worker:
                why = f"workerload is {self.load}"
                if self.workerload is None:
                    why += " (the number of tasks, where it is not given)"
            warnings.warn(
                f"tasks get {votes} answers, not {self.feedback}: {why}", DataWarning, stacklevel=3
            )

    def prior(self) -> NDArray[np.float64] | None:
        """The class prior given, float64 (n_classes,) of sum 1, or None.

        Raises
        ------
        ParameterError
            It is not one finite weight >= 0 for each class, or contradicts another option.
        """
        if self.class_prior is None:
            return None
        if self.class_concentration is not None:
            raise ParameterError("give class_prior or class_concentration, not both")
        given: Any = self.class_prior
        try:
            parts = given.replace(",", " ").split() if isinstance(given, str) else given
            weights = np.array([float(p) for p in parts], dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError(f"class_prior must be numbers, 6,3,1, not {given!r}") from None
        if weights.size != self.n_classes:
            raise ParameterError(
                f"class_prior has {weights.size} weights for {self.n_classes} classes"
            )
        if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
            raise ParameterError("class_prior must have finite weights >= 0, not all zero")
        return weights / weights.sum()  # type: ignore[no-any-return]
