"""The quick start on real images: each strategy's labels, and a small network trained on them.

    python benchmarks/quickstart.py [--data FOLDER] [--epochs 40] [--seeds 3]

Prints a table: strategy, accuracy of the labels (ties shared), seconds of aggregation, test
accuracy of the network (mean and standard error over seeds), seconds of one training.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from peerannot.aggregation import build
from peerannot.aggregation.display.output import write_labels
from peerannot.dataset import Dataset
from peerannot.learning import TrainOptions, train, train_on_votes
from peerannot.selection import evaluate

LABELS = ["MV", "NaiveSoft", "DS", "DS[diagonal=4,off_diagonal=1]", "GLAD", "WDS", "IWMV", "Wawa"]
VOTES = ["crowdlayer", "CoNAL[scale=1e-4]"]
HOME = Path(__file__).resolve().parents[2] / "shared" / "datasets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("PEERANNOT_TEST_DATA", HOME)) / "cifar10s"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--model", default="smallcnn")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if not (given.data / "answers.json").exists():
        raise SystemExit(f"{given.data} is not a data set; give --data FOLDER")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "cifar10s"
        shutil.copytree(given.data, folder)
        folder.chmod(0o755)
        measure(folder, given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    dataset = Dataset.open(folder)
    answers = dataset.answers()
    truth = np.load(folder / "ground_truth.npy")
    build("DS").fit(answers)  # compile before the clock starts
    print(f"{answers}; {given.model}, {given.epochs} epochs, {given.seeds} seeds")
    print(f"{'strategy':<32}{'labels':>8}{'seconds':>9}{'test accuracy':>18}{'seconds':>9}")
    for spec in LABELS + VOTES:
        label_accuracy, fit_seconds = "", ""
        if spec in LABELS:
            strategy = build(spec)
            strategy.fit(answers)
            start = time.perf_counter()
            result = strategy.fit(answers)
            fit_seconds = f"{time.perf_counter() - start:.3f}"
            label_accuracy = f"{evaluate(result, truth).accuracy:.4f}"
            written = write_labels(result, strategy, folder, dataset.name, spec)
        scores, start = [], time.perf_counter()
        for seed in range(given.seeds):
            options = TrainOptions(
                model=given.model, img_size=32, n_epochs=given.epochs, lr=0.05,
                scheduler="cosine", milestones=(given.epochs,), num_workers=2, seed=seed,
                data_augmentation=True,
            )  # fmt: skip
            if spec in LABELS:
                report = train(folder, labels=written.labels, options=options, output_name="x")
            else:
                report = train_on_votes(folder, strategy=spec, options=options, output_name="x")
            scores.append(report.results["test_accuracy"])
        seconds = (time.perf_counter() - start) / given.seeds
        error = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else 0.0
        tested = f"{statistics.mean(scores):.2f} ± {error:.2f} %"
        print(
            f"{spec:<32}{label_accuracy:>8}{fit_seconds:>9}{tested:>18}{seconds:>9.1f}", flush=True
        )


if __name__ == "__main__":
    main()
