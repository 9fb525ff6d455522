"""How good is the choice that ``-s auto`` makes, without truth, on real answers with known truth?

For each set: every strategy's accuracy (ties shared) and its held-out log-probability; what auto
picks; whether that is the best or within .005 of it; and the mean accuracy over the sets against
always using one strategy.

    python benchmarks/selection.py FOLDER [--strategy NAME ...] [--seed 0] [--json FILE]

FOLDER holds one folder a set with ``answers.csv``, ``truth.csv`` and ``metadata.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.aggregation import STRATEGIES
from peerannot.io import read_answers
from peerannot.selection import compare, read_truth

NEAR = 0.005 + 1e-9  # differences of accuracies carry rounding
# Rules that stand for another with defaults, or that need what votes alone do not have.
SAME = {"weighted-vote": "naive-soft"}


def one_set(folder: Path, names: list[str], seed: int) -> dict[str, dict[str, Any]]:
    """Accuracy and held-out log-probability of each strategy on one set."""
    k = json.loads((folder / "metadata.json").read_text())["n_classes"]
    answers = read_answers(folder / "answers.csv", classes=k)
    truth = read_truth(folder / "truth.csv", answers).codes
    held = {row.strategy: row for row in compare(answers, names, seed=seed)}
    known = {row.strategy: row for row in compare(answers, names, truth=truth)}
    return {
        name: {
            "accuracy": known[name].scores.accuracy,
            "heldout": held[name].heldout,
            "seconds": held[name].seconds,
        }
        for name in names
        if known[name].scores is not None and held[name].heldout is not None
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--strategy", action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    names = args.strategy or [name for name in STRATEGIES if name not in SAME]
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for folder in sorted(p for p in args.folder.iterdir() if (p / "truth.csv").exists()):
        table[folder.name] = rows = one_set(folder, names, args.seed)
        pick = max(rows, key=lambda name: rows[name]["heldout"])
        best = max(rows, key=lambda name: rows[name]["accuracy"])
        gap = rows[best]["accuracy"] - rows[pick]["accuracy"]
        print(
            f"{folder.name:12} auto: {pick} {rows[pick]['accuracy']:.4f}"
            f"  best: {best} {rows[best]['accuracy']:.4f}  gap {gap:.4f}"
            + ("  near" if gap <= NEAR else ""),
            flush=True,
        )
        if args.json:
            args.json.write_text(json.dumps(table, indent=1))
    if not table:
        sys.exit(f"{args.folder}: no sets in it")
    gaps, auto = [], []
    for rows in table.values():
        pick = max(rows, key=lambda name: rows[name]["heldout"])
        auto.append(rows[pick]["accuracy"])
        gaps.append(max(r["accuracy"] for r in rows.values()) - auto[-1])
    print(f"\nauto is the best or within .005 on {np.sum(np.array(gaps) <= NEAR)} of {len(gaps)}")
    print(f"{'auto':26} mean accuracy {np.mean(auto):.4f}")
    everywhere = [n for n in names if all(n in rows for rows in table.values())]
    means = {n: np.mean([rows[n]["accuracy"] for rows in table.values()]) for n in everywhere}
    for name in sorted(means, key=lambda n: -means[n]):
        print(f"always {name:19} mean accuracy {means[name]:.4f}")


if __name__ == "__main__":
    main()
