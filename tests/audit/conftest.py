"""A crowd with known truth, its labels, and sheets that an expert filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from peerannot.aggregation import DawidSkene
from peerannot.answers import Answers, Ids
from peerannot.audit import UNSAID, Labelled, Sheet, draw

CLASSES = ("cat", "dog", "owl")


class Known:
    """Votes of ten workers, three a task, whose truth is known."""

    def __init__(self, n: int = 200, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
        who = np.argsort(rng.random((n, 10)), axis=1)[:, :3].ravel()
        task = np.repeat(np.arange(n), 3)
        right = rng.random(3 * n) < np.linspace(0.5, 0.95, 10)[who]
        label = np.where(right, self.truth[task], rng.integers(0, 3, 3 * n))
        self.answers = Answers.from_codes(
            task.astype(np.int32), who.astype(np.int32), label.astype(np.int32),
            Ids(f"t{i}" for i in range(n)), Ids(f"w{j}" for j in range(10)), Ids(CLASSES),
        )  # fmt: skip
        self.labelled = Labelled.of(DawidSkene().fit(self.answers))

    def says(self, task: str) -> str:
        return CLASSES[self.truth[self.answers.tasks.index_of[task]]]

    def sheet(self, n: int, *, unsaid: tuple[str, ...] = (), seed: int = 0) -> Sheet:
        drawing = draw(self.answers.n_tasks, n, seed=seed)
        names = [self.answers.tasks[int(i)] for i in drawing.tasks]
        said = {t: UNSAID if t in unsaid else self.says(t) for t in names}
        return Sheet(Path("audit.csv"), drawing, "random", seed, "", said)


@pytest.fixture
def known() -> Callable[..., Known]:
    return Known
