"""Curves of replayed campaigns, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.replay.campaign import Run
from peerannot.selection.curves import first_reaching

__all__ = ["Replay", "Summary", "interval"]

LEVEL = 0.95
DRAWS = 999  # of seeds, for the interval of answers saved
SLACK = 1e-9  # of a mean of accuracies


@dataclass(frozen=True)
class Summary:
    """What a policy came to over all seeds. Pairs are ends of 95 % intervals over seeds, None with
    one seed: they hold for this crowd and these tasks with truth.

    Attributes
    ----------
    policy : str
    area : float
        Mean accuracy between the first round and all answers: the area under the curve.
    area_interval : (float, float) or None
        Student's interval of a mean.
    reached : float or None
        Answers at which the mean curve has the accuracy of all answers, less the tolerance; None
        where it has not before the end.
    saved : float
        Share of all answers not needed for it.
    saved_interval : (float, float) or None
        Bootstrap over seeds.
    stopped : float or None
        Answers when the rules said that all tasks are done, mean; None where they did not with
        every seed.
    stopped_accuracy, stopped_expected : float or None
        Accuracy then, and what the strategy said that it is.
    stopped_interval : (float, float) or None
        Of the accuracy then.
    """

    policy: str
    area: float
    area_interval: tuple[float, float] | None
    reached: float | None
    saved: float
    saved_interval: tuple[float, float] | None
    stopped: float | None
    stopped_accuracy: float | None
    stopped_expected: float | None
    stopped_interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Replay:
    """Replayed campaigns.

    Attributes
    ----------
    strategy : str
    n_answers, n_tasks, n_truth : int
        Answers that there are, tasks, and tasks with truth.
    start : int
        Answers to each task before policies choose.
    batch : int
        Answers a round.
    accuracy : float
        Of the strategy with all answers.
    tolerance : float
        How much less counts as the same.
    runs : tuple of Run
        By policy, then seed.
    """

    strategy: str
    n_answers: int
    n_tasks: int
    n_truth: int
    start: int
    batch: int
    accuracy: float
    tolerance: float
    runs: tuple[Run, ...]

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """Policies in the order in which they were asked for."""
        return tuple(dict.fromkeys(run.policy for run in self.runs))

    @cached_property
    def grid(self) -> NDArray[np.int64]:
        """Numbers of answers at which curves are compared."""
        first = min(int(run.asked[0]) for run in self.runs)
        points = np.arange(first, self.n_answers + 1, self.batch)
        return points if points[-1] == self.n_answers else np.append(points, self.n_answers)

    def curves(self, policy: str) -> NDArray[np.float64]:
        """Accuracy on the grid, (n_seeds, n_points), linear between rounds."""
        runs = [run for run in self.runs if run.policy == policy]
        return np.array([np.interp(self.grid, run.asked, run.accuracy) for run in runs])

    @cached_property
    def summary(self) -> tuple[Summary, ...]:
        """A row a policy."""
        return tuple(self._summary(policy) for policy in self.policies)

    def _summary(self, policy: str) -> Summary:
        curves, x = self.curves(policy), self.grid
        steps = np.diff(x)
        areas = curves[:, -1]
        if steps.size:
            areas = ((curves[:, 1:] + curves[:, :-1]) / 2 * steps).sum(1) / steps.sum()
        reached = self._reached(curves.mean(0))
        n, rng = len(curves), np.random.default_rng(0)
        saved_interval = None
        if n > 1:
            draws = [self._saved(curves[rng.integers(0, n, n)].mean(0)) for _ in range(DRAWS)]
            low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
            saved_interval = low, high
        runs = [run for run in self.runs if run.policy == policy]
        at = [(run, run.stop) for run in runs if run.stop is not None]
        there = len(at) == len(runs)
        right = np.array([run.accuracy[i] for run, i in at])
        return Summary(
            policy, float(areas.mean()), interval(areas),
            reached, self._saved(curves.mean(0)), saved_interval,
            float(np.mean([run.asked[i] for run, i in at])) if there else None,
            float(right.mean()) if there else None,
            float(np.mean([run.expected[i] for run, i in at])) if there else None,
            interval(right) if there else None,
        )  # fmt: skip

    def _reached(self, curve: NDArray[np.float64]) -> float | None:
        """First number of answers at which a curve has the accuracy of all, between rounds, too."""
        wanted = self.accuracy - self.tolerance - SLACK
        return first_reaching(self.grid[:-1], curve[:-1], wanted)

    def _saved(self, curve: NDArray[np.float64]) -> float:
        reached = self._reached(curve)
        return 0.0 if reached is None else 1 - reached / self.n_answers

    def table(self) -> dict[str, Any]:
        """Columns policy, seed, answers, accuracy, expected (what the strategy claims) and done
        (whether the rules had said that all tasks are done): a row a round."""
        return {
            "policy": [run.policy for run in self.runs for _ in run.asked],
            "seed": [run.seed for run in self.runs for _ in run.asked],
            "answers": [int(n) for run in self.runs for n in run.asked],
            "accuracy": [float(x) for run in self.runs for x in run.accuracy],
            "expected": [float(x) for run in self.runs for x in run.expected],
            "done": [
                run.stop is not None and i >= run.stop
                for run in self.runs for i in range(len(run.asked))
            ],
        }  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """What JSON tells; the mean curve of each policy on a common grid."""
        return {
            "strategy": self.strategy,
            "n_answers": self.n_answers,
            "n_tasks": self.n_tasks,
            "n_truth": self.n_truth,
            "start": self.start,
            "batch": self.batch,
            "accuracy_of_all": self.accuracy,
            "tolerance": self.tolerance,
            "seeds": len(self.runs) // max(len(self.policies), 1),
            "policies": [asdict(row) for row in self.summary],
            "answers": self.grid.tolist(),
            "accuracy": {name: self.curves(name).mean(0).tolist() for name in self.policies},
        }


def interval(values: NDArray[np.float64] | Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean of shares; None of one value."""
    from scipy.special import stdtrit

    values = np.asarray(values, np.float64)
    if values.size < 2:
        return None
    half = stdtrit(values.size - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / values.size**0.5
    return max(float(values.mean() - half), 0.0), min(float(values.mean() + half), 1.0)
