"""The same command writes the same bytes: again, and with another number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from helpers.waiting import PATIENCE
from peerannot.aggregation import STRATEGIES

N_TASKS, N_CLASSES = 3000, 4

# Runs `peerannot ARGS` for each line of arguments, in one process.
RUN = """
import json, sys
from peerannot.cli._main import peerannot
for line in sys.stdin:
    peerannot.main(json.loads(line), standalone_mode=False)
"""
MORE = {
    "crowdlab": ["-P", "probabilities=classifier.npy"],
    "gold-majority-vote": ["--gold", "known.json"],
    "ebcc": ["-P", "restarts=2", "-P", "subtypes=2", "-P", "max_iter=5"],
}


def dataset(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    truth = rng.integers(N_CLASSES, size=N_TASKS)
    votes: dict[str, dict[str, int]] = {}
    for task in range(N_TASKS):
        for worker in rng.choice(60, rng.integers(1, 6), replace=False):
            right = rng.random() < 0.5 + worker / 150
            label = truth[task] if right else rng.integers(N_CLASSES)
            votes.setdefault(str(task), {})[str(worker)] = int(label)
    (folder / "answers.json").write_text(json.dumps(votes))
    (folder / "metadata.json").write_text(json.dumps({"name": "d", "n_classes": N_CLASSES}))
    (folder / "known.json").write_text(json.dumps({str(t): int(truth[t]) for t in range(200)}))
    soft = np.full((N_TASKS, N_CLASSES), 0.1)
    soft[np.arange(N_TASKS), truth] = 0.7
    np.save(folder / "classifier.npy", soft)


def written(folder: Path, threads: int) -> dict[str, bytes]:
    """Every file that all strategies leave, by name."""
    dataset(folder)
    lines = []
    for name in STRATEGIES:
        cls = STRATEGIES[name]
        few = (
            ["-P", "max_iter=5"]
            if "max_iter" in {f.name for f in fields(cls)} and name not in MORE
            else []
        )
        lines.append(["aggregate", ".", "-s", name, *few, *MORE.get(name, [])])
    lines.append(["aggregate", ".", "-s", "DS", "-P", "max_iter=5", "--intervals", "--save-state"])
    lines.append(["identify", ".", "--method", "entropy"])
    env = {"PEERANNOT_NUM_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input="\n".join(map(json.dumps, lines)),
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, **env, "OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".lock"
    }


@pytest.mark.slow
def test_all_strategies_write_the_same_bytes(tmp_path: Path) -> None:
    once = written(tmp_path / "once" / "set", 2)
    labels = {name for name in once if name.startswith("labels/") and name.endswith(".npy")}
    assert len(labels) >= len(STRATEGIES)
    for threads in (2, 1):
        found = written(tmp_path / f"again-{threads}" / "set", threads)
        assert found.keys() == once.keys(), threads
        assert [name for name in found if found[name] != once[name]] == [], threads
