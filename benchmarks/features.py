"""Features help the labels: crowdlab on cross-validated heads, beside strategies of votes alone.

    python benchmarks/features.py                           digits, a simulated crowd
    python benchmarks/features.py DATASET FEATURES TRUTH    real votes; TRUTH as for evaluate

Percent of labels right, mean of five drawings of so many votes a task, and their standard error.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from peerannot import aggregate, read_answers
from peerannot.answers import Answers, Ids, random_places
from peerannot.dataset import Features, read_features
from peerannot.selection import evaluate, read_truth

SEEDS = 5
STRATEGIES = ("majority-vote", "dawid-skene", "wawa")


def digits(seed: int) -> tuple[Answers, Features, dict[str, Any]]:
    """Ten votes a digit, of 40 workers who are right on .3 to .9 of the digits."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    pixels, truth = load_digits(return_X_y=True)
    n, w, k = len(truth), 40, 10
    task = np.repeat(np.arange(n), 10)
    worker = rng.random((n, w)).argsort(1)[:, :10].ravel()
    right = rng.random(task.size) < rng.uniform(0.3, 0.9, w)[worker]
    label = np.where(right, truth[task], rng.integers(k, size=task.size))
    codes = (part.astype(np.int32) for part in (task, worker, label))
    answers = Answers.from_codes(*codes, Ids(n), Ids(w), Ids(k))
    features = Features([str(i) for i in range(n)], pixels.astype(np.float32))
    return answers, features, {str(i): int(y) for i, y in enumerate(truth)}


def thinned(answers: Answers, per_task: int, seed: int) -> Answers:
    """So many answers to each task, drawn at random."""
    return answers.rows(random_places(answers, np.random.default_rng(seed)) < per_task)


def main() -> None:
    warnings.simplefilter("ignore")
    named = [Path(name) for name in sys.argv[1:]]
    print("| votes a task | " + " | ".join((*STRATEGIES, "crowdlab, features")) + " |")
    print("|---|" + "---|" * (len(STRATEGIES) + 1))
    for per_task in (1, 2, 3, 5, 10):
        right: list[list[float]] = []
        for seed in range(SEEDS):
            if named:
                answers, features = read_answers(named[0]), read_features(named[1])
                truth: Any = read_truth(named[2], answers).codes
            else:
                answers, features, truth = digits(seed)
            some = thinned(answers, per_task, seed)
            results = [aggregate(some, name) for name in STRATEGIES]
            results.append(aggregate(some, "crowdlab", features=features))
            right.append([100 * evaluate(result, truth).accuracy for result in results])
        mean, error = np.mean(right, 0), np.std(right, 0, ddof=1) / SEEDS**0.5
        cells = (f"{m:.1f} ± {e:.1f}" for m, e in zip(mean, error, strict=True))
        print(f"| {per_task} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
