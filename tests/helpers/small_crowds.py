"""Small crowds, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerannot.aggregation import DawidSkene, Result
from peerannot.answers import Answers, Ids


@dataclass(frozen=True)
class Small:
    answers: Answers
    result: Result

    def asked_before(self) -> set[tuple[str, str]]:
        a = self.answers
        pairs = zip(a.task, a.worker, strict=True)
        return {(a.tasks[int(t)], a.workers[int(w)]) for t, w in pairs}

    def asking(self, policy: str) -> dict[str, Any]:
        """A policy that finds no task of these done, with what it needs."""
        given: dict[str, Any] = {"answers": self.answers, "policy": policy}
        if policy == "likelihood-ratio":
            given["policy"] = "likelihood-ratio[error=1e-15]"
        if policy == "activelab":
            shape = self.answers.n_tasks, self.answers.n_classes
            given["probabilities"] = np.random.default_rng(0).dirichlet(np.ones(shape[1]), shape[0])
        return given


def make(n: int = 12, w: int = 5, k: int = 3, seed: int = 0) -> Small:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    who = np.argsort(rng.random((n, w)), axis=1)[:, :2].ravel()
    task = np.repeat(np.arange(n), 2)
    right = rng.random(2 * n) < np.linspace(0.4, 0.9, w)[who]
    label = np.where(right, truth[task], rng.integers(0, k, 2 * n))
    answers = Answers.from_codes(
        task.astype(np.int32), who.astype(np.int32), label.astype(np.int32),
        Ids(f"t{i}" for i in range(n)), Ids(f"w{j}" for j in range(w)), Ids(k),
    )  # fmt: skip
    return Small(answers, DawidSkene(max_iter=3, tol=1.0).fit(answers))
