"""Accuracy of every strategy on real answers with known truth, ties shared, as a Markdown table.

The last columns are the interval of the difference to the best mean (all hold together with 95 %,
see `peerannot.selection.differences`), and the means of log loss and expected calibration error.

    python benchmarks/accuracy.py FOLDER [--strategy NAME ...]

FOLDER holds one folder a set with ``answers.csv``, ``truth.csv`` and ``metadata.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
from pathlib import Path

from peerannot.aggregation import STRATEGIES
from peerannot.io import read_answers
from peerannot.selection import Scores, compare, read_truth, together

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
    table: dict[str, list[Scores | None]] = {name: [] for name in names}
    rows = []
    for folder in sets:
        k = json.loads((folder / "metadata.json").read_text())["n_classes"]
        answers = read_answers(folder / "answers.csv", classes=k)
        truth = read_truth(folder / "truth.csv", answers).codes
        rows.append(compare(answers, names, truth=truth))
        scores = {row.strategy: row.scores for row in rows[-1]}
        for name in names:
            table[name].append(scores.get(name))
    print(f"| strategy | {' | '.join(p.name for p in sets)} | mean | behind | log loss | ECE |")
    behind = {row.strategy: row.behind for row in together(rows)}
    print(f"|---|{'---|' * (len(sets) + 4)}")

    def mean(name: str, score: str) -> float:
        known = [float(getattr(found, score)) for found in table[name] if found is not None]
        return sum(known) / len(known) if len(known) == len(sets) else math.nan

    for name in sorted(names, key=lambda n: -mean(n, "accuracy")):
        cells = ["-" if found is None else _point(found.accuracy, 4) for found in table[name]]
        cells.append(_point(mean(name, "accuracy"), 4))
        one = behind.get(name)
        cells.append("-" if one is None else f"{one.low:.3f} to {one.high:.3f}")
        cells += [_point(mean(name, "log_loss"), 2), _point(mean(name, "ece"), 3)]
        print(f"| [{name}]({name}.md) | {' | '.join(cells)} |")


def _point(value: float, digits: int) -> str:
    """A number without a leading 0; one that is not known as a dash."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}".removeprefix("0")


if __name__ == "__main__":
    main()
