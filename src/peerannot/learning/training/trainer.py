"""The training loop."""

from __future__ import annotations

import logging
import math
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
from peerannot.errors import DataError, DataWarning, ParameterError, PeerannotError
from peerannot.learning.data.images import FeatureStore, Inputs
from peerannot.learning.options import TrainOptions
from peerannot.learning.results.metrics import score
from peerannot.learning.training.checkpoint import CheckpointFile
from peerannot.learning.training.learner import Learner
from peerannot.learning.training.mean import MeanWeights, copied
from peerannot.learning.training.parallel import Processes, make_fabric, share_statistics
from peerannot.learning.training.plan import Step, balanced_weights, plan_epoch
from peerannot.learning.training.reproducible import reproducible

# Fabric announces its settings as they come; ours are in the results.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

__all__ = ["Outcome", "Trainer", "reproducible"]

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
    l2 : list of float or None
        Where the head was solved for: the penalty that stands in place of each epoch.
    """

    history: Mapping[str, list[float]]
    best_epoch: int
    resumed_at: int
    l2: list[float] | None = None


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
        Where the state goes after each epoch; less often when writing it would take more than
        ``options.checkpoint_share`` of the time.
    identity
        What a checkpoint must agree in to be resumed.
    fabric
        Where to compute, launched; by default that of the options.
    on_epoch
        Told the number of each epoch that is done, from 0, and the history.
    """

    def __init__(
        self,
        learner: Learner,
        train: Inputs,
        val: Inputs,
        val_target: Tensor,
        options: TrainOptions,
        checkpoint: CheckpointFile | None = None,
        identity: Mapping[str, Any] | None = None,
        fabric: Fabric | None = None,
        on_epoch: Callable[[int, Mapping[str, list[float]]], None] | None = None,
    ) -> None:
        if fabric is None:
            fabric = make_fabric(options)
            fabric.launch()
        self.fabric, self.options, self.on_epoch = fabric, options, on_epoch
        self.processes = Processes(fabric.global_rank, fabric.world_size)
        self.learner = learner.to(memory_format=torch.channels_last)
        learner.processes = self.processes
        if self.processes.world > 1:
            if len(train) < self.processes.world:
                raise ParameterError(
                    f"{len(train)} training images for {self.processes.world} processes; ask"
                    " for fewer --devices"
                )
            share_statistics(learner.classifier.net)
        if options.compile:
            learner.classifier.net.compile()
        self.checkpoint, self.identity = checkpoint, dict(identity or {})
        self.module, self.optimizer = self.fabric.setup(self.learner, self._make_optimizer())
        self.history: dict[str, list[float]] = {
            "train_loss": [],
            "val_loss": [],
            "val_accuracy": [],
        }
        self.train, self.val, self.val_target = self.prepare(train), self.prepare(val), val_target
        self.best_epoch = -1
        self.mean = MeanWeights(self.learner, options.ema)
        self.weights: Tensor | None = None
        if options.weighted_sampling:
            self.weights = balanced_weights(self.learner.objective.class_shares())
        self.best: dict[str, Tensor] = {}
        self._saved_at, self._save_cost = -math.inf, 0.0

    def prepare(self, source: Inputs) -> Inputs:
        """The source, or the features of its images where only the head is trained on them.

        They are computed once, unless images change from epoch to epoch or the features take
        more memory than the options allow.
        """
        if isinstance(source, FeatureStore):
            return source
        model, options = self.learner.classifier, self.options
        n_bytes = 4 * len(source) * model.n_features
        fits = n_bytes <= options.memory_gb * 1e9
        changed = options.data_augmentation or options.mixup or options.cutmix
        if changed or not (model.frozen and model.separable and fits):
            return source
        return FeatureStore(self._collect(source, model.raw_features))

    def _make_optimizer(self) -> torch.optim.Optimizer:
        options = self.options
        network = [p for p in self.learner.classifier.parameters() if p.requires_grad]
        crowd = list(self.learner.objective.parameters())
        groups: list[dict[str, Any]] = [{"params": network}]
        if crowd:
            groups.append({"params": crowd, "weight_decay": 0.0})
        # One pass over memory instead of four. A fused step scales 16-bit gradients itself, too
        # late to clip them.
        scaled = options.precision == "16-mixed" and options.clip is not None
        fused = self.fabric.device.type in ("cpu", "cuda") and not scaled
        if options.optimizer == "adam":
            return torch.optim.Adam(groups, lr=options.lr, fused=fused)
        return torch.optim.SGD(
            groups,
            lr=options.lr,
            momentum=options.momentum,
            weight_decay=options.decay,
            fused=fused,
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
            train_loss = self.train_epoch(epoch)
            raw = self.mean.swap_in()
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
                self.best = copied(self.learner)
            if raw is not None:
                self.learner.load_state_dict(raw)
            stopped = self._out_of_patience(epoch)
            self._save(last=stopped or epoch + 1 == self.options.n_epochs)
            if self.on_epoch is not None:
                self.on_epoch(epoch, self.history)
            progress(
                epoch + 1,
                self.options.n_epochs,
                f"loss {train_loss:.3f}, validation {scores.loss:.3f} ({scores.accuracy:.1f} %)",
            )
            if stopped:
                break
        self.learner.load_state_dict(self.best)
        return Outcome(self.history, self.best_epoch, start)

    def predict(self, source: Inputs) -> Tensor:
        """Logits of all rows of a source, (n, n_classes) on the CPU."""
        return self._logits(self.prepare(source))

    def _logits(self, source: Inputs) -> Tensor:
        model = self.learner.classifier
        return self._collect(source, lambda inputs: model(inputs).logits)

    def _collect(self, source: Inputs, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Results of a function on all rows of a source, on the CPU."""
        self.learner.eval()
        n, fabric = len(source), self.fabric
        alone = n < self.processes.world
        own = torch.arange(n) if alone else torch.arange(n)[self.processes.part(n)]
        rows = list(torch.split(own, _EVALUATION_BATCH))
        # Nothing is learned from these, but tensors of inference mode could not be trained on.
        with torch.no_grad(), fabric.autocast():
            found = torch.cat([function(fabric.to_device(b)).float() for b in source.batches(rows)])
            return (found if alone else self.processes.gather(found, n)).cpu()

    def train_epoch(self, epoch: int) -> float:
        """Train on every image once; returns the mean loss over images.

        Every epoch has a seed of its own: a resumed run needs no state of any generator.
        """
        seeds = np.random.SeedSequence([self.options.seed, epoch]).generate_state(2)
        torch.manual_seed(int(seeds[0]))
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate(epoch)
        self.learner.objective.begin_epoch(epoch)
        self.module.train()
        least = max(2, self.processes.world)
        steps = plan_epoch(len(self.train), self.options, int(seeds[1]), self.weights, least)
        total = torch.zeros((), device=self.fabric.device)
        for step, inputs in zip(steps, self._inputs(steps), strict=True):
            total += self._step(step, inputs) * len(step.rows)
        return float(total) / sum(len(step.rows) for step in steps)

    def _inputs(self, steps: list[Step]) -> Iterator[Tensor]:
        """What this process needs of each batch: its part, or all where images are mixed."""
        whole = self._whole()
        parts = [slice(None) if whole else self.processes.part(len(s.rows)) for s in steps]
        rows = [step.rows[part] for step, part in zip(steps, parts, strict=True)]
        changes = None
        if self.options.data_augmentation:
            drawn = [step.change for step in steps]
            changes = [c[part] for c, part in zip(drawn, parts, strict=True) if c is not None]
        return self.train.batches(rows, changes)

    def _whole(self) -> bool:
        mixed = self.options.mixup or self.options.cutmix or self.learner.objective.mixes
        return self.processes.world == 1 or bool(mixed)

    def _step(self, step: Step, inputs: Tensor) -> Tensor:
        """Learn from one batch; returns its loss."""
        inputs, rows = self.fabric.to_device((inputs, step.rows))
        mixed = None
        if step.mixture is not None:
            inputs = step.mixture.apply(inputs)[self.processes.part(len(rows))]
            mixed = rows[step.mixture.partner.to(rows.device)], step.mixture.share
        loss = self.module(inputs, rows, step.seed, mixed)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.options.clip is not None:
            self.fabric.clip_gradients(self.module, self.optimizer, max_norm=self.options.clip)
        self.optimizer.step()
        self.mean.update()
        detached: Tensor = loss.detach()
        return detached

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
        if self.checkpoint is None or self.processes.rank > 0:
            return
        began = time.monotonic()
        if not last and began - self._saved_at < self._save_cost / self.options.checkpoint_share:
            return
        self.checkpoint.save(
            {
                "identity": self.identity,
                "history": self.history,
                "best_epoch": self.best_epoch,
                "best": self.best,
                "mean": self.mean.values,
                "learner": self.learner.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
        )
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - began

    def _load(self) -> dict[str, Any] | None:
        """The state on the first process's disk; other machines need not see it."""
        found: tuple[dict[str, Any] | None, DataError | None] = (None, None)
        if self.checkpoint is not None and self.processes.rank == 0:
            try:
                found = self.checkpoint.load(), None
            except DataError as error:
                found = None, error
        state, fault = self.fabric.broadcast(found)
        if fault is not None:
            raise fault
        return state

    def _resume(self) -> int:
        state = self._load()
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
        self.mean.values = {k: v.to(self.fabric.device) for k, v in state["mean"].items()}
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        _match_layout(self.optimizer)
        return done


def _match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Lay the optimizer's state out in memory as its parameters are.

    A file keeps values only; another layout may round sums differently.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value).detach()
