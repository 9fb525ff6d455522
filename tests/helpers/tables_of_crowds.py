"""A small crowd in two tables, as a user has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_tables(folder: Path, *, seed: int, per_task: int, least: float, rise: float) -> Path:
    """``answers.csv`` and ``truth.csv`` of 30 tasks of two classes, so many answers each of eight
    workers; ``w0`` is right with probability ``least``, each next one by ``rise`` more often."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 30)
    rows = ["task,worker,label"]
    for t in range(30):
        for w in rng.choice(8, per_task, replace=False):
            right = rng.random() < least + rise * w
            rows.append(f"t{t},w{w},{truth[t] if right else 1 - truth[t]}")
    (folder / "answers.csv").write_text("\n".join(rows) + "\n")
    known = [f"t{t},{z}" for t, z in enumerate(truth)]
    (folder / "truth.csv").write_text("\n".join(["task,label", *known]) + "\n")
    return folder
