"""The base of peerannot's own recipes; a user's recipe needs no base."""

from __future__ import annotations

import inspect
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from peerannot._files import write_json
from peerannot._names import folder_names
from peerannot._progress import Progress, silent
from peerannot._text import natural_key
from peerannot.dataset._archive import LIMITS, Limits, unpack
from peerannot.dataset._download import Remote, fetch
from peerannot.dataset._stage import Stage, staged
from peerannot.errors import DataError, DownloadError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Recipe", "write_votes"]

logger = logging.getLogger("peerannot.dataset")

Votes = Mapping[int, Mapping[int, int]]


def write_votes(path: Path, votes: Mapping[Any, Mapping[Any, int]]) -> None:
    """Write ``{task: {worker: label}}`` with tasks and workers in the order of their ids."""
    document = {
        str(task): {str(w): votes[task][w] for w in sorted(votes[task], key=_order)}
        for task in sorted(votes, key=_order)
    }
    write_json(path, document, indent=None)


def _order(key: Any) -> tuple[int, int, str]:
    return natural_key(str(key))


class Recipe:
    """What a recipe needs: its folder, downloads, safe unpacking, and building aside.

    A recipe is a class in a ``.py`` file with ``setfolders()``, which makes ``train/``, ``val/``
    and ``test/``, and ``get_crowd_labels()``, which makes ``answers.json``; both write under
    `building`. ``peerannot install FILE`` runs it.

    Attributes
    ----------
    name : str
        Name in the cache and on a mirror.
    DIR : Path
        The folder of the recipe's file, where the dataset is built.
    """

    name: ClassVar[str]
    progress: Progress = staticmethod(silent)

    def __init__(self) -> None:
        self.DIR = Path(inspect.getfile(type(self))).parent.resolve()
        self._stage: Stage | None = None

    def fetch(self, remote: Remote, *, of: str | None = None) -> Path:
        """A file here, downloaded unless it is in the cache or in ``DIR/downloads``.

        ``of`` names another recipe whose download it is, so that both share it in the cache.

        Raises
        ------
        DownloadError
            See `peerannot.dataset.fetch`.
        """
        by_hand = (self.DIR / "downloads" / remote.name, self.DIR / remote.name)
        return fetch(remote, of or self.name, by_hand=by_hand, progress=self.progress)

    def by_hand(self, name: str, source: str) -> Path:
        """A file that only a person can download, expected in ``DIR/downloads``.

        Raises
        ------
        DownloadError
            It is not there.
        """
        place = self.DIR / "downloads" / name
        if not place.is_file():
            raise DownloadError(
                f"{place}: no such file; download it by hand from {source} and put it there"
            )
        return place

    @contextmanager
    def building(self, *, whole: bool = False) -> Iterator[Stage]:
        """A place to build in, whose content replaces the old one at the end, or not at all.

        Inside another `building` it is the same place. ``whole`` says that everything of the
        dataset is built, so that leftovers of an earlier install go.
        """
        if self._stage is not None:
            yield self._stage
            return
        with staged(self.DIR, whole=whole) as stage:
            self._stage = stage
            try:
                yield stage
            finally:
                self._stage = None

    def unpack(
        self,
        archive: Path,
        folder: Path,
        *,
        want: Callable[[str], bool] | None = None,
        limits: Limits = LIMITS,
    ) -> list[Path]:
        """Unpack an archive, see `peerannot.dataset.unpack`."""
        return unpack(archive, folder, want=want, limits=limits, progress=self.progress)

    def write_images(
        self,
        folder: Path,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        names: Sequence[str],
        keys: Sequence[int],
    ) -> None:
        """Write arrays (n, height, width, 3) as ``folder/<class>/<class>-<key>.png``."""
        from PIL import Image

        folder_of = folder_names(names)
        for name in folder_of.values():
            (folder / name).mkdir(parents=True, exist_ok=True)
        for done, (pixels, label, key) in enumerate(zip(images, labels, keys, strict=True), 1):
            name = folder_of[names[int(label)]]
            Image.fromarray(pixels).save(folder / name / f"{name}-{key}.png")
            if done % 100 == 0 or done == len(keys):
                self.progress(done, len(keys), f"images of {folder.name}")

    def copy(self, source: Path, target: Path) -> None:
        """Copy one file into the build.

        Raises
        ------
        DataError
            The source is missing, so the archive is not the one that the recipe knows.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            raise DataError(f"{source.parent.name}/{source.name}: missing in the archive") from None

    def read_table(
        self, path: Path, columns: Mapping[str, type], *, separator: str = ","
    ) -> pl.DataFrame:
        """Read columns of a text table, each as ``int``, ``float`` or ``str``.

        Raises
        ------
        DataError
            A column is missing, or has something else than its type; the message has the line.
        """
        import polars as pl

        try:
            frame = pl.read_csv(path, separator=separator, infer_schema=False)
        except FileNotFoundError:
            raise DataError(f"{path.name}: no such file; expected it at {path}") from None
        except pl.exceptions.PolarsError as error:
            why = str(error).partition("\n")[0].rstrip(".:")
            raise DataError(f"{path.name}: cannot be read as a table: {why}") from None
        absent = [name for name in columns if name not in frame.columns]
        if absent:
            raise DataError(
                f"{path.name}: no column {absent[0]!r}; it has {', '.join(frame.columns)}"
            )
        kinds = {int: pl.Int64, float: pl.Float64, str: pl.String}
        read = frame.select(
            pl.col(name).str.strip_chars().cast(kinds[kind], strict=False)
            for name, kind in columns.items()
        )
        for name, kind in columns.items():
            if kind is float:
                continue
            bad = read[name].is_null().arg_true()
            if len(bad):
                row = int(bad[0])
                raise DataError(
                    f"{path.name} line {row + 2}: {name} must be"
                    f" {'a whole number' if kind is int else 'a text'}, not {frame[name][row]!r}"
                )
        return read

    def write_metadata(self, stage: Stage, **facts: Any) -> None:
        """Write ``metadata.json``; ``name``, ``n_classes`` and ``n_workers`` are expected."""
        write_json(stage.path / "metadata.json", {**facts, "labels": "codes"})

    def say(self, text: str) -> None:
        """Tell the user a line (the command line prints it on stderr)."""
        logger.info("%s", text)
