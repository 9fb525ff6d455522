"""Train networks on aggregated labels or directly on votes.

>>> from peerannot.learning import TrainOptions, train
>>> options = TrainOptions(model="resnet18", img_size=32, n_epochs=100)
>>> report = train("cifar10s", labels="labels.npy", options=options)  # doctest: +SKIP

Importing this package is quick; PyTorch is imported on first use of a function.

To add an end-to-end strategy, write one file in ``peerannot/learning/strategies`` with a class
under ``@STRATEGIES.register(...)``. Another distribution does the same with an entry point, see
``docs/extending.md``; all that either needs is exported here.
"""

from typing import TYPE_CHECKING, Any

from peerannot._lazy import resolve
from peerannot._optional import require
from peerannot._options import option
from peerannot.learning.data.labels import find_file, load_labels
from peerannot.learning.options import TrainOptions
from peerannot.learning.strategies import strategy_names

if TYPE_CHECKING:
    from peerannot.learning.networks.classifier import Outputs
    from peerannot.learning.networks.models import build_model
    from peerannot.learning.networks.names import list_models
    from peerannot.learning.networks.onnx import write_onnx
    from peerannot.learning.results.predict import Predictions, TrainedModel, load_model, predict
    from peerannot.learning.strategies.base import (
        STRATEGIES,
        BatchVotes,
        CrowdHead,
        EndToEnd,
        Run,
        WorkerReport,
        mean_diagonal,
        refuse_if_large,
        rows_of,
        to_numpy,
        vote_loss,
    )
    from peerannot.learning.training.run import TrainReport, train, train_on_votes

__all__ = [
    "STRATEGIES",
    "BatchVotes",
    "CrowdHead",
    "EndToEnd",
    "Outputs",
    "Predictions",
    "Run",
    "TrainOptions",
    "TrainReport",
    "TrainedModel",
    "WorkerReport",
    "build_model",
    "find_file",
    "list_models",
    "load_labels",
    "load_model",
    "mean_diagonal",
    "option",
    "predict",
    "refuse_if_large",
    "rows_of",
    "strategy_names",
    "to_numpy",
    "train",
    "train_on_votes",
    "vote_loss",
    "write_onnx",
]

_FOR_STRATEGIES = (
    "STRATEGIES",
    "CrowdHead",
    "EndToEnd",
    "Run",
    "BatchVotes",
    "WorkerReport",
    "mean_diagonal",
    "refuse_if_large",
    "rows_of",
    "to_numpy",
    "vote_loss",
)

_HOMES = {
    **dict.fromkeys(_FOR_STRATEGIES, "strategies.base"),
    "Outputs": "networks.classifier",
    "Predictions": "results.predict",
    "TrainReport": "training.run",
    "TrainedModel": "results.predict",
    "build_model": "networks.models",
    "list_models": "networks.names",
    "load_model": "results.predict",
    "predict": "results.predict",
    "train": "training.run",
    "train_on_votes": "training.run",
    "write_onnx": "networks.onnx",
}
_NEEDS = ("torch", "lightning_fabric", "safetensors")


def __getattr__(name: str) -> Any:
    for module in _NEEDS if name in _HOMES else ():
        require(module, extra="deep", feature="training")
    return resolve(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
