"""Accuracy of every strategy on real answers with known truth, ties shared, as a Markdown table.

    python benchmarks/accuracy.py FOLDER [--strategy NAME ...]

FOLDER holds one folder a set with ``answers.csv``, ``truth.csv`` and ``metadata.json``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from peerannot.aggregation import STRATEGIES
from peerannot.io import read_answers
from peerannot.selection import compare, read_truth

# What needs more than votes, or stands for another rule with its defaults.
LEFT_OUT = {"crowdlab", "gold-majority-vote", "weighted-vote", "hybrid-dawid-skene", "twothird"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--strategy", action="append")
    given = parser.parse_args()
    names = given.strategy or [name for name in STRATEGIES if name not in LEFT_OUT]
    warnings.simplefilter("ignore")
    sets = sorted(p for p in given.folder.iterdir() if (p / "truth.csv").exists())
    table: dict[str, list[float | None]] = {name: [] for name in names}
    for folder in sets:
        k = json.loads((folder / "metadata.json").read_text())["n_classes"]
        answers = read_answers(folder / "answers.csv", classes=k)
        truth = read_truth(folder / "truth.csv", answers).codes
        scores = {row.strategy: row.scores for row in compare(answers, names, truth=truth)}
        for name in names:
            found = scores.get(name)
            table[name].append(None if found is None else found.accuracy)
    print(f"| strategy | {' | '.join(p.name for p in sets)} | mean |")
    print(f"|---|{'---|' * (len(sets) + 1)}")

    def mean(name: str) -> float:
        known = [a for a in table[name] if a is not None]
        return sum(known) / len(known) if len(known) == len(sets) else 0.0

    for name in sorted(names, key=lambda n: -mean(n)):
        cells = ["-" if a is None else f"{a:.4f}"[1:] for a in table[name]]
        average = f"{mean(name):.4f}"[1:] if mean(name) else "-"
        print(f"| [{name}]({name}.md) | {' | '.join(cells)} | {average} |")


if __name__ == "__main__":
    main()
