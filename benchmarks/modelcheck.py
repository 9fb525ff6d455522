"""Do checks of models hold their level, and what do they find? Tables in Markdown.

    python benchmarks/modelcheck.py level [--crowds 200] [--replicates 199] [--shape 0]
    python benchmarks/modelcheck.py power [--crowds 40] [--replicates 199] [--shape 0]
    python benchmarks/modelcheck.py real FOLDER [--strategy NAME] [--replicates 199]
    python benchmarks/modelcheck.py speed

FOLDER holds one folder a set with ``answers.csv`` and ``metadata.json``; no truth is read. Crowds
of ``level`` and ``power`` are simulated: workers of one coin, evenly drawn classes, and in
``power`` one assumption broken.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.answers import Answers
from peerannot.io import read_answers
from peerannot.predictive import ModelCheck, check_model

# Tasks, workers, answers a task, classes.
SHAPES = {
    "27 answers a worker, 8 a task, 2 classes": (100, 30, 8, 2),
    "all 15 workers on all 60 tasks, 3 classes": (60, 15, 15, 3),
    "24 answers a worker, 6 a task, 4 classes": (80, 20, 6, 4),
    "9 answers a worker, 3 a task, 4 classes": (300, 100, 3, 4),
    "9 answers a worker, 3 a task, 2 classes": (300, 100, 3, 2),
}
POWER_SHAPES = ((200, 20, 10, 2), (200, 20, 10, 4), (300, 60, 5, 4))
VIOLATIONS: dict[str, dict[str, float]] = {
    "none": {},
    "a tenth of the tasks are guessed": {"hard": 0.1},
    "a quarter of the tasks are guessed": {"hard": 0.25},
    "two workers copy a third, 4 of 5 tasks": {"copies": 2},
    "half the workers know class 0 better (+.1, -.1)": {"biased": 0.1},
    "half the workers know class 0 better (+.2, -.2)": {"biased": 0.2},
}


def crowd(
    shape: tuple[int, int, int, int], seed: int, hard: float = 0.0, copies: int = 0,
    biased: float = 0.0,
) -> Answers:  # fmt: skip
    """Workers right with probability .5 to .95 where nothing is broken."""
    n_tasks, n_workers, per_task, k = shape
    rng = np.random.default_rng(seed)
    truth, rate = rng.integers(k, size=n_tasks), rng.uniform(0.5, 0.95, n_workers)
    chosen = np.argsort(rng.random((n_tasks, n_workers)), axis=1)[:, :per_task]
    task, worker = np.repeat(np.arange(n_tasks), per_task), np.sort(chosen, axis=1).ravel()
    chance = rate[worker] + biased * np.where(truth[task] == 0, 1, -1) * (worker % 2)
    chance = np.where((rng.random(n_tasks) < hard)[task], 1 / k, np.clip(chance, 0.02, 0.98))
    wrong = rng.integers(k - 1, size=task.size)
    wrong += wrong >= truth[task]
    label = np.where(rng.random(task.size) < chance, truth[task], wrong)
    table = np.full((n_tasks, n_workers), -1)
    table[task, worker] = label
    first = table[task, 0]
    copied = (worker > 0) & (worker <= copies) & (first >= 0) & (rng.random(task.size) < 0.8)
    return Answers.from_arrays(task, worker, np.where(copied, first, label), classes=k)


def rejected(found: ModelCheck) -> dict[str, bool]:
    return {a.name: a.rejected for a in found.assumptions}


def level(crowds: int, strategy: str, replicates: int, first: int, shapes: list[int]) -> None:
    print("| crowd | crowds | rejected | fails | difficulty | dependence | skill |")
    print("|---|---|---|---|---|---|---|")
    for at in shapes or range(len(SHAPES)):
        name, shape = list(SHAPES.items())[at]
        found = [
            check_model(crowd(shape, 1000 + s), strategy, seed=s, replicates=replicates)
            for s in range(first, first + crowds)
        ]
        each = [rejected(f) for f in found]
        counts = [
            sum(not f.fits for f in found), sum(not f.passed for f in found),
            *(sum(e[n] for e in each) for n in ("difficulty", "dependence", "skill")),
        ]  # fmt: skip
        print(f"| {name} | {crowds} | {' | '.join(map(str, counts))} |", flush=True)


def power(crowds: int, strategy: str, replicates: int, shapes: list[int]) -> None:
    print("| crowd | broken | difficulty | dependence | skill | fails |")
    print("|---|---|---|---|---|---|")
    for at in shapes or range(len(POWER_SHAPES)):
        n, j, per, k = shape = POWER_SHAPES[at]
        for name, broken in VIOLATIONS.items():
            found = [
                check_model(
                    crowd(shape, 5000 + s, **broken),  # type: ignore[arg-type]
                    strategy, seed=s, replicates=replicates,
                )
                for s in range(crowds)
            ]  # fmt: skip
            each = [rejected(f) for f in found]
            shares = [np.mean([e[a] for e in each]) for a in ("difficulty", "dependence", "skill")]
            shares.append(np.mean([not f.passed for f in found]))
            size = f"{n} tasks, {j} workers, {per} votes, {k} classes"
            print(f"| {size} | {name} | {' | '.join(f'{s:.2f}' for s in shares)} |", flush=True)


def real(folder: Path, strategy: str, replicates: int) -> None:
    print("| set | answers | verdict | difficulty | dependence | skill | says wrong | vote worth |")
    print("|---|---|---|---|---|---|---|---|")
    for home in sorted(p for p in folder.iterdir() if (p / "answers.csv").exists()):
        k = json.loads((home / "metadata.json").read_text())["n_classes"]
        answers = read_answers(home / "answers.csv", classes=k)
        found = check_model(answers, strategy, replicates=replicates)
        cells = [_cell(a) for a in found.assumptions]
        verdict = "fits" if found.fits else "passes" if found.passed else "**fails**"
        print(
            f"| {home.name} | {found.n_answers} | {verdict} | {' | '.join(cells)} |"
            f" {100 * found.stated_error:.1f} % | {found.votes_worth:.2f} |", flush=True,
        )  # fmt: skip


def _cell(assumption: Any) -> str:
    if assumption.p_value is None:
        return "-"
    text = f"{assumption.p_value:.3f}"[1:] if assumption.p_value < 1 else "1"
    if not assumption.rejected:
        return text
    if assumption.relaxed_error is None:
        return f"{text}, not relaxed here"
    return f"{text}, {assumption.relaxed_by} {100 * assumption.relaxed_error:.1f} %"


def speed() -> None:
    print("| answers | strategy | checked | seconds of CPU |")
    print("|---|---|---|---|")
    for shape in ((108, 39, 39, 2), (800, 80, 10, 2), (20_000, 400, 5, 5), (100_000, 2000, 10, 5)):
        answers = crowd_large(shape) if shape[0] > 1000 else crowd(shape, 1)
        for strategy in ("one-coin", "dawid-skene", "glad"):
            start = time.process_time()
            found = check_model(answers, strategy)
            seconds = time.process_time() - start
            print(f"| {answers.n_answers} | {strategy} | {found.n_answers} | {seconds:.1f} |")


def crowd_large(shape: tuple[int, int, int, int]) -> Answers:
    """As `crowd`, without a table of tasks x workers."""
    n_tasks, n_workers, per_task, k = shape
    rng = np.random.default_rng(1)
    truth, rate = rng.integers(k, size=n_tasks), rng.uniform(0.5, 0.95, n_workers)
    start = rng.integers(n_workers, size=n_tasks)
    worker = ((start[:, None] + 7 * np.arange(per_task)) % n_workers).ravel()
    task = np.repeat(np.arange(n_tasks), per_task)
    right = rng.random(task.size) < rate[worker]
    wrong = (truth[task] + rng.integers(1, k, task.size)) % k
    return Answers.from_arrays(task, worker, np.where(right, truth[task], wrong), classes=k)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["level", "power", "real", "speed"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--crowds", type=int)
    parser.add_argument("--strategy", default="one-coin")
    parser.add_argument("--replicates", type=int, default=199)
    parser.add_argument("--first", type=int, default=0, help="seed of the first crowd (level)")
    parser.add_argument("--shape", type=int, action="append", default=[], help="0, 1, ...")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    match given.what:
        case "level":
            level(given.crowds or 200, given.strategy, given.replicates, given.first, given.shape)
        case "power":
            power(given.crowds or 40, given.strategy, given.replicates, given.shape)
        case "real":
            if given.folder is None:
                parser.error("real needs the folder of the sets")
            real(given.folder, given.strategy, given.replicates)
        case "speed":
            speed()


if __name__ == "__main__":
    main()
