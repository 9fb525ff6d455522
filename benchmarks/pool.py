"""Cost of the pool and its members as multiples of Dawid-Skene's, processor time, side by side.

    python benchmarks/pool.py [--answers N] [--tasks N] [--workers N] [--classes K] [--iterations N]

Each runs so many iterations, with all that is around them, and once more with its defaults, until
it is at rest; the least of ``--rounds`` interleaved rounds counts.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

from peerannot.aggregation import build
from peerannot.answers import Answers

MEMBERS = ("hierarchical-dawid-skene", "hierarchical-mace", "bwa-normalised", "pool")


def crowd(n: int, n_tasks: int, n_workers: int, k: int) -> Answers:
    """Workers who are right on 55 to 95 % of the tasks, and name any other class otherwise."""
    rng = np.random.default_rng(0)
    task, worker = np.sort(rng.integers(n_tasks, size=n)), rng.integers(n_workers, size=n)
    truth, skill = rng.integers(k, size=n_tasks)[task], rng.uniform(0.55, 0.95, n_workers)
    wrong = (truth + rng.integers(1, k, size=n)) % k
    label = np.where(rng.random(n) < skill[worker], truth, wrong)
    return Answers.from_arrays(task, worker, label, classes=k, duplicates="all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in (("answers", 5_000_000), ("tasks", 1_000_000), ("workers", 1_000)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    answers = crowd(given.answers, given.tasks, given.workers, given.classes)
    fixed, n = f"max_iter={given.iterations},tol", given.iterations
    specs = {"dawid-skene": (f"DS[{fixed}=0]", "DS")}
    specs |= {name: (f"{name}[{fixed}=1e-300]", name) for name in MEMBERS}
    spent: dict[tuple[str, int], float] = {}
    rounds: dict[str, int] = {}
    for _ in range(given.rounds):
        for name, both in specs.items():
            for at, spec in enumerate(both):
                start = time.process_time()
                result = build(spec).fit(answers)
                took = time.process_time() - start
                spent[name, at] = min(took, spent.get((name, at), took))
            rounds[name] = result.diagnostics.n_iter
    print(f"| strategy | {n} iterations, s | x | at rest, s | x | iterations |")
    print("|---|---|---|---|---|---|")
    for name in specs:
        cells = []
        for at in (0, 1):
            cells += [f"{spent[name, at]:.2f}", f"{spent[name, at] / spent['dawid-skene', at]:.1f}"]
        print(f"| {name} | {' | '.join(cells)} | {rounds[name]} |", flush=True)


if __name__ == "__main__":
    main()
