"""A trained network as an ONNX file, for programs without PyTorch."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from peerannot._files import atomic_write
from peerannot._optional import require
from peerannot.errors import PeerannotError
from peerannot.learning.results.predict import TrainedModel

__all__ = ["write_onnx"]


# The exporter tells each step of its work.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)


class _Logits(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        return logits


def write_onnx(model: TrainedModel, file: Path) -> None:
    """Write a network with a free batch size.

    Input ``images``, float32 (batch, 3, S, S), normalised; output ``logits``, float32 (batch,
    n_classes). The metadata have, as JSON: ``classes``, ``mean``, ``std``, ``img_size``,
    ``interpolation``, ``crop``, ``fit`` and ``temperature``; inputs are
    (pixels / 255 - mean) / std of RGB images resized to S x S as `Eyes` says, and probabilities
    are softmax(logits / temperature).

    Raises
    ------
    MissingDependencyError
        onnx or onnxscript is not installed.
    PeerannotError
        The network has a part that ONNX does not know.
    StorageError
        The file cannot be written.
    """
    onnx = require("onnx", extra="onnx", feature="export to ONNX")
    require("onnxscript", extra="onnx", feature="export to ONNX")
    card = model.card
    if card.model == "features":
        raise PeerannotError(f"{model.file}: trained on features; it has no network for images")
    # Two images: a batch of one would be taken for a constant.
    example = torch.zeros(2, 3, card.img_size, card.img_size)
    network = _Logits(model.network.net.cpu()).eval()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter raises almost anything
        why = " ".join(str(error).split())[:160]
        raise PeerannotError(f"{card.model} cannot be written as ONNX ({why})") from error
    assert program is not None
    proto = program.model_proto
    facts = {
        "classes": card.classes,
        **card.eyes.facts(),
        "temperature": card.temperature,
        "model": card.model,
    }
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in facts.items()})
    onnx.checker.check_model(proto)
    with atomic_write(file) as handle:
        handle.write(proto.SerializeToString(deterministic=True))
