"""The demo: a small data set from nothing, and the whole job on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from peerannot._files import atomic_write
from peerannot._progress import Progress, silent
from peerannot.aggregation import build
from peerannot.aggregation.display.output import write_labels
from peerannot.dataset import Dataset
from peerannot.selection import evaluate

__all__ = ["DemoReport", "DemoRow", "run_demo"]

STRATEGIES = ("MV", "NaiveSoft", "DS", "GLAD", "WDS")
END_TO_END = ("crowdlayer", "CoNAL")


@dataclass(frozen=True)
class DemoRow:
    """One line of the demo's table.

    Attributes
    ----------
    strategy : str
    label_accuracy : float or None
        Share of tasks whose aggregated label is the truth, ties shared; None for a strategy
        that trains on the votes.
    test_accuracy : float or None
        Share of test images that the network trained on it gets right; None if not trained.
    """

    strategy: str
    label_accuracy: float | None
    test_accuracy: float | None


@dataclass(frozen=True)
class DemoReport:
    """What the demo did and where its files are."""

    folder: Path
    n_tasks: int
    n_workers: int
    n_answers: int
    answer_accuracy: float
    least_trusted: Sequence[str]
    most_ambiguous: Sequence[str]
    page: Path
    rows: Sequence[DemoRow]


def run_demo(
    folder: str | Path, *, epochs: int = 10, seed: int = 0, progress: Progress = silent
) -> DemoReport:
    """Build the digits data set in ``folder``, aggregate, identify, train, report.

    Parameters
    ----------
    folder
        Where to work; an earlier demo there is replaced.
    epochs
        Training epochs of each network.
    seed
        Seed of the crowd and of the training.
    progress
        Told what is being done.

    Raises
    ------
    MissingDependencyError
        An extra that the demo needs is not installed (``peerannot[demo]``).
    """
    from peerannot.learning import TrainOptions, train, train_on_votes
    from peerannot.report import read_source, render
    from peerannot.simulation import digits

    folder = Path(folder)
    steps = 2 + len(STRATEGIES) + 2 + len(END_TO_END)
    progress(0, steps, "drawing digits and asking a simulated crowd")
    simulation = digits(folder, seed=seed)
    truth = np.asarray(simulation.truth, dtype=np.int64)
    dataset = Dataset.open(folder)
    answers = dataset.answers()
    accuracy: dict[str, float] = {}
    for step, spec in enumerate(STRATEGIES, 1):
        progress(step, steps, f"aggregating with {spec}")
        strategy = build(spec)
        result = strategy.fit(answers)
        write_labels(result, strategy, folder, dataset.name, spec)
        accuracy[spec] = evaluate(result, truth).accuracy
        if spec == "NaiveSoft":
            ambiguous = [answers.tasks[int(i)] for i in np.argsort(-result.entropy)[:5]]
        if spec == "DS" and result.skill is not None:
            skill = result.skill
            doubtful = [answers.workers[int(j)] for j in np.argsort(skill, kind="stable")[:5]]
    options = TrainOptions(
        model="smallcnn", img_size=32, n_epochs=epochs, lr=0.05, scheduler="cosine",
        milestones=(epochs,), num_workers=2, seed=seed,
    )  # fmt: skip
    tested: dict[str, float] = {}
    step = 1 + len(STRATEGIES)
    for spec in ("MV", "DS"):
        progress(step, steps, f"training on the labels of {spec}")
        labels = folder / "labels" / f"labels_{dataset.name}_{spec}.npy"
        report = train(folder, labels=labels, options=options, output_name=f"demo_{spec}")
        tested[spec] = report.results["test_accuracy"] / 100
        step += 1
    for spec in END_TO_END:
        progress(step, steps, f"training on the votes with {spec}")
        report = train_on_votes(folder, strategy=spec, options=options, output_name=f"demo_{spec}")
        tested[spec] = report.results["test_accuracy"] / 100
        step += 1
    progress(step, steps, "writing the report")
    page = folder / "report.html"
    with atomic_write(page) as handle:
        handle.write(render(read_source(dataset)))
    progress(steps, steps, "done")
    return DemoReport(
        folder=folder,
        n_tasks=answers.n_tasks,
        n_workers=answers.n_workers,
        n_answers=answers.n_answers,
        answer_accuracy=float((answers.label == truth[answers.task]).mean()),
        least_trusted=doubtful,
        most_ambiguous=ambiguous,
        page=page,
        rows=[
            DemoRow(spec, accuracy.get(spec), tested.get(spec))
            for spec in (*STRATEGIES, *END_TO_END)
        ],
    )
