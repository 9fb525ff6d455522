"""Checkpoints: one safetensors file with its own checksum, and the one before it."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from peerannot._files import atomic_write, storage_errors
from peerannot.errors import DataError, DataWarning

__all__ = ["CheckpointFile", "digest"]

# Length of a SHA-256 in hexadecimal.
_HEX = 64


class CheckpointFile:
    """A training state on disk; nothing in it is ever unpickled.

    The state is a tree of dictionaries and lists with tensors, numbers and texts as leaves.
    Tensors go to a safetensors file, the rest into its metadata as JSON, with a SHA-256 of
    both. The file is replaced as a whole, and the last but one is kept as
    ``<stem>.previous<suffix>``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.previous = path.with_name(f"{path.stem}.previous{path.suffix}")
        # Whether the file on disk is of this run; one of an older run is not kept beside ours.
        self._ours = False
        # Whether it is known to be damaged: it must not take the place of the whole one before.
        self._damaged = False

    def save(self, state: dict[str, Any]) -> None:
        """Write the state.

        Raises
        ------
        StorageError
            It could not be written; what was there before is still there.
        """
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {}
        text = json.dumps(_fold(state, tensors))
        # One entry: the library writes several in an order that changes from run to run.
        content = save(tensors, {"peerannot": digest(text, tensors) + text})
        with atomic_write(self.path) as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
            with storage_errors(self.previous):
                if not self._ours:
                    self.previous.unlink(missing_ok=True)
                elif self.path.exists() and not self._damaged:
                    self.path.replace(self.previous)
        self._ours, self._damaged = True, False

    def load(self) -> dict[str, Any] | None:
        """The newest whole state; None where there is no file.

        A damaged file is passed over with a `DataWarning`.

        Raises
        ------
        DataError
            There are files, and none is whole.
        """
        files = [path for path in (self.path, self.previous) if path.exists()]
        for path in files:
            try:
                state = _read(path)
            except DataError as error:
                if path == files[-1]:
                    raise
                self._damaged = True
                why = str(error).rpartition(";")[0]
                warnings.warn(f"{why}; trying the one before it", DataWarning, stacklevel=2)
            else:
                self._ours = True
                return state
        return None

    def remove_previous(self) -> None:
        """Delete the last but one, once training has ended."""
        self.previous.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        expected, text = metadata["peerannot"][:_HEX], metadata["peerannot"][_HEX:]
        if digest(text, tensors) != expected:
            raise ValueError("its checksum is wrong")
        state: dict[str, Any] = _unfold(json.loads(text), tensors)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        why = "it is not a checkpoint" if isinstance(error, KeyError) else error
        raise DataError(
            f"{path}: damaged checkpoint ({why}); delete it, or run without --resume"
        ) from None
    return state


def _fold(node: Any, tensors: dict[str, Tensor]) -> Any:
    """The tree as JSON; tensors move to ``tensors`` and leave their name behind."""
    if isinstance(node, Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = node.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(node, dict):
        return {"dict": [[key, _fold(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return {"list": [_fold(value, tensors) for value in node]}
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise TypeError(f"{type(node).__name__} cannot go into a checkpoint")


def _unfold(node: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, value),) = node.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: _unfold(child, tensors) for key, child in value}
    return [_unfold(child, tensors) for child in value]


def digest(text: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 of a text and of tensors on the CPU, in hexadecimal."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
