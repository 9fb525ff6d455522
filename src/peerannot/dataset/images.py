"""Images of a dataset folder, and the key in a file's name that ties it to its votes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerannot._text import few, natural_key
from peerannot.answers import Ids
from peerannot.errors import DataError

__all__ = ["SPLITS", "SUFFIXES", "Image", "images_of_tasks", "list_images", "match_tasks"]

SPLITS = ("train", "val", "test")
SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
# PNG, JPEG, GIF, BMP, TIFF of both byte orders, WebP, PGM and PPM.
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF",
               b"P2", b"P3", b"P5", b"P6")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its file, and the folder that says its class."""

    path: Path
    folder: str

    @property
    def key(self) -> str:
        """What stands behind the last hyphen of the file's name: ``cat-12.png`` has ``"12"``."""
        return self.path.stem.rpartition("-")[2]

    def readings(self) -> Iterable[str]:
        """Every reading of the name as a key, the usual one first, for ids that hold hyphens."""
        parts = self.path.stem.split("-")
        for n in range(len(parts) - 1, -1, -1):
            yield "-".join(parts[n:])

    def task(self, tasks: Ids) -> int:
        """Position of its task among ``tasks`` by the first reading that is one, or -1."""
        index = tasks.index_of
        for key in self.readings():
            found = index.get(key)
            if found is None and natural_key(key)[0] == 0:
                found = index.get(str(int(key)))
            if found is not None:
                return found
        return -1


def list_images(root: Path, split: str) -> list[Image]:
    """Images under ``root/split/<class>/``, in the order of class folder and file name.

    This is the order of torchvision's ImageFolder, which pruning files of the published package
    count in. Hidden files are passed over. Links are followed to files that are images by their
    name or first bytes, since ``install`` and ``import --link`` make such links; a link to any
    other file is refused.

    Raises
    ------
    DataError
        The folder is missing, holds no image in a class folder, or a link leads to a file that is
        no image.
    """
    base = root / split
    if not base.is_dir():
        raise DataError(
            f"{base}: no such folder; images belong in {split}/<class>/<name>-<key>.png"
        )
    images = [
        Image(file, folder.name)
        for folder in sorted(p for p in base.iterdir() if p.is_dir() and p.name[0] != ".")
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    ]
    for image in images:
        if image.path.is_symlink() and not _looks_like_image(image.path.resolve()):
            raise DataError(
                f"{image.path}: a link to {image.path.resolve()}, which is no image; remove it"
            )
    if not images:
        raise DataError(
            f"{base}: no image in it; images belong in {split}/<class>/<name>-<key>.png"
        )
    return images


def _looks_like_image(file: Path) -> bool:
    if file.suffix.lower() in SUFFIXES:
        return True
    try:
        with file.open("rb") as handle:
            return handle.read(4).startswith(_BEGINNINGS)
    except OSError:
        return False


def images_of_tasks(images: Iterable[Image], tasks: Ids) -> list[Path | None]:
    """Image of each task by the key in its name; None for a task without one."""
    found: list[Path | None] = [None] * len(tasks)
    for image in images:
        task = image.task(tasks)
        if task >= 0:
            found[task] = image.path
    return found


def match_tasks(images: Sequence[Image], tasks: Ids) -> NDArray[np.int64]:
    """Position in ``tasks`` of each image, by the key in its name.

    Raises
    ------
    DataError
        An image has no task, a task has no image, or two images have one task; the message
        lists the first few.
    """
    positions = np.array([image.task(tasks) for image in images], np.int64)
    lost = np.flatnonzero(positions < 0)
    if lost.size:
        names = few(images[int(i)].path.name for i in lost)
        raise DataError(
            f"{images[0].path.parent.parent}: {lost.size} images have no votes under the key in"
            f" their name (<name>-<key>): {names}"
        )
    counts = np.bincount(positions, minlength=len(tasks))
    if (counts > 1).any():
        twice = int(np.flatnonzero(counts > 1)[0])
        same = few(images[int(i)].path.name for i in np.flatnonzero(positions == twice))
        raise DataError(
            f"{images[0].path.parent.parent}: several images have the key {tasks[twice]!r}: {same}"
        )
    absent = np.flatnonzero(counts == 0)
    if absent.size:
        raise DataError(
            f"{images[0].path.parent.parent}: {absent.size} tasks with votes have no image:"
            f" {few(tasks[int(i)] for i in absent)}; add the images, or name the tasks in"
            " --path-remove"
        )
    return positions
