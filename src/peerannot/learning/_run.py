"""Train on labels or on votes: from a dataset folder to weights and results on disk."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from peerannot._files import atomic_write, storage_errors, write_csv, write_json, write_npy
from peerannot._progress import Progress, silent
from peerannot._version import __version__
from peerannot.answers import Answers
from peerannot.dataset import Dataset
from peerannot.errors import ParameterError
from peerannot.learning._checkpoint import CheckpointFile
from peerannot.learning._held_out import HeldOut
from peerannot.learning._images import ImageStore
from peerannot.learning._learner import CrowdVotes, Learner, Objective, SoftLabels
from peerannot.learning._metrics import score, top_k
from peerannot.learning._models import build_model
from peerannot.learning._options import TrainOptions
from peerannot.learning._splits import Part, Splits, labelled_splits, voted_splits
from peerannot.learning._trainer import Outcome, Trainer, reproducible
from peerannot.learning.strategies._base import CrowdHead, EndToEnd, make_strategy

__all__ = ["TrainReport", "train", "train_on_votes"]

# Top-k accuracies are reported from this number of classes on, as the published package does.
_TOP_K_CLASSES = 8
# Options that change how fast results come, or how many, but not what they are.
_NOT_IDENTITY = {"n_epochs", "num_workers", "memory_gb"}


@dataclass(frozen=True)
class TrainReport:
    """Results of a training run and the files that hold them.

    Attributes
    ----------
    results : mapping
        What ``results/<name>.json`` holds; see `train`.
    results_file, weights_file : Path
    worker_files : tuple of Path
        Worker table, confusion matrices and common matrix, where a strategy learned them.
    resumed_at : int
        Epochs that an earlier, interrupted run had done.
    """

    results: Mapping[str, Any]
    results_file: Path
    weights_file: Path
    worker_files: tuple[Path, ...]
    resumed_at: int


def train(
    dataset: str | Path | Dataset,
    *,
    labels: str | Path,
    options: TrainOptions | None = None,
    output_name: str | None = None,
    n_classes: int | None = None,
    metadata_path: str | Path | None = None,
    path_remove: str | Path | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> TrainReport:
    """Train a network on aggregated labels.

    Parameters
    ----------
    dataset
        The dataset folder. Its ``train/`` images are matched to labels by the key in their
        names; ``val/`` and ``test/`` have a folder a class. Without ``val/``, a fifth of the
        training images validates; without ``test/``, the test metrics are null.
    labels
        ``.npy`` of soft (n, K) or hard (n,) labels, see `load_labels`.
    options
        How to train.
    output_name
        Name of the files written; by default the labels file's, without ``labels_``.
    n_classes, metadata_path
        See `Dataset.open`.
    path_remove
        File of tasks to leave out, see `peerannot.dataset.read_removed`.
    resume
        Go on from the checkpoint of an interrupted run with the same options.
    progress
        Told about images read and epochs done.

    Returns
    -------
    TrainReport
        Its ``results`` have, for each epoch, ``train_loss`` and ``val_loss`` (means over images)
        and ``val_accuracy`` (percent); for the weights of the best epoch, that of the lowest
        validation loss unless ``select`` says accuracy,
        ``test_loss``, ``test_accuracy``, ``test_balanced_accuracy`` (percent), ``test_ece`` (15
        bins), ``test_brier``, and from 8 classes on ``{val,test}_{micro,macro}_{top2,top5}``
        (0..1). Written: ``best_models/<model>/<name>.pth`` (a state dict of the network),
        ``results/<name>.json``, ``results/<name>_epochs.csv``, and the state after the last
        epoch, ``<name>.last.safetensors`` beside the weights, from which ``resume`` goes on.

    Raises
    ------
    DataError
        Images, labels or metadata are wrong; nothing is written then.
    ParameterError
        An option is wrong.
    StorageError
        A file cannot be written.
    DownloadError
        Published weights cannot be had.
    """
    options = _settle(options, "loss")
    data = _open(dataset, metadata_path, n_classes)
    name = _file_name(output_name or Path(labels).stem.removeprefix("labels_"))
    splits = labelled_splits(data, labels, path_remove=path_remove, seed=options.seed)
    folder = data.path / "best_models" / options.model.replace("/", "_")
    run = _Run(data, splits, options, name, folder, splits.train.target)
    return run.execute(
        lambda _: SoftLabels(torch.from_numpy(splits.train.target), options.label_smoothing),
        resume,
        progress,
    )


def train_on_votes(
    dataset: str | Path | Dataset,
    *,
    strategy: str | EndToEnd = "conal",
    answers: str | Path | None = None,
    options: TrainOptions | None = None,
    output_name: str | None = None,
    n_classes: int | None = None,
    metadata_path: str | Path | None = None,
    path_remove: str | Path | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> TrainReport:
    """Train a network on the votes themselves, with a model of the workers.

    Parameters
    ----------
    strategy
        An end-to-end strategy, or its name with options in brackets, ``"CoNAL[scale=1e-4]"``.
    answers
        The votes, by default ``answers.json`` of the dataset.
    output_name
        Name of the files written; by default ``<dataset>_<strategy>``.
    dataset, options, n_classes, metadata_path, path_remove, resume, progress
        As for `train`. Without ``val/``, a fifth of the training images validates, by the
        shares of their votes.

    Returns
    -------
    TrainReport
        As `train`; the network alone is validated and tested. Written besides the results:
        ``best_models/<name>.pth`` (a dictionary: ``classifier``, and the strategy's weights),
        ``results/<name>_workers.csv`` (a row a worker: ``worker, n_answers, skill``, and what
        else the strategy knows), ``results/<name>_confusion.npy`` (n_workers, n_classes,
        n_classes; ``[worker, true, answered]``), and ``results/<name>_common.npy`` where there
        is a confusion matrix common to all; and where a strategy estimates the classes of the
        tasks from votes and network together, ``results/<name>_posterior.npy`` (n_tasks,
        n_classes), whose rows ``results/<name>_posterior.csv`` names, as `train` reads them.
        Each strategy says what its matrices mean.

    Raises
    ------
    DataError, ParameterError, StorageError, DownloadError
        As `train`.
    """
    chosen, text = make_strategy(strategy)
    options = _settle(options, chosen.select)
    if options.label_smoothing:
        raise ParameterError(
            "label smoothing is of labels, not of votes; use the strategy"
            f" 'soft-labels[smoothing={options.label_smoothing:g}]'"
        )
    data = _open(dataset, metadata_path, n_classes)
    name = _file_name(output_name or f"{data.name}_{text}")
    splits = voted_splits(data, answers, path_remove=path_remove, seed=options.seed)
    votes = splits.answers
    assert votes is not None
    content = np.concatenate([votes.task, votes.worker, votes.label])
    run = _Run(data, splits, options, name, data.path / "best_models", content, chosen)
    return run.execute(
        lambda n_features: CrowdVotes(chosen.head(votes, n_features), votes), resume, progress
    )


def _open(
    dataset: str | Path | Dataset, metadata_path: str | Path | None, n_classes: int | None
) -> Dataset:
    if isinstance(dataset, Dataset):
        return dataset
    return Dataset.open(dataset, metadata_path=metadata_path, n_classes=n_classes)


def _settle(options: TrainOptions | None, select: Literal["loss", "accuracy"]) -> TrainOptions:
    """Checked options, with what "auto" means here."""
    options = options or TrainOptions()
    options.validate()
    if options.select == "auto":
        return dataclasses.replace(options, select=select)
    return options


def _file_name(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith(".") or not name.strip():
        raise ParameterError(f"output name {name!r} must be the name of a file, without folders")
    return name


@dataclass(frozen=True)
class _Run:
    dataset: Dataset
    splits: Splits
    options: TrainOptions
    name: str
    weights_folder: Path
    content: NDArray[Any]
    strategy: EndToEnd | None = None

    def execute(
        self, make_objective: Callable[[int], Objective], resume: bool, progress: Progress
    ) -> TrainReport:
        results_file = self.dataset.path / "results" / f"{self.name}.json"
        weights_file = self.weights_folder / f"{self.name}.pth"
        for file in (results_file, weights_file):
            _writable(file.parent)
        checkpoint = CheckpointFile(weights_file.with_name(f"{self.name}.last.safetensors"))
        with reproducible(self.options.seed):
            train, val, test = self._read_images(progress)
            model = build_model(self.options, self.dataset.n_classes)
            learner = Learner(model, make_objective(model.n_features))
            trainer = Trainer(
                learner,
                train,
                val,
                torch.from_numpy(self.splits.val.target),
                self.options,
                checkpoint,
                self._identity(),
            )
            learner.objective.begin(HeldOut(trainer))
            outcome = trainer.run(resume=resume, progress=progress)
            results = self._results(trainer, outcome, val, test)
        _write_weights(weights_file, learner)
        write_csv(results_file.with_name(f"{self.name}_epochs.csv"), _epochs(outcome, self.options))
        worker_files = self._write_workers(learner.objective)
        write_json(results_file, results)
        checkpoint.remove_previous()
        return TrainReport(results, results_file, weights_file, worker_files, outcome.resumed_at)

    def _read_images(self, progress: Progress) -> tuple[ImageStore, ImageStore, ImageStore | None]:
        parts = [p for p in (self.splits.train, self.splits.val, self.splits.test) if p is not None]
        options = self.options
        n_bytes = 3 * options.img_size**2 * sum(len(part.images) for part in parts)
        stores = [
            ImageStore(
                part.paths,
                options.img_size,
                threads=options.num_workers,
                keep=n_bytes <= options.memory_gb * 1e9,
                progress=progress,
            )
            for part in parts
        ]
        return stores[0], stores[1], stores[2] if len(stores) > 2 else None

    def _identity(self) -> dict[str, Any]:
        options = dataclasses.asdict(self.options)
        data = hashlib.sha256(np.ascontiguousarray(self.content).tobytes())
        for part in (self.splits.train, self.splits.val):
            data.update("\0".join(image.path.name for image in part.images).encode())
            data.update(part.target.tobytes())
        return {
            **{k: _plain(v) for k, v in options.items() if k not in _NOT_IDENTITY},
            "strategy": repr(self.strategy),
            "data": data.hexdigest(),
        }

    def _results(
        self, trainer: Trainer, outcome: Outcome, val: ImageStore, test: ImageStore | None
    ) -> dict[str, Any]:
        results: dict[str, Any] = dict(outcome.history)
        logits = trainer.predict(test) if test is not None else None
        results |= _test_scores(logits, self.splits.test)
        if self.dataset.n_classes >= _TOP_K_CLASSES:
            results |= _top_scores("val", trainer.predict(val), self.splits.val)
            results |= _top_scores("test", logits, self.splits.test)
        return results | {
            "best_epoch": outcome.best_epoch + 1,
            "n_train": len(self.splits.train.images),
            "n_val": len(self.splits.val.images),
            "n_test": len(self.splits.test.images) if self.splits.test is not None else 0,
            "strategy": repr(self.strategy) if self.strategy is not None else None,
            "options": {k: _plain(v) for k, v in dataclasses.asdict(self.options).items()},
            "versions": {"peerannot": __version__, "torch": torch.__version__},
        }

    def _write_workers(self, objective: Objective) -> tuple[Path, ...]:
        if not isinstance(objective, CrowdVotes) or self.splits.answers is None:
            return ()
        return write_worker_files(
            self.dataset.path / "results", self.name, objective.head, self.splits.answers
        )


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


def _epochs(outcome: Outcome, options: TrainOptions) -> dict[str, Any]:
    """The history as columns."""
    epochs = range(len(outcome.history["val_loss"]))
    rates = [options.learning_rate(epoch) for epoch in epochs]
    return {"epoch": [e + 1 for e in epochs], "lr": rates, **outcome.history}


def _test_scores(logits: torch.Tensor | None, part: Part | None) -> dict[str, float | None]:
    keys = ("accuracy", "loss", "ece", "balanced_accuracy", "brier")
    if logits is None or part is None:
        return {f"test_{key}": None for key in keys}
    scores = score(logits, torch.from_numpy(part.target))
    return {f"test_{key}": getattr(scores, key) for key in keys}


def _top_scores(
    split: str, logits: torch.Tensor | None, part: Part | None
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for k in (2, 5):
        pair: tuple[float | None, float | None] = (None, None)
        if logits is not None and part is not None:
            pair = top_k(logits, torch.from_numpy(part.target), k)
        found[f"{split}_micro_top{k}"], found[f"{split}_macro_top{k}"] = pair
    return found


def _write_weights(file: Path, learner: Learner) -> None:
    network = _portable(learner.classifier.net.state_dict())
    if isinstance(learner.objective, CrowdVotes):
        content: Any = {**_portable(learner.objective.head.parts()), "classifier": network}
    else:
        content = network
    with atomic_write(file) as handle:
        torch.save(content, handle)


def _portable(tree: Any) -> Any:
    """Tensors on the CPU in the usual layout, so that any PyTorch loads them."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().cpu().contiguous()
    if isinstance(tree, Mapping):
        return {key: _portable(value) for key, value in tree.items()}
    return tree


def _writable(folder: Path) -> None:
    """Fail before the training, not after it."""
    probe = folder / ".writable.tmp"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
