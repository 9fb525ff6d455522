"""Images decoded once and kept as bytes, or decoded batch by batch where they do not fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peerannot._progress import Progress, silent
from peerannot._text import few
from peerannot.dataset import UnreadableImageError, bad_images
from peerannot.errors import DataError, DataWarning
from peerannot.learning.data.augment import apply_changes
from peerannot.learning.data.eyes import Eyes

__all__ = ["FeatureStore", "ImageStore", "Inputs", "read_image"]


class Inputs:
    """Inputs of a network, by row."""

    def __len__(self) -> int:
        raise NotImplementedError

    def batches(
        self, rows: Sequence[Tensor], changes: Sequence[Tensor] | None = None
    ) -> Iterator[Tensor]:
        """The inputs of each list of rows, changed as `draw_changes` drew for each."""
        raise NotImplementedError


class FeatureStore(Inputs):
    """Features of images, computed once: (n, n_features)."""

    def __init__(self, features: Tensor) -> None:
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def batches(
        self, rows: Sequence[Tensor], changes: Sequence[Tensor] | None = None
    ) -> Iterator[Tensor]:
        for chosen in rows:
            yield self.features[chosen]


class ImageStore(Inputs):
    """Images as square arrays of bytes.

    Parameters
    ----------
    paths
        The files, in the order of rows.
    eyes
        How images are resized and normalised; or the side of the square in pixels to which they
        are resized whatever their shape, as torchvision's ``Resize((size, size))`` does.
    threads
        Threads that decode.
    keep
        Decode everything now and keep it (``3 * size**2`` bytes an image); otherwise images are
        decoded for each batch, the next batch while the present one trains.
    skip
        Leave out images that cannot be read, with a `DataWarning`; `paths` has the others.
    progress
        Told about each image.

    Attributes
    ----------
    bad : list of (Path, str)
        Images that cannot be read, and why.

    Raises
    ------
    DataError
        Some images cannot be read; the message lists the first few. Both ways of keeping check
        every image here, before training starts.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        eyes: Eyes | int,
        *,
        threads: int = 1,
        keep: bool = True,
        skip: bool = False,
        progress: Progress = silent,
    ) -> None:
        self.paths = list(paths)
        self.eyes = Eyes(eyes) if isinstance(eyes, int) else eyes
        size = self.eyes.size
        self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="decode")
        self._pixels: Tensor | None = None
        pixels = np.empty((len(self.paths), size, size, 3), np.uint8) if keep else None
        bad: list[tuple[Path, str]] = []
        self.bad = bad

        def load(row: int) -> None:
            try:
                if pixels is None:
                    # A small draft of a JPEG tells whether the file is whole, at less cost.
                    read_image(self.paths[row], 1)
                else:
                    pixels[row] = self.eyes.read(self.paths[row])
            except UnreadableImageError as error:
                bad.append((self.paths[row], error.why))

        for done, _ in enumerate(self._pool.map(load, range(len(self.paths))), 1):
            progress(done, len(self.paths), "reading images")
        if bad:
            bad.sort()
            what = few((f"{path} ({why})" for path, why in bad), 3)
            problem = f"{len(bad)} images cannot be read: {what}"
            if not skip or len(bad) == len(self.paths):
                error = DataError(f"{problem}; mend or remove them")
                error.facts = bad_images(bad)
                raise error
            warnings.warn(f"{problem}; they are left out", DataWarning, stacklevel=3)
            faulty = {path for path, _ in bad}
            good = [row for row, path in enumerate(self.paths) if path not in faulty]
            self.paths = [self.paths[row] for row in good]
            pixels = None if pixels is None else pixels[good]
        if pixels is not None:
            self._pixels = torch.from_numpy(pixels)
        self._mean = torch.tensor(self.eyes.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(self.eyes.std).view(1, 3, 1, 1)

    def __len__(self) -> int:
        return len(self.paths)

    def batches(
        self, rows: Sequence[Tensor], changes: Sequence[Tensor] | None = None
    ) -> Iterator[Tensor]:
        """Normalised float32 images (n, 3, size, size), channels last in memory."""
        for number, pixels in enumerate(self._bytes(rows)):
            batch = pixels.permute(0, 3, 1, 2).float().div_(255)
            if changes is not None:
                batch = apply_changes(batch, changes[number])
            yield batch.sub_(self._mean).div_(self._std)

    def _bytes(self, rows: Sequence[Tensor]) -> Iterator[Tensor]:
        if self._pixels is not None:
            for chosen in rows:
                yield self._pixels[chosen]
            return
        ahead: list[Future[NDArray[np.uint8]]] = []
        for number, chosen in enumerate(rows):
            current = ahead or self._submit(chosen)
            ahead = self._submit(rows[number + 1]) if number + 1 < len(rows) else []
            yield torch.from_numpy(np.stack([future.result() for future in current]))

    def _submit(self, rows: Tensor) -> list[Future[NDArray[np.uint8]]]:
        return [self._pool.submit(self.eyes.read, self.paths[row]) for row in rows.tolist()]


def read_image(path: Path, size: int) -> NDArray[np.uint8]:
    """Read an image as RGB bytes (size, size, 3), squashed to a square."""
    return Eyes(size).read(path)
