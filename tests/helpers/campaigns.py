"""A crowd that answers what a campaign asks: a tool in memory, with known truth."""

from __future__ import annotations

import numpy as np

from peerannot import Answers
from peerannot.campaign import Decision, Pulled
from peerannot.errors import AwayError

__all__ = ["Crowd"]

CLASSES = ["cat", "dog", "owl"]


class Crowd:
    """A tool whose workers answer the pairs that were pushed before the next pull.

    Parameters
    ----------
    whole
        Whether a pull gives all answers, or those since the last.
    away
        Numbers of the calls of `pull` and `push`, counted together, that find it away.
    """

    name = "the crowd"

    def __init__(
        self, n_tasks: int = 60, n_workers: int = 8, *, whole: bool = False, seed: int = 0,
        away: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        rng = np.random.default_rng(seed)
        self.truth = rng.integers(len(CLASSES), size=n_tasks)
        skill = rng.uniform(0.5, 0.95, n_workers)
        right = rng.random((n_tasks, n_workers)) < skill
        other = rng.integers(1, len(CLASSES), (n_tasks, n_workers))
        self.votes = (self.truth[:, None] + np.where(right, 0, other)) % len(CLASSES)
        self.tasks = [f"t{i}" for i in range(n_tasks)]
        self.workers = [f"w{j}" for j in range(n_workers)]
        self.whole, self.away, self.calls = whole, away, 0
        self.given: dict[tuple[str, str], str] = {}
        self.holds: dict[str, str] = {}
        self.pushes: list[Decision] = []

    def pull(self, since: int | None) -> Pulled | None:
        self._call()
        if self.pushes:
            table = self.pushes[-1].plan.table()
            for task, worker in zip(table["task"], table["worker"], strict=True):
                label = self.votes[self.tasks.index(task), self.workers.index(worker)]
                self.given[task, worker] = CLASSES[label]
        new = list(self.given.items())[0 if self.whole else since or 0 :]
        return Pulled(
            answers=Answers.from_arrays(
                [task for (task, _), _ in new], [worker for (_, worker), _ in new],
                [label for _, label in new], classes=CLASSES,
            ),
            whole=self.whole, since=len(self.given), tasks=self.tasks, workers=self.workers,
            classes=CLASSES,
        )  # fmt: skip

    def push(self, decision: Decision) -> int:
        self._call()
        self.pushes.append(decision)
        changed = sum(self.holds.get(t) != label for t, label in decision.labels.items())
        self.holds = decision.labels
        return changed

    def accuracy(self) -> float:
        """Share of labels that are right, of all tasks."""
        right = [self.holds[t] == CLASSES[k] for t, k in zip(self.tasks, self.truth, strict=True)]
        return float(np.mean(right))

    def _call(self) -> None:
        self.calls += 1
        if self.calls - 1 in self.away:
            raise AwayError("the crowd sleeps")
