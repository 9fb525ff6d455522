"""Judges who err together: labels, effective votes and groups found, as Markdown tables.

    python benchmarks/judges.py [--seeds N] [--tasks N]
    python benchmarks/judges.py --published FOLDER

The second is the alternative annotator test on a set of its authors (a folder of ``data`` in
github.com/nitaytech/AltTest), one judge at a time as they have it, by ``--epsilon``.

Nine or fifteen simulated judges (``correlated-judges``) of mean accuracy .75, latent correlation of
errors .7 in a family and ``across`` between families. *Closed* is what `latent-factor` gains over
Dawid-Skene, as a share of what Dawid-Skene would gain from as many judges of independent errors;
*ebcc*, a model of correlated workers, the same. *Found*: how often the families are found exactly.
*Votes* is the effective number by the true errors; the last columns are what `identify -s
dependence` says over that, without known labels and with 200, as the median and the share of crowds
within a fifth.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.identification import METHODS, Evidence
from peerannot.simulation import SIMULATIONS, Crowd

# Judges, families, share of the largest, correlation between families.
DESIGNS = (
    (9, 4, 6 / 9, 0.0),
    (9, 4, 6 / 9, 0.1),
    (9, 3, 5 / 9, 0.0),
    (9, 3, 0.0, 0.0),
    (15, 6, 10 / 15, 0.0),
    (9, 2, 0.0, 0.3),
)


def draw(design: tuple[int, int, float, float], k: int, tasks: int, seed: int, **other: Any) -> Any:
    judges, families, largest, across = design
    options = {
        "families": families, "largest": largest, "accuracy": 0.75, "within": 0.7,
        "across": across, **other,
    }  # fmt: skip
    crowd = Crowd(n_worker=judges, n_task=tasks, n_classes=k, feedback=judges, seed=seed)
    return SIMULATIONS["correlated-judges"](**options).draw(crowd)


def right(name: str, drawn: Any) -> float:
    z = np.asarray(build(name).fit(drawn.answers).posterior)
    top = z >= z.max(1, keepdims=True) - 1e-9
    return float((top[np.arange(len(z)), drawn.truth] / top.sum(1)).mean())


def measure(design: tuple[int, int, float, float], k: int, tasks: int, seed: int) -> list[float]:
    drawn = draw(design, k, tasks, seed)
    alone = draw(design, k, tasks, seed, within=0.0, across=0.0, tempting=0.0)
    plain, most = right("dawid-skene", drawn), right("dawid-skene", alone)
    label = drawn.answers.label.reshape(tasks, -1)
    wrong = (label != drawn.truth[:, None]).astype(float)
    votes = design[0] ** 2 / np.corrcoef(wrong.T).sum()
    known = np.where(np.arange(tasks) < 200, drawn.truth, -1)
    method = METHODS["dependence"]()
    told = [method.run(Evidence(drawn.answers, labels=given)) for given in (None, known)]
    group = build("latent-factor").fit(drawn.answers).worker_columns["group"]
    family = drawn.extra["families"]
    exact = bool(((group[:, None] == group) == (family[:, None] == family)).all())
    ratios = [float(found.summary["effective_votes"]) / votes for found in told]
    return [
        plain, right("ebcc", drawn), right("latent-factor", drawn), most, exact, votes, *ratios
    ]  # fmt: skip


def published(folder: Path, epsilon: float) -> None:
    humans = json.loads((folder / "human_annotations.json").read_text())
    print("| judge | winning rate | advantage probability | 95 % interval |\n|---|---|---|---|")
    for judge, said in json.loads((folder / "llm_annotations.json").read_text()).items():
        rows = [
            (t, j, y) for j, own in {**humans, "the judge": said}.items() for t, y in own.items()
        ]
        answers = Answers.from_arrays(*map(list, zip(*rows, strict=True)))
        kinds = ["model" if w == "the judge" else "human" for w in answers.workers]
        table = METHODS["replacement"](epsilon=epsilon).run(Evidence(answers, kinds=kinds)).table
        low, high = table["advantage_low"][0], table["advantage_high"][0]
        print(
            f"| {judge} | {table['winning_rate'][0]:.2f} |"
            f" {table['advantage_probability'][0]:.2f} | {low:.2f} to {high:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--published", type=Path, metavar="FOLDER")
    parser.add_argument("--epsilon", type=float, default=0.2)
    given = parser.parse_args()
    if given.published is not None:
        published(given.published, given.epsilon)
        return
    warnings.simplefilter("ignore")
    print(
        "| judges | families | largest | across | classes | dawid-skene | latent-factor |"
        " independent | closed | ebcc | found | votes | said / true | within .2 | 200 known |"
        " within .2 |"
    )
    print("|" + "---|" * 16)
    for design in DESIGNS:
        for k in (2, 4):
            rows = np.array(
                [measure(design, k, given.tasks, seed) for seed in range(given.seeds)], float
            )
            plain, ebcc, factor, most, exact, votes, *_ = rows.mean(0)
            gap = max(most - plain, 1e-9)
            free, known = rows[:, 6], rows[:, 7]
            print(
                f"| {design[0]} | {design[1]} | {design[2] or 1 / design[1]:.2f} | {design[3]:g} |"
                f" {k} | {plain:.4f} | {factor:.4f} | {most:.4f} | {(factor - plain) / gap:.2f} |"
                f" {(ebcc - plain) / gap:.2f} | {exact:.1f} | {votes:.1f} |"
                f" {np.median(free):.2f} | {(abs(free - 1) < 0.2).mean():.1f} |"
                f" {np.median(known):.2f} | {(abs(known - 1) < 0.2).mean():.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
