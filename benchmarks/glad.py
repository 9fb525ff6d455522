"""Where GLAD does not fit: its labels beside the vote's on real answers with known truth.

    python benchmarks/glad.py FOLDER

FOLDER holds one folder a set with ``answers.csv``, ``truth.csv`` and ``metadata.json``. Prints a
Markdown table: log-posterior, iterations, the share of abilities that are negative, and of the
answers given by such workers, and the accuracy of GLAD and of the majority vote, ties shared.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from peerannot.aggregation import build
from peerannot.io import read_answers
from peerannot.selection import evaluate, read_truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| set | log-posterior | iterations | negative abilities | their answers | GLAD | vote |")
    print("|---|---|---|---|---|---|---|")
    for folder in sorted(p for p in given.folder.iterdir() if (p / "truth.csv").exists()):
        k = json.loads((folder / "metadata.json").read_text())["n_classes"]
        answers = read_answers(folder / "answers.csv", classes=k)
        truth = read_truth(folder / "truth.csv", answers).codes
        result, vote = (build(name).fit(answers) for name in ("glad", "majority-vote"))
        negative = result.worker_columns["alpha"] < 0
        theirs = answers.answers_per_worker[negative].sum() / answers.n_answers
        scores = [f"{evaluate(r, truth).accuracy:.4f}"[1:] for r in (result, vote)]
        print(
            f"| {folder.name} | {result.diagnostics.objective[-1]:,.0f}"
            f" | {result.diagnostics.n_iter} | {negative.mean():.0%} | {theirs:.0%}"
            f" | {' | '.join(scores)} |"
        )


if __name__ == "__main__":
    main()
