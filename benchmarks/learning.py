"""Test accuracy and calibration of every way to learn from votes, on the same budget.

    python benchmarks/learning.py RESULTS.jsonl [--data spammers student-teacher cifar10s]
        [--cifar10s FOLDER] [--strategies ...] [--seeds 5] [--table TABLE.md]

Every strategy trains the same network with the same options for the same number of epochs; the
one with the best validation accuracy is kept, and test images are looked at once, at the end. `mv`,
`naive-soft` and `ds` train on labels made before; the others are the end-to-end strategies with
their own defaults. CROWDLAB trains six networks and AnnotMix shows the network one image a vote,
so that their epochs cost more.

spammers         digits of scikit-learn, 1,000 of them labelled by 60 workers, 3 answers each: a
                 third of the workers guess, the others are always right: 30 % of answers wrong
student-teacher  the same digits and sizes: 12 teachers with confusion matrices of their own, 48
                 students with the matrix of their teacher: 30 % of answers wrong
cifar10s         the folder given: 1,000 images of CIFAR-10 with the answers of 248 people

A seed draws crowd, split of the digits and weights, the same for all strategies; for cifar10s,
the weights. Each finished training is a line of RESULTS.jsonl, and those that are there are not
run again: stop at any time, and start again. The table is made of what is there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.learning import TrainOptions, strategy_names, train_on_votes
from peerannot.simulation import simulate
from peerannot.simulation.images import save_with_images

DIGITS = ("spammers", "student-teacher")
BASELINES = {
    "mv": "soft-labels[labels=MV]",
    "naive-soft": "soft-labels",
    "ds": "soft-labels[labels=DS]",
}
VARIANTS = {
    "smoothing": "soft-labels[smoothing=0.1]",
    "crowdlayer-vw": "crowdlayer[variant=VW]",
    "geocrowdnet-w": "geocrowdnet[variant=W]",
}
WAYS = {
    **BASELINES,
    **{name: name for name in strategy_names() if name != "soft-labels"},
    **VARIANTS,
}
COMMON = TrainOptions(
    model="smallcnn",
    lr=0.002,
    optimizer="adam",
    scheduler="none",
    batch_size=64,
    select="accuracy",
)
EPOCHS = {"spammers": 20, "student-teacher": 20, "cifar10s": 30}


def options_of(data: str, seed: int) -> TrainOptions:
    """The budget: the same for every strategy."""
    photographs = data == "cifar10s"
    return replace(
        COMMON,
        img_size=32 if photographs else 16,
        data_augmentation=photographs,
        n_epochs=EPOCHS[data],
        seed=seed,
    )


def teachers(seed: int, n_classes: int = 10) -> np.ndarray:
    """Confusion matrices of 12 teachers: right in 70 % of cases on average, by class and teacher.

    Of a class's errors, most go to one class, which differs from teacher to teacher.
    """
    rng = np.random.default_rng([seed, 12])
    right = rng.beta(7 * 0.7, 7 * 0.3, size=(12, n_classes))
    right += 0.7 - right.mean()
    matrices = np.empty((12, n_classes, n_classes))
    for teacher, row in enumerate(np.clip(right, 0.05, 0.99)):
        for true, p in enumerate(row):
            spread = rng.dirichlet(np.full(n_classes - 1, 0.2))
            matrices[teacher, true] = np.insert((1 - p) * spread, true, p)
    return matrices


def digits(data: str, seed: int, folder: Path) -> float:
    """Write the digits with their crowd; the share of wrong answers."""
    sizes: dict[str, Any] = {"n_worker": 60, "n_task": 1000, "n_classes": 10, "feedback": 3}
    if data == "spammers":
        drawn = simulate("hammer-spammer", ratio=1 / 3, seed=seed, **sizes)
    else:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "teachers.npy"
            np.save(file, teachers(seed))
            drawn = simulate("student-teacher", ratio=0.8, matrix_file=file, seed=seed, **sizes)
    save_with_images(drawn, folder)
    return float((drawn.answers.label != drawn.truth[drawn.answers.task]).mean())


def link(source: Path, folder: Path) -> None:
    """A copy of a data set, images linked: results go beside them, not into the data set."""
    for part in ("train", "val", "test"):
        (folder / part).symlink_to((source / part).resolve(), target_is_directory=True)
    for file in ("answers.json", "metadata.json"):
        (folder / file).write_bytes((source / file).read_bytes())


def run(data: str, seeds: Iterable[int], names: Iterable[str], args: argparse.Namespace) -> None:
    """Train what is missing of a data set, seed by seed."""
    for seed in seeds:
        done = {line["strategy"] for line in read(args.results) if _is(line, data, seed)}
        missing = [name for name in names if name not in done]
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as place:
            folder, wrong = Path(place) / "data", None
            folder.mkdir()
            if data in DIGITS:
                wrong = digits(data, seed, folder)
            else:
                link(args.cifar10s, folder)
            for name in missing:
                began = time.monotonic()
                results = train_on_votes(
                    folder, strategy=WAYS[name], options=options_of(data, seed), output_name=name
                ).results
                line = {
                    "data": data,
                    "strategy": name,
                    "seed": seed,
                    "epochs": EPOCHS[data],
                    "accuracy": results["test_accuracy"],
                    "ece": results["test_ece"],
                    "val_accuracy": max(results["val_accuracy"]),
                    "best_epoch": results["best_epoch"],
                    "seconds": round(time.monotonic() - began, 1),
                    "wrong": wrong,
                }
                with args.results.open("a") as handle:
                    handle.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)


def _is(line: Mapping[str, Any], data: str, seed: int) -> bool:
    return bool(line["data"] == data and line["seed"] == seed and line["epochs"] == EPOCHS[data])


def read(file: Path) -> list[dict[str, Any]]:
    """The trainings done; a line that was cut off by a kill is none."""
    lines = []
    for text in file.read_text().splitlines() if file.exists() else ():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


def mean_error(values: list[float]) -> tuple[float, float]:
    """Mean and standard error."""
    if len(values) < 2:
        return values[0], float("nan")
    return statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown: a table a data set, best accuracy first."""
    text = []
    for data in dict.fromkeys(line["data"] for line in lines):
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for line in lines:
            if line["data"] == data and line["epochs"] == EPOCHS[data]:
                found.setdefault(line["strategy"], {})[line["seed"]] = line
        majority = found.get("mv", {})
        rows = []
        for name, by_seed in found.items():
            accuracy, error = mean_error([r["accuracy"] for r in by_seed.values()])
            ece, ece_error = mean_error([100 * r["ece"] for r in by_seed.values()])
            seconds = statistics.mean(r["seconds"] for r in by_seed.values())
            both = sorted(by_seed.keys() & majority.keys())
            gain, verdict = "", ""
            if name != "mv" and len(both) > 1:
                differences = [by_seed[s]["accuracy"] - majority[s]["accuracy"] for s in both]
                mean, paired = mean_error(differences)
                gain = f"{mean:+.2f} ± {paired:.2f}"
                verdict = "above" if mean > 2 * paired else "below" if mean < -2 * paired else "="
            rows.append(
                (
                    accuracy,
                    f"| {name} | {accuracy:.2f} ± {error:.2f} | {ece:.2f} ± {ece_error:.2f}"
                    f" | {gain} | {verdict} | {seconds:.0f} | {len(by_seed)} |",
                )
            )
        wrong = [r["wrong"] for r in majority.values() if r["wrong"] is not None]
        share = f", {100 * statistics.mean(wrong):.1f} % of answers wrong" if wrong else ""
        text += [
            f"### {data}{share}",
            "",
            "| strategy | test accuracy, % | ECE, % | minus mv, paired | 2 s.e. | s | seeds |",
            "|---|---|---|---|---|---|---|",
            *(row for _, row in sorted(rows, reverse=True)),
            "",
        ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--data", nargs="+", choices=[*DIGITS, "cifar10s"], default=[*DIGITS])
    parser.add_argument("--cifar10s", type=Path, help="folder of the data set")
    parser.add_argument("--strategies", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="write the table here")
    args = parser.parse_args()
    if "cifar10s" in args.data and args.cifar10s is None:
        parser.error("--data cifar10s needs --cifar10s FOLDER")
    warnings.simplefilter("ignore")
    for data in args.data:
        run(data, range(args.first_seed, args.first_seed + args.seeds), args.strategies, args)
    text = table(read(args.results))
    if args.table is not None:
        args.table.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
