"""Does a rule that stops where labels are sure stop on wrong ones? Guarded by a check, and not.

    python benchmarks/stopping.py FOLDER [--seeds 3] [--strategy one-coin] [--start 6]

FOLDER holds one set: ``answers.csv``, ``truth.csv``, ``metadata.json``. From ``--start`` answers a
task on, answers that exist are asked for, one a task and round, by mutual information, until all
tasks are .99 sure or have no answer left. Printed are answers a task and the share of right labels
at the end, for the strategy as it is and for what `peerannot.predictive.trusted` gives.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from peerannot.aggregation import Result, build
from peerannot.allocation import plan
from peerannot.answers import Answers
from peerannot.io import read_answers
from peerannot.predictive import trusted
from peerannot.selection import read_truth


def replayed(
    answers: Answers, truth: np.ndarray, fit: Callable[[Answers], Result], start: int, seed: int
) -> tuple[float, float]:
    """Answers a task and share of right labels where the rule stops."""
    rng, n = np.random.default_rng(seed), answers.n_tasks
    have = np.zeros(answers.n_answers, bool)
    for i in range(n):
        own = np.arange(answers.task_ptr[i], answers.task_ptr[i + 1])
        have[rng.permutation(own)[:start]] = True
    pairs = zip(answers.task.tolist(), answers.worker.tolist(), strict=True)
    row_of = {pair: row for row, pair in enumerate(pairs)}
    code = answers.workers.index_of
    while True:
        seen = answers.rows(have)
        result = fit(seen)
        cells = (np.ones((~have).sum(), bool), (answers.task[~have], answers.worker[~have]))
        mask = csr_array(cells, shape=(n, answers.n_workers))
        found = plan(result, n, list(answers.workers), answers=seen, mask=mask)
        if not found.picks:
            known = truth >= 0
            return have.sum() / n, float((result.labels == truth)[known].mean())
        have[[row_of[p.task, code[found.crowd.ids[p.worker]]] for p in found.picks]] = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strategy", default="one-coin")
    parser.add_argument("--start", type=int, default=6)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    k = json.loads((given.folder / "metadata.json").read_text())["n_classes"]
    answers = read_answers(given.folder / "answers.csv", classes=k)
    truth = read_truth(given.folder / "truth.csv", answers).codes
    ways: dict[str, Callable[[Answers], Result]] = {
        "as it is": build(given.strategy).fit,
        "guarded": lambda seen: trusted(seen, given.strategy).result,
    }
    print("| seed | way | answers a task | right |\n|---|---|---|---|")
    for seed in range(given.seeds):
        for name, fit in ways.items():
            asked, right = replayed(answers, truth, fit, given.start, seed)
            print(f"| {seed} | {name} | {asked:.1f} | {right:.3f} |", flush=True)


if __name__ == "__main__":
    main()
