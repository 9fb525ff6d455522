"""Train on labels or on votes: from a dataset folder to weights and results on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from peerannot._file_set import file_set
from peerannot._files import storage_errors, write_json
from peerannot._optional import require
from peerannot._progress import Progress, silent
from peerannot._version import __version__
from peerannot.dataset import Dataset, Features
from peerannot.errors import DataWarning, ParameterError
from peerannot.learning.data.eyes import Eyes
from peerannot.learning.data.held_out import HeldOut
from peerannot.learning.data.splits import Splits, labelled_splits, voted_splits
from peerannot.learning.networks.model_file import ModelCard, write_model
from peerannot.learning.networks.models import build_model
from peerannot.learning.networks.own_eyes import resolved
from peerannot.learning.options import TrainOptions
from peerannot.learning.results.outputs import (
    Predicted,
    can_draw,
    predicted_results,
    write_epochs,
    write_figures,
    write_test_files,
    write_weights,
    write_worker_files,
)
from peerannot.learning.strategies.base import EndToEnd, make_strategy
from peerannot.learning.training.checkpoint import CheckpointFile
from peerannot.learning.training.inputs import read_inputs, with_features
from peerannot.learning.training.learner import CrowdVotes, Learner, Objective, SoftTargets
from peerannot.learning.training.parallel import make_fabric, process_group
from peerannot.learning.training.solve import run_or_solve
from peerannot.learning.training.tensorboard import epoch_log
from peerannot.learning.training.trainer import Outcome, Trainer, reproducible

__all__ = ["TrainReport", "train", "train_on_votes"]

# Options that change how fast results come, or how many, but not what they are.
_NOT_IDENTITY = {
    "checkpoint_share",
    "devices",
    "figures",
    "features",
    "memory_gb",
    "n_epochs",
    "num_nodes",
    "num_workers",
    "tensorboard",
}


@dataclass(frozen=True)
class TrainReport:
    """Results of a training run and the files that hold them.

    Attributes
    ----------
    results : mapping
        What ``results/<name>.json`` holds; see `train`.
    results_file : Path
    weights_file : Path
        The best weights as PyTorch's state dict.
    model_file : Path
        The same as safetensors, with all that `load_model` needs to predict.
    worker_files : tuple of Path
        Worker table, confusion matrices and common matrix, where a strategy learned them.
    figure_files : tuple of Path
    resumed_at : int
        Epochs that an earlier, interrupted run had done.
    """

    results: Mapping[str, Any]
    results_file: Path
    weights_file: Path
    model_file: Path
    worker_files: tuple[Path, ...]
    figure_files: tuple[Path, ...]
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
        (0..1); ``temperature``, fitted on the validation set, and ``calibration``, ECE, Brier
        score and NLL before and after division by it; ``test_classes``, precision, recall, F1
        and support by class. Written: ``best_models/<model>/<name>.pth`` (a state dict of the
        network), ``<name>.safetensors`` beside it (the same and what `load_model` needs), and
        ``<name>.last.safetensors`` (the state after the last epoch, from which ``resume`` goes
        on); in ``results/``: ``<name>.json``, ``<name>_epochs.csv``, ``<name>_test_classes.csv``,
        ``<name>_test_confusion.npy`` (n_classes, n_classes; ``[true, predicted]``), and the
        figures ``<name>_curves.png``, ``<name>_test_confusion.png``, ``<name>_reliability.png``.

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
    options, eyes, foreign = with_features(*_settle(options, "loss"))
    data = _open(dataset, metadata_path, n_classes)
    name = _file_name(output_name or Path(labels).stem.removeprefix("labels_"))
    splits = labelled_splits(data, labels, path_remove=path_remove, seed=options.seed)
    folder = data.path / "best_models" / options.model.replace("/", "_")
    run = _Run(data, splits, options, eyes, name, folder, splits.train.target, foreign=foreign)
    return run.execute(
        lambda _: SoftTargets(torch.from_numpy(splits.train.target), options.label_smoothing),
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
    options, eyes, foreign = with_features(*_settle(options, chosen.select))
    if options.label_smoothing:
        raise ParameterError(
            "label smoothing is of labels, not of votes; use the strategy"
            f" 'soft-labels[smoothing={options.label_smoothing:g}]'"
        )
    if options.mixup or options.cutmix:
        raise ParameterError(
            "--mixup and --cutmix mix labels, and a vote is not mixed so; use the strategy"
            " annot-mix, or aggregate first and use `peerannot train`"
        )
    data = _open(dataset, metadata_path, n_classes)
    name = _file_name(output_name or f"{data.name}_{text}")
    splits = voted_splits(data, answers, path_remove=path_remove, seed=options.seed)
    votes = splits.answers
    assert votes is not None
    content = np.concatenate([votes.task, votes.worker, votes.label])
    folder = data.path / "best_models"
    run = _Run(data, splits, options, eyes, name, folder, content, chosen, foreign)
    return run.execute(
        lambda n_features: CrowdVotes(chosen.head(votes, n_features), votes), resume, progress
    )


def _open(
    dataset: str | Path | Dataset, metadata_path: str | Path | None, n_classes: int | None
) -> Dataset:
    if isinstance(dataset, Dataset):
        return dataset
    return Dataset.open(dataset, metadata_path=metadata_path, n_classes=n_classes)


def _settle(
    options: TrainOptions | None, select: Literal["loss", "accuracy"]
) -> tuple[TrainOptions, Eyes]:
    """Checked options, with what "auto" means here, and how the network sees images."""
    options = options or TrainOptions()
    options.validate()
    if options.select == "auto":
        options = dataclasses.replace(options, select=select)
    return resolved(options)


def _file_name(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith(".") or not name.strip():
        raise ParameterError(f"output name {name!r} must be the name of a file, without folders")
    return name


@dataclass(frozen=True)
class _Run:
    dataset: Dataset
    splits: Splits
    options: TrainOptions
    eyes: Eyes
    name: str
    weights_folder: Path
    content: NDArray[Any]
    strategy: EndToEnd | None = None
    foreign: Features | None = None

    def execute(
        self, make_objective: Callable[[int], Objective], resume: bool, progress: Progress
    ) -> TrainReport:
        results = self.dataset.path / "results"
        weights_file = self.weights_folder / f"{self.name}.pth"
        fabric = make_fabric(self.options)
        self._check_extras()
        if fabric.global_rank == 0:
            for folder in (self.dataset.path, results, self.weights_folder):
                _writable(folder)
        checkpoint = CheckpointFile(weights_file.with_name(f"{self.name}.last.safetensors"))
        with reproducible(self.options.seed), process_group(fabric) as processes:
            model = build_model(self.options, self.dataset.n_classes)
            train, val, test = read_inputs(
                model,
                self.splits,
                self.options,
                self.eyes,
                self.foreign,
                fabric,
                self.dataset.path,
                progress,
            )
            learner = Learner(model, make_objective(model.n_features))
            first = processes.rank == 0
            with epoch_log(results / f"{self.name}_tensorboard", self.options, first) as log:
                trainer = Trainer(
                    learner,
                    train,
                    val,
                    torch.from_numpy(self.splits.val.target),
                    self.options,
                    checkpoint,
                    self._identity(),
                    fabric,
                    log,
                )
                learner.objective.begin(HeldOut(trainer))
                outcome = run_or_solve(trainer, resume=resume, progress=progress)
            logits = trainer.predict(test) if test is not None else None
            # Already features where only a head was trained.
            val_logits = trainer.predict(trainer.val)
            report = None
            if first:
                predicted = Predicted.of(val_logits, logits, self.splits)
                report = self._write(weights_file, learner, outcome, predicted)
                checkpoint.remove_previous()
            return cast(TrainReport, fabric.broadcast(report))

    def _write(
        self, weights_file: Path, learner: Learner, outcome: Outcome, predicted: Predicted
    ) -> TrainReport:
        """Write everything, or nothing; the results last."""
        root, name, splits = self.dataset.path, self.name, self.splits
        classes = list(self.dataset.classes)
        results = self._results(outcome, predicted)
        with file_set(root) as files:
            folder = files.at(f"results/{name}").parent
            weights = files.at(weights_file.relative_to(root))
            model = weights.with_suffix(".safetensors")
            write_weights(weights, learner)
            card = ModelCard.of(
                self.options,
                self.eyes,
                classes,
                predicted.temperature,
                outcome.best_epoch,
                self.strategy,
            )
            write_model(model, learner.classifier.net.state_dict(), card)
            write_epochs(folder / f"{name}_epochs.csv", outcome, self.options)
            write_test_files(folder, name, predicted, splits, classes)
            workers: tuple[Path, ...] = ()
            if isinstance(learner.objective, CrowdVotes) and splits.answers is not None:
                workers = write_worker_files(folder, name, learner.objective.head, splits.answers)
            figures = write_figures(folder, name, outcome, predicted, splits, classes, self.options)
            write_json(folder / f"{name}.json", results)
            files.manifest(f"results/.{name}.peerannot.json", {"schema": "peerannot/training/1"})
            files.last(f"results/{name}.json")
            return TrainReport(
                results,
                files.final(folder / f"{name}.json"),
                files.final(weights),
                files.final(model),
                tuple(map(files.final, workers)),
                tuple(map(files.final, figures)),
                outcome.resumed_at,
            )

    def _identity(self) -> dict[str, Any]:
        options = dataclasses.asdict(self.options)
        data = hashlib.sha256(np.ascontiguousarray(self.content).tobytes())
        for part in (self.splits.train, self.splits.val):
            data.update("\0".join(image.path.name for image in part.images).encode())
            data.update(part.target.tobytes())
        return {
            **{k: _plain(v) for k, v in options.items() if k not in _NOT_IDENTITY},
            "normalize": [*self.eyes.mean, *self.eyes.std],
            "strategy": repr(self.strategy),
            "data": data.hexdigest(),
        }

    def _results(self, outcome: Outcome, predicted: Predicted) -> dict[str, Any]:
        results: dict[str, Any] = dict(outcome.history)
        if outcome.l2 is not None:
            results["l2"] = outcome.l2
        results |= predicted_results(predicted, self.splits, list(self.dataset.classes))
        return results | {
            "best_epoch": outcome.best_epoch + 1,
            "n_train": len(self.splits.train.images),
            "n_val": len(self.splits.val.images),
            "n_test": len(self.splits.test.images) if self.splits.test is not None else 0,
            "strategy": repr(self.strategy) if self.strategy is not None else None,
            "options": {k: _plain(v) for k, v in dataclasses.asdict(self.options).items()},
            "versions": {"peerannot": __version__, "torch": torch.__version__},
        }

    def _check_extras(self) -> None:
        """Say before the training what will be missing after it."""
        if self.options.tensorboard:
            require("tensorboard", extra="tensorboard", feature="--tensorboard")
        if self.options.figures != "none" and not can_draw():
            warnings.warn(
                "no figures are drawn without matplotlib: pip install 'peerannot[report]', or"
                " give --figures none",
                DataWarning,
                stacklevel=3,
            )


def _writable(folder: Path) -> None:
    """Fail before the training, not after it."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
