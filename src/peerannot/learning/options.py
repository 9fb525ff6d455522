"""The options of a training run, shared by both ways to train and by the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peerannot._options import check, option
from peerannot.errors import ParameterError

__all__ = ["TrainOptions"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How a network is trained. The defaults are those of the published package.

    Every option has its meaning and limits beside it; `peerannot.learning.train` checks them.
    """

    model: str = option("resnet18", help="Network, by its name in `peerannot modelinfo`.")
    img_size: int | None = option(
        None,
        at_least=1,
        help="Images are resized to this square, in pixels; by default that of the published"
        " weights, or 224.",
    )
    normalize: str = option(
        "auto",
        help="Mean and deviation of the pixels: auto, as the weights were trained, else"
        " ImageNet's; imagenet; or MEAN/STD, such as .5/.5.",
    )
    pretrained: bool = option(False, help="Start from published weights (downloaded once).")
    weights: str | Path | None = option(
        None, help="Start from the weights in a file: safetensors, or PyTorch's without pickles."
    )
    freeze: bool = option(False, help="Train the last layer only; the rest keeps its weights.")
    features: str | Path | None = option(
        None,
        help="Features instead of images, with --freeze: a file of any program (.npz, .npy,"
        " .parquet, .csv), or a .npz to keep the network's in; by default they are kept in"
        " DATASET/features.",
    )
    n_epochs: int = option(100, at_least=1, help="Passes over the training set.")
    lr: float = option(0.1, above=0, help="Learning rate.")
    momentum: float = option(0.9, at_least=0, below=1, help="Momentum of SGD.")
    decay: float = option(5e-4, at_least=0, help="Weight decay of SGD.")
    scheduler: Literal["multistep", "cosine", "none"] = option(
        "multistep",
        help="Learning rate: times --lr-decay at each milestone; cosine with restarts every"
        " (first milestone) epochs; or none, constant.",
    )
    milestones: tuple[int, ...] = option((50,), help="Epochs of the schedule.")
    lr_decay: float = option(0.1, above=0, at_most=1, help="Factor of the multistep schedule.")
    optimizer: Literal["sgd", "adam"] = option("sgd", help="SGD or Adam.")
    batch_size: int = option(64, at_least=1, help="Images in a batch.")
    data_augmentation: bool = option(
        False,
        help="Change each training image at random: shear by up to 15 degrees, mirror, or crop.",
    )
    num_workers: int = option(1, at_least=0, help="Threads that decode images.")
    stem: Literal["auto", "small", "full"] = option(
        "auto",
        help="First layers of a ResNet: small keeps all pixels; auto: small below 65 pixels.",
    )
    n_params: int | None = option(
        None, at_least=1, help="Inputs of the logistic regression: 3 x img-size x img-size."
    )
    memory_gb: float = option(
        4.0, at_least=0, help="Keep decoded images in memory up to this size, in GB."
    )
    warmup: int = option(0, at_least=0, help="First epochs with a rate that rises from nothing.")
    label_smoothing: float = option(
        0.0, at_least=0, below=1, help="Part of the uniform distribution in training labels."
    )
    mixup: float = option(
        0.0, at_least=0, help="Mix images and labels in pairs, shares of Beta(MIXUP, MIXUP)."
    )
    cutmix: float = option(
        0.0,
        at_least=0,
        help="Paste a box of one image into another, as large as Beta(CUTMIX).",
    )
    weighted_sampling: bool = option(
        False, help="Draw images of every class equally often, however many there are."
    )
    clip: float | None = option(None, above=0, help="Largest norm of a gradient.")
    ema: float | None = option(
        None, above=0, below=1, help="Judge the running mean of the weights, of this decay."
    )
    select: Literal["auto", "loss", "accuracy"] = option(
        "auto",
        help="Keep the weights of the best validation loss or accuracy; auto: loss, but accuracy"
        " for strategies whose network gives no calibrated probabilities.",
    )
    patience: int | None = option(
        None, at_least=1, help="Stop after so many epochs without a better one."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", help="Where to compute.")
    devices: int = option(
        1, at_least=1, help="Devices of this machine, a process each; a batch is shared out."
    )
    num_nodes: int = option(1, at_least=1, help="Machines, each with as many devices.")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = option(
        "32-true", help="Arithmetic of the network."
    )
    compile: bool = option(False, help="Compile the network first (torch.compile).")
    checkpoint_share: float = option(
        0.1,
        above=0,
        help="Time for checkpoints, at most, as a share of that for training; a large number"
        " writes one after each epoch.",
    )
    figures: Literal["png", "svg", "both", "none"] = option(
        "png", help="Curves, confusion matrix and reliability diagram in results/."
    )
    tensorboard: bool = option(False, help="Log for TensorBoard in results/NAME_tensorboard/.")
    seed: int = option(0, at_least=0, help="Seed of every random choice.")

    def validate(self) -> None:
        """Check every option.

        Raises
        ------
        ParameterError
            The first option that has a value it cannot have.
        """
        check(self)
        good = isinstance(self.milestones, tuple) and self.milestones
        if not good or any(not _whole(m) or m < 1 for m in self.milestones):
            raise ParameterError(
                f"TrainOptions: milestones must be whole numbers >= 1, not {self.milestones!r}"
            )
        # Help is shown without NumPy.
        from peerannot.learning.data.eyes import parse_normalize

        parse_normalize(self.normalize)
        changes = (self.data_augmentation, self.mixup, self.cutmix)
        if self.features is not None and any(changes):
            raise ParameterError(
                "--features are computed once: drop --data-augmentation, --mixup and --cutmix"
            )
        inputs = 3 * self.size**2
        logistic = self.model.casefold().startswith("logistic")
        if logistic and self.n_params not in (None, inputs):
            raise ParameterError(
                f"--n-params {self.n_params} contradicts --img-size {self.size}, which"
                f" makes 3 x {self.size} x {self.size} = {inputs} inputs; drop one"
            )

    @property
    def size(self) -> int:
        """Side of the images, 224 where nothing says otherwise."""
        return _SIZE if self.img_size is None else self.img_size

    def learning_rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 0.

        ``multistep`` multiplies by ``lr_decay`` at each milestone; ``cosine`` falls to 1e-4 and
        starts again every ``milestones[0]`` epochs (SGDR, Loshchilov and Hutter, ICLR 2017).
        Epoch ``e`` of the first ``warmup`` has ``(e + 1) / (warmup + 1)`` of its rate.
        """
        return self._scheduled(epoch) * min(1.0, (epoch + 1) / (self.warmup + 1))

    def _scheduled(self, epoch: int) -> float:
        if self.scheduler == "multistep":
            return self.lr * self.lr_decay ** sum(m <= epoch for m in self.milestones)
        if self.scheduler == "cosine":
            period = self.milestones[0]
            part = (1 + math.cos(math.pi * (epoch % period) / period)) / 2
            return _LOWEST + (self.lr - _LOWEST) * part
        return self.lr


_SIZE = 224
# The floor of the published cosine schedule.
_LOWEST = 1e-4


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
