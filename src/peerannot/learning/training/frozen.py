"""Features of a frozen network: computed once for each picture, and kept by its content."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from peerannot._files import sha256
from peerannot._progress import Progress
from peerannot.dataset import Features, Image, read_features, write_features
from peerannot.errors import DataError, DataWarning
from peerannot.learning.data.eyes import Eyes
from peerannot.learning.data.images import FeatureStore, ImageStore
from peerannot.learning.networks.classifier import Classifier
from peerannot.learning.options import TrainOptions
from peerannot.learning.training.checkpoint import digest

__all__ = ["FrozenFeatures", "foreign_features", "stores_of_file"]

_BATCH = 64
# Digits of the name of a file that tell networks apart.
_SHORT = 10

Parts = Sequence[tuple[str, Sequence[Image]]]


def foreign_features(file: Path) -> Features | None:
    """Features that another program wrote; None where the file is ours, or not there yet.

    Raises
    ------
    DataError
        The file is damaged.
    """
    if not file.is_file() and file.suffix.lower() == ".npz":
        return None
    features = read_features(file)
    return None if features.network else features


def stores_of_file(features: Features, parts: Parts) -> list[FeatureStore]:
    """The features of the images of each split (its name and images), by their names.

    Raises
    ------
    DataError
        Images have no row.
    """
    taken: set[int] = set()
    found = [(split, images, features.of_images(images, split, taken)) for split, images in parts]
    for split, images, rows in found:
        lost = [image.path.name for image, row in zip(images, rows, strict=True) if row < 0]
        if lost:
            few = ", ".join(lost[:3])
            raise DataError(
                f"{features.file}: no features of {len(lost)} of the {len(images)} images in"
                f" {split}/: {few}; rows are called as images are ({split}/CLASS/NAME-KEY.png, or"
                " the key alone for tasks)"
            )
    return [FeatureStore(torch.from_numpy(features.values[rows])) for _, _, rows in found]


@dataclass(frozen=True)
class FrozenFeatures:
    """Features by one network, and the file that keeps them.

    Parameters
    ----------
    model, options, eyes
        The network, and how it sees.
    fabric
        Where to compute.
    root
        The data set.
    progress
        Told about images.
    """

    model: Classifier
    options: TrainOptions
    eyes: Eyes
    fabric: Fabric
    root: Path
    progress: Progress

    def stores(self, parts: Parts) -> list[FeatureStore]:
        """The features of the images of each split; only those not kept yet are computed.

        Raises
        ------
        DataError
            Images cannot be read; the file that was named is of another network, of other images,
            or damaged.
        StorageError
            It cannot be written.
        """
        network = self.network()
        file = self._file(network)
        kept = self._kept(file, network)
        images = [image for _, some in parts for image in some]
        with ThreadPoolExecutor(max(1, self.options.num_workers)) as pool:
            digests = list(pool.map(lambda image: sha256(image.path), images))
        values = self._values(images, digests, kept, file)
        names = [image.path.relative_to(self.root).as_posix() for image in images]
        own = set(digests)
        if kept is None or not own <= set(kept.digests):
            self._write(file, network, names, values, digests, kept)
        ends = np.cumsum([len(some) for _, some in parts])[:-1]
        return [FeatureStore(torch.from_numpy(part)) for part in np.split(values, ends)]

    def network(self) -> dict[str, Any]:
        """What features depend on, as JSON has it."""
        net, head = self.model.net, self.model.head
        of_head = {id(value) for value in head.state_dict(keep_vars=True).values()}
        body = {
            name: value.detach().cpu().contiguous()
            for name, value in net.state_dict(keep_vars=True).items()
            if id(value) not in of_head
        }
        return {
            "model": self.options.model,
            "weights": digest(self.options.stem, body),
            "precision": str(self.options.precision),
            **self.eyes.facts(),
        }

    def _file(self, network: Mapping[str, Any]) -> Path:
        if self.options.features is not None:
            return Path(self.options.features)
        whole = hashlib.sha256(repr(sorted(network.items())).encode()).hexdigest()
        name = self.options.model.replace("/", "_")
        return self.root / "features" / f"{name}-{whole[:_SHORT]}.npz"

    def _kept(self, file: Path, network: Mapping[str, Any]) -> Features | None:
        if not file.is_file():
            return None
        if self.options.features is None:
            try:
                return read_features(file)
            except DataError as error:
                why = str(error).partition(";")[0]
                warnings.warn(f"{why}; they are computed again", DataWarning, stacklevel=2)
                return None
        features = read_features(file)
        differ = [name for name in network if features.network.get(name) != network[name]]
        if differ:
            other = features.network.get("model")
            raise DataError(
                f"{file}: features by {other} with other {', '.join(differ)} than"
                f" {network['model']} here; give that network, or another file"
            )
        return features

    def _values(
        self,
        images: Sequence[Image],
        digests: Sequence[str],
        kept: Features | None,
        file: Path,
    ) -> NDArray[np.float32]:
        row_of = {} if kept is None else {name: row for row, name in enumerate(kept.digests)}
        rows = np.array([row_of.get(name, -1) for name in digests], np.int64)
        if self.options.features is not None and kept is not None and (rows < 0).all():
            raise DataError(
                f"{file}: features of other images: none of the {len(images)} here is in it; name"
                " another file"
            )
        values = np.empty((len(images), self.model.n_features), np.float32)
        have, lack = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
        if kept is not None:
            values[have] = kept.values[rows[have]]
        if lack.size:
            values[lack] = self._computed([images[int(i)].path for i in lack])
        return values

    def _computed(self, paths: list[Path]) -> NDArray[np.float32]:
        options, model = self.options, self.model
        n_bytes = 3 * self.eyes.size**2 * len(paths)
        keep = n_bytes <= options.memory_gb * 1e9
        store = ImageStore(
            paths, self.eyes, threads=options.num_workers, keep=keep, progress=self.progress
        )
        rows = list(torch.split(torch.arange(len(store)), _BATCH))
        model.to(self.fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.eval()
        found = []
        with torch.no_grad(), self.fabric.autocast():
            for number, batch in enumerate(store.batches(rows), 1):
                found.append(model.raw_features(self.fabric.to_device(batch)).float().cpu())
                self.progress(number, len(rows), "features")
        values = torch.cat(found).numpy()
        if not np.isfinite(values).all():
            raise DataError(
                f"{options.model}: features of {paths[0]} and others are not finite numbers; are"
                " its weights damaged?"
            )
        return values

    def _write(
        self,
        file: Path,
        network: Mapping[str, Any],
        names: list[str],
        values: NDArray[np.float32],
        digests: list[str],
        kept: Features | None,
    ) -> None:
        """Write all features, those of images that are not here now with them."""
        if kept is not None:
            taken, own = set(names), set(digests)
            others = [
                row
                for row, (name, content) in enumerate(zip(kept.names, kept.digests, strict=True))
                if name not in taken and content not in own
            ]
            names = names + [kept.names[row] for row in others]
            digests = digests + [kept.digests[row] for row in others]
            values = np.concatenate([values, kept.values[others]])
        write_features(file, Features(names, values, file, network, digests))
