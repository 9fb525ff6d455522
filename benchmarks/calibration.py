"""Are probabilities as sure as they are right, before and after ``--calibrate``?

    python benchmarks/calibration.py FOLDER [--strategy NAME ...] [--gold N] [--seed 0]
    python benchmarks/calibration.py --simulated [--strategy NAME ...] [--seed 0]

FOLDER holds one folder a set with ``answers.csv``, ``truth.csv`` and ``metadata.json``. Markdown:
expected calibration error (15 bins) of each strategy and set before and after, then the means of
ECE, log loss and accuracy. The truth is used for scores alone; with ``--gold N``, N labels of it
are given to the calibration (not to the fit), and the other tasks are scored. ``--simulated``:
crowds of the models in `peerannot.simulation`, whose answers are independent, or are not.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.aggregation import build
from peerannot.aggregation.uncertainty.calibrate import find_calibration
from peerannot.aggregation.uncertainty.calibration import calibrated_result
from peerannot.io import read_answers
from peerannot.selection import evaluate, read_truth
from peerannot.simulation import simulate

STRATEGIES = ["dawid-skene", "ibcc", "map-dawid-skene", "glad"]
# Model, classes, tasks, workers, answers a task.
CROWDS = {
    "independent, K=2": ("independent-confusion", 2, 300, 20, 5),
    "independent, K=4": ("independent-confusion", 4, 1000, 40, 5),
    "independent, 20 answers": ("independent-confusion", 3, 300, 40, 20),
    "difficulty by GLAD": ("glad", 2, 500, 30, 6),
    "discrete difficulty": ("discrete-difficulty", 3, 1000, 40, 6),
    "correlated judges": ("correlated-judges", 2, 500, 9, 9),
}


def sets_in(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, answers and truth of each set."""
    for home in sorted(p for p in folder.iterdir() if (p / "truth.csv").exists()):
        k = json.loads((home / "metadata.json").read_text())["n_classes"]
        answers = read_answers(home / "answers.csv", classes=k)
        yield home.name, answers, read_truth(home / "truth.csv", answers).codes


def simulated(seed: int) -> Iterator[tuple[str, Any, Any]]:
    """The same of crowds that are made."""
    for name, (model, classes, tasks, workers, feedback) in CROWDS.items():
        crowd = simulate(
            model, n_task=tasks, n_worker=workers, n_classes=classes, feedback=feedback, seed=seed
        )
        yield name, crowd.answers, crowd.truth


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--strategy", action="append")
    parser.add_argument("--gold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if (args.folder is None) != args.simulated:
        sys.exit("give a FOLDER of sets, or --simulated")
    warnings.simplefilter("ignore")
    crowds = list(simulated(args.seed) if args.simulated else sets_in(args.folder))
    print(f"| ECE before, after | {' | '.join(name for name, *_ in crowds)} |")
    print(f"|---|{'---|' * len(crowds)}")
    means = []
    for name in args.strategy or STRATEGIES:
        strategy, cells, scores = build(name), [], []
        for _, answers, truth in crowds:
            gold = None
            if args.gold:
                known = np.flatnonzero((truth >= 0) & (answers.answers_per_task > 0))
                drawn = np.random.default_rng(args.seed).permutation(known)[: args.gold]
                gold = np.full(answers.n_tasks, -1, np.int32)
                gold[drawn] = truth[drawn]
                truth = truth.copy()
                truth[drawn] = -1
            found = find_calibration(strategy, answers, gold=gold, seed=args.seed)
            result = strategy.fit(answers)
            after = calibrated_result(result, found, answers.weight_per_task)
            pair = [evaluate(one, truth) for one in (result, after)]
            scores.append([[s.ece, s.log_loss, s.accuracy] for s in pair])
            cells.append(" ".join(f"{s.ece:.3f}"[1:] for s in pair))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        table = np.array(scores)
        (b, a), worst = table.mean(0), (table[:, 1, 0] - table[:, 0, 0]).max()
        means.append(
            f"| {name} | {b[0]:.4f} | {a[0]:.4f} | {a[0] / b[0]:.2f} | {worst:+.3f} | {b[1]:.2f}"
            f" | {a[1]:.2f} | {b[2]:.4f} | {a[2]:.4f} |"
        )
    print("\n| mean | ECE | after | ratio | worst set | log loss | after | accuracy | after |")
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(means))


if __name__ == "__main__":
    main()
