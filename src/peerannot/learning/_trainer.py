"""The training loop."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from peerannot._progress import Progress, silent
from peerannot.errors import DataWarning, ParameterError, PeerannotError
from peerannot.learning._checkpoint import CheckpointFile
from peerannot.learning._images import FeatureStore, Source
from peerannot.learning._learner import Learner
from peerannot.learning._metrics import score
from peerannot.learning._options import TrainOptions

# Fabric announces its settings as they come; ours are in the results.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

__all__ = ["Outcome", "Trainer", "reproducible"]

# At most this share of the time goes into checkpoints.
_CHECKPOINT_SHARE = 0.1
_EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Outcome:
    """What training did; the learner has the weights of the best epoch.

    Attributes
    ----------
    history : mapping
        ``train_loss``, ``val_loss`` (means over images) and ``val_accuracy`` (percent) of each
        epoch.
    best_epoch : int
        The epoch with the lowest validation loss (or, by option, the highest accuracy), from 0.
    resumed_at : int
        Epochs that an earlier run had done.
    """

    history: Mapping[str, list[float]]
    best_epoch: int
    resumed_at: int


class Trainer:
    """Trains a learner and keeps its best weights.

    Parameters
    ----------
    learner
        Network and objective.
    train, val
        Inputs by row; row ``i`` of ``train`` is row ``i`` of the objective.
    val_target
        Reference of the validation inputs, (n, n_classes).
    options
        How to train.
    checkpoint
        Where the state goes after each epoch; less often when writing it would take more than a
        tenth of the time.
    identity
        What a checkpoint must agree in to be resumed.
    """

    def __init__(
        self,
        learner: Learner,
        train: Source,
        val: Source,
        val_target: Tensor,
        options: TrainOptions,
        checkpoint: CheckpointFile | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.fabric = Fabric(accelerator=options.device, devices=1, precision=options.precision)
        self.fabric.launch()
        self.options = options
        self.learner = learner.to(memory_format=torch.channels_last)
        self.checkpoint, self.identity = checkpoint, dict(identity or {})
        self.module, self.optimizer = self.fabric.setup(self.learner, self._make_optimizer())
        self.history: dict[str, list[float]] = {
            "train_loss": [],
            "val_loss": [],
            "val_accuracy": [],
        }
        self.train, self.val, self.val_target = self.prepare(train), self.prepare(val), val_target
        self.best_epoch = -1
        self.mean: dict[str, Tensor] = {}
        self.best: dict[str, Tensor] = {}
        self._saved_at, self._save_cost = -math.inf, 0.0

    def prepare(self, source: Source) -> Source:
        """The source, or the features of its images where only the head is trained on them.

        They are computed once, unless images change from epoch to epoch or the features take
        more memory than the options allow.
        """
        if isinstance(source, FeatureStore):
            return source
        model, options = self.learner.classifier, self.options
        n_bytes = 4 * len(source) * model.n_features
        fits = n_bytes <= options.memory_gb * 1e9
        if not (model.frozen and model.separable and fits) or options.data_augmentation:
            return source
        return FeatureStore(_collect(self.fabric, self.learner, source, model.raw_features))

    def _make_optimizer(self) -> torch.optim.Optimizer:
        options = self.options
        network = [p for p in self.learner.classifier.parameters() if p.requires_grad]
        crowd = list(self.learner.objective.parameters())
        groups: list[dict[str, Any]] = [{"params": network}]
        if crowd:
            groups.append({"params": crowd, "weight_decay": 0.0})
        if options.optimizer == "adam":
            return torch.optim.Adam(groups, lr=options.lr)
        return torch.optim.SGD(
            groups, lr=options.lr, momentum=options.momentum, weight_decay=options.decay
        )

    def run(self, *, resume: bool = False, progress: Progress = silent) -> Outcome:
        """Train all epochs, then put the best weights back.

        Raises
        ------
        DataError
            The checkpoint to resume from is damaged, and so is the one before it.
        ParameterError
            The checkpoint belongs to a run with other options or data.
        PeerannotError
            The loss stopped being a number before any epoch was good.
        """
        start = self._resume() if resume else 0
        if start and self._out_of_patience(start - 1):
            self.learner.load_state_dict(self.best)
            return Outcome(self.history, self.best_epoch, start)
        for epoch in range(start, self.options.n_epochs):
            train_loss = self._train_epoch(epoch)
            raw = self._use_mean()
            logits = self._logits(self.val)
            if not (math.isfinite(train_loss) and bool(logits.isfinite().all())):
                self._diverged(epoch)
                break
            scores = score(logits, self.val_target)
            self.history["train_loss"].append(train_loss)
            self.history["val_loss"].append(scores.loss)
            self.history["val_accuracy"].append(scores.accuracy)
            if self._rank(epoch) < min(map(self._rank, range(epoch)), default=(math.inf,)):
                self.best_epoch = epoch
                self.best = _copy(self.learner)
            if raw is not None:
                self.learner.load_state_dict(raw)
            stopped = self._out_of_patience(epoch)
            self._save(last=stopped or epoch + 1 == self.options.n_epochs)
            progress(
                epoch + 1,
                self.options.n_epochs,
                f"loss {train_loss:.3f}, validation {scores.loss:.3f} ({scores.accuracy:.1f} %)",
            )
            if stopped:
                break
        self.learner.load_state_dict(self.best)
        return Outcome(self.history, self.best_epoch, start)

    def predict(self, source: Source) -> Tensor:
        """Logits of all rows of a source, (n, n_classes) on the CPU."""
        return self._logits(self.prepare(source))

    def _logits(self, source: Source) -> Tensor:
        model = self.learner.classifier
        return _collect(self.fabric, self.learner, source, lambda inputs: model(inputs).logits)

    def _train_epoch(self, epoch: int) -> float:
        # Every epoch has a seed of its own: a resumed run needs no state of any generator.
        seeds = np.random.SeedSequence([self.options.seed, epoch]).generate_state(2)
        torch.manual_seed(int(seeds[0]))
        generator = torch.Generator().manual_seed(int(seeds[1]))
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate(epoch)
        self.learner.objective.begin_epoch(epoch)
        self.module.train()
        rows = _batches(torch.randperm(len(self.train), generator=generator), self.options)
        total = torch.zeros((), device=self.fabric.device)
        change = generator if self.options.data_augmentation else None
        for chosen, inputs in zip(rows, self.train.batches(rows, change), strict=True):
            inputs, at = self.fabric.to_device((inputs, chosen))
            loss = self.module(inputs, at)
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            if self.options.clip is not None:
                self.fabric.clip_gradients(self.module, self.optimizer, max_norm=self.options.clip)
            self.optimizer.step()
            self._update_mean()
            total += loss.detach() * len(chosen)
        return float(total) / sum(map(len, rows))

    def _update_mean(self) -> None:
        if self.options.ema is None:
            return
        if not self.mean:
            self.mean = _copy(self.learner)
        with torch.no_grad():
            for name, value in self.learner.state_dict().items():
                if value.is_floating_point():
                    self.mean[name].lerp_(value, 1 - self.options.ema)
                else:
                    self.mean[name].copy_(value)

    def _use_mean(self) -> dict[str, Tensor] | None:
        """Put the mean weights into the learner and return those that train, if there is one."""
        if not self.mean:
            return None
        raw = _copy(self.learner)
        self.learner.load_state_dict(self.mean)
        return raw

    def _rank(self, epoch: int) -> tuple[float, ...]:
        """Smaller is better."""
        loss = self.history["val_loss"][epoch]
        if self.options.select == "accuracy":
            return -self.history["val_accuracy"][epoch], loss
        return (loss,)

    def _out_of_patience(self, epoch: int) -> bool:
        patience = self.options.patience
        return patience is not None and epoch - self.best_epoch >= patience

    def _diverged(self, epoch: int) -> None:
        problem = f"the loss is not a number in epoch {epoch + 1}; a lower --lr may help"
        if self.best_epoch < 0:
            raise PeerannotError(f"{problem} (now {self.options.lr:g})")
        warnings.warn(
            f"{problem}; training stopped with the weights of epoch {self.best_epoch + 1}",
            DataWarning,
            stacklevel=3,
        )

    def _save(self, *, last: bool) -> None:
        if self.checkpoint is None:
            return
        began = time.monotonic()
        if not last and began - self._saved_at < self._save_cost / _CHECKPOINT_SHARE:
            return
        self.checkpoint.save(
            {
                "identity": self.identity,
                "history": self.history,
                "best_epoch": self.best_epoch,
                "best": self.best,
                "mean": self.mean,
                "learner": self.learner.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
        )
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - began

    def _resume(self) -> int:
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is None:
            warnings.warn(
                "--resume: there is no checkpoint yet; training starts from the beginning",
                DataWarning,
                stacklevel=3,
            )
            return 0
        theirs = state["identity"]
        differ = sorted(
            key
            for key in theirs.keys() | self.identity.keys()
            if theirs.get(key) != self.identity.get(key)
        )
        if differ:
            raise ParameterError(
                f"--resume: the checkpoint is of a run with another {', '.join(differ)};"
                " use the same, or run without --resume"
            )
        self.history = state["history"]
        done = len(self.history["val_loss"])
        if done > self.options.n_epochs:
            raise ParameterError(
                f"--resume: the checkpoint has {done} epochs, more than --n-epochs"
                f" {self.options.n_epochs}; ask for more, or run without --resume"
            )
        self.best_epoch, self.best = state["best_epoch"], state["best"]
        self.mean = {k: v.to(self.fabric.device) for k, v in state["mean"].items()}
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        _match_layout(self.optimizer)
        return done


def _collect(
    fabric: Fabric, learner: Learner, source: Source, function: Callable[[Tensor], Tensor]
) -> Tensor:
    """Results of a function on all rows of a source, on the CPU."""
    learner.eval()
    rows = list(torch.split(torch.arange(len(source)), _EVALUATION_BATCH))
    with torch.no_grad(), fabric.autocast():
        return torch.cat(
            [function(fabric.to_device(b)).float().cpu() for b in source.batches(rows)]
        )


def _copy(learner: Learner) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in learner.state_dict().items()}


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed PyTorch and keep to algorithms of fixed results; leave no trace outside."""
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic
    fill = settings.fill_uninitialized_memory
    threads = torch.get_num_threads()
    # Compiled loops of numba raise the number in the OpenMP library that PyTorch shares, and
    # sums are rounded by it.
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    torch.set_num_threads(int(asked) if asked.isdecimal() and int(asked) else threads)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # Some CUDA kernels have no such algorithm: there it is a wish, on the CPU a promise.
        torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
        settings.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=lenient)
            settings.fill_uninitialized_memory = fill
            torch.set_num_threads(threads)


def _batches(order: Tensor, options: TrainOptions) -> list[Tensor]:
    """Rows of each batch. None has a single image, of which batch norm would learn nothing."""
    batches = list(torch.split(order, options.batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        single = batches.pop()
        batches[-1] = torch.cat([batches[-1], single])
    return [rows.repeat(2) if len(rows) == 1 else rows for rows in batches]


def _match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Lay the optimizer's state out in memory as its parameters are.

    A file keeps values only; another layout may round sums differently.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value).detach()
