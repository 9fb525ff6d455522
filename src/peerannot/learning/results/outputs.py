"""What a training run writes: results, weights, tables and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from peerannot._files import atomic_write, write_csv, write_npy
from peerannot.answers import Answers
from peerannot.io import write_table
from peerannot.learning.data.splits import Split, Splits
from peerannot.learning.options import TrainOptions
from peerannot.learning.results.calibration import calibration, fit_temperature
from peerannot.learning.results.metrics import class_scores, confusion_counts, score, top_k
from peerannot.learning.strategies.base import CrowdHead
from peerannot.learning.training.learner import CrowdVotes, Learner
from peerannot.learning.training.trainer import Outcome

__all__ = [
    "Predicted",
    "can_draw",
    "predicted_results",
    "write_epochs",
    "write_figures",
    "write_test_files",
    "write_weights",
    "write_worker_files",
]

# Top-k accuracies are reported from this number of classes on, as the published package does.
_TOP_K_CLASSES = 8
_KINDS = {"png": ("png",), "svg": ("svg",), "both": ("png", "svg"), "none": ()}


@dataclass(frozen=True)
class Predicted:
    """Logits of the validation and test images by the best weights, and their temperature."""

    val: Tensor
    test: Tensor | None
    temperature: float

    @classmethod
    def of(cls, val: Tensor, test: Tensor | None, splits: Splits) -> Predicted:
        return cls(val, test, fit_temperature(val, torch.from_numpy(splits.val.target)))


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def predicted_results(predicted: Predicted, splits: Splits, classes: list[str]) -> dict[str, Any]:
    """The part of the results that is about the best weights."""
    val, test, temperature = predicted.val, predicted.test, predicted.temperature
    results: dict[str, Any] = dict(_test_scores(test, splits.test))
    if len(classes) >= _TOP_K_CLASSES:
        results |= _top_scores("val", val, splits.val) | _top_scores("test", test, splits.test)
    target = torch.from_numpy(splits.val.target)
    results["temperature"] = temperature
    results["calibration"] = {"val": calibration(val, target, temperature), "test": None}
    results["test_classes"] = None
    if test is not None and splits.test is not None:
        target = torch.from_numpy(splits.test.target)
        results["calibration"]["test"] = calibration(test, target, temperature)
        columns = {"class": classes, **_by_class(test, target)}
        results["test_classes"] = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    return results


def _by_class(logits: Tensor, target: Tensor) -> dict[str, list[Any]]:
    return dataclasses.asdict(class_scores(confusion_counts(logits, target)))


def write_test_files(
    folder: Path, name: str, predicted: Predicted, splits: Splits, classes: list[str]
) -> None:
    """Scores by class as CSV, and the confusion counts ``[true, predicted]``, of the test set."""
    if predicted.test is None or splits.test is None:
        return
    target = torch.from_numpy(splits.test.target)
    write_npy(folder / f"{name}_test_confusion.npy", confusion_counts(predicted.test, target))
    columns = {"class": classes, **_by_class(predicted.test, target)}
    write_table(folder / f"{name}_test_classes.csv", columns)


def write_figures(
    folder: Path,
    name: str,
    outcome: Outcome,
    predicted: Predicted,
    splits: Splits,
    classes: list[str],
    options: TrainOptions,
) -> tuple[Path, ...]:
    """Draw what the options ask for; nothing without matplotlib."""
    kinds = _KINDS[options.figures]
    if not kinds or not can_draw():
        return ()
    from peerannot.learning.results.figures import draw_confusion, draw_curves, draw_reliability

    step = "epoch" if outcome.l2 is None else "penalty"
    stem = folder / f"{name}_curves"
    files = draw_curves(stem, outcome.history, outcome.best_epoch, kinds, step)
    if predicted.test is not None and splits.test is not None:
        logits, target = predicted.test, torch.from_numpy(splits.test.target)
        counts = confusion_counts(logits, target)
        files += draw_confusion(folder / f"{name}_test_confusion", counts, classes, kinds)
        stem = folder / f"{name}_reliability"
        files += draw_reliability(stem, logits, target, predicted.temperature, kinds)
    return tuple(files)


def write_worker_files(
    folder: Path, name: str, head: CrowdHead, answers: Answers
) -> tuple[Path, ...]:
    """Write what a head knows about the workers: a table, and matrices."""
    with torch.no_grad():
        report = head.report()
    table = folder / f"{name}_workers.csv"
    columns: dict[str, Any] = {
        "worker": list(answers.workers),
        "n_answers": answers.answers_per_worker,
        "skill": report.skill,
    }
    write_csv(table, {**columns, **report.columns})
    written = [table]
    if report.posterior is not None:
        tasks = folder / f"{name}_posterior.csv"
        best = report.posterior.argmax(axis=1)
        labels = [answers.classes[label] for label in best]
        write_csv(
            tasks,
            {
                "task": list(answers.tasks),
                "label": labels,
                "confidence": report.posterior.max(axis=1),
            },
        )
        written.append(tasks)
    for suffix, matrix in (
        ("confusion", report.confusion),
        ("common", report.common),
        ("posterior", report.posterior),
    ):
        if matrix is not None:
            file = folder / f"{name}_{suffix}.npy"
            write_npy(file, matrix)
            written.append(file)
    return tuple(written)


def write_epochs(file: Path, outcome: Outcome, options: TrainOptions) -> None:
    """The history as a table, a row an epoch, or a penalty of the solved head."""
    epochs = range(len(outcome.history["val_loss"]))
    if outcome.l2 is not None:
        write_csv(file, {"l2": outcome.l2, **outcome.history})
        return
    rates = [options.learning_rate(epoch) for epoch in epochs]
    write_csv(file, {"epoch": [e + 1 for e in epochs], "lr": rates, **outcome.history})


def _test_scores(logits: Tensor | None, part: Split | None) -> dict[str, float | None]:
    keys = ("accuracy", "loss", "ece", "balanced_accuracy", "brier")
    if logits is None or part is None:
        return {f"test_{key}": None for key in keys}
    scores = score(logits, torch.from_numpy(part.target))
    return {f"test_{key}": getattr(scores, key) for key in keys}


def _top_scores(split: str, logits: Tensor | None, part: Split | None) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for k in (2, 5):
        pair: tuple[float | None, float | None] = (None, None)
        if logits is not None and part is not None:
            pair = top_k(logits, torch.from_numpy(part.target), k)
        found[f"{split}_micro_top{k}"], found[f"{split}_macro_top{k}"] = pair
    return found


def write_weights(file: Path, learner: Learner) -> None:
    """The network's state dict, with the strategy's beside it where there is one."""
    network = _portable(learner.classifier.net.state_dict())
    if isinstance(learner.objective, CrowdVotes):
        content: Any = {**_portable(learner.objective.head.parts()), "classifier": network}
    else:
        content = network
    with atomic_write(file) as handle:
        torch.save(content, handle)


def _portable(tree: Any) -> Any:
    """Tensors on the CPU in the usual layout, so that any PyTorch loads them."""
    if isinstance(tree, Tensor):
        return tree.detach().cpu().contiguous()
    if isinstance(tree, Mapping):
        return {key: _portable(value) for key, value in tree.items()}
    return tree
