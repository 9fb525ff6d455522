"""The log for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peerannot._files import storage_errors
from peerannot.learning.options import TrainOptions

__all__ = ["epoch_log"]

EpochLog = Callable[[int, Mapping[str, list[float]]], None]


@contextmanager
def epoch_log(folder: Path, options: TrainOptions, first: bool) -> Iterator[EpochLog | None]:
    """Where the trainer tells each epoch; None where nobody listens.

    A resumed run goes on in the same folder. These files hold times, unlike all others.
    """
    if not (options.tensorboard and first):
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    names = {"train_loss": "loss/train", "val_loss": "loss/val", "val_accuracy": "accuracy/val"}
    with storage_errors(folder), SummaryWriter(str(folder)) as writer:

        def tell(epoch: int, history: Mapping[str, list[float]]) -> None:
            for key, name in names.items():
                writer.add_scalar(name, history[key][epoch], epoch + 1)
            writer.add_scalar("lr", options.learning_rate(epoch), epoch + 1)

        yield tell
