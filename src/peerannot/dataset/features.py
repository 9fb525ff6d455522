"""Files of features: what a network, any network, says of images or other tasks, by name.

A row is known by the name of its task, or by the file of its image: ``12``, ``cat-12.png``,
``train/cat/cat-12.png``. Read are

- ``.npz`` with arrays ``features`` (n, d) and ``names`` (n,), which `write_features` writes;
- ``.parquet`` and ``.csv``: a column of names (``name``, ``task``, ``image``, or the first of
  text), and features as one column of lists, or as the columns of numbers;
- ``.npy`` (n, d), rows as in the column ``task`` of the table ``.csv`` beside it; without one,
  the tasks in ascending order.
"""

from __future__ import annotations

import json
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from peerannot._files import NPY_ERRORS, atomic_write, load_npy
from peerannot._text import few
from peerannot.answers import Ids
from peerannot.dataset.images import SPLITS, Image
from peerannot.errors import DataError

__all__ = ["FORMATS", "Features", "read_features", "write_features"]

FORMATS = (".npz", ".npy", ".parquet", ".csv")
_SCHEMA = "peerannot/features/1"
_NAME_COLUMNS = ("name", "task", "image")


@dataclass(frozen=True)
class Features:
    """Features by name.

    Attributes
    ----------
    names : list of str
        Of the rows; empty where a ``.npy`` names none, whose rows are then the tasks in ascending
        order.
    values : float32 array (n, d)
        Finite.
    file : Path
        Where they are from, for messages.
    network : mapping
        What computed them, as `peerannot train` writes it; empty for those of other programs.
    digests : list of str
        SHA-256 of the file of each image; empty for those of other programs.
    """

    names: list[str]
    values: NDArray[np.float32]
    file: Path = Path("features")
    network: Mapping[str, Any] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)

    def of_tasks(self, tasks: Ids) -> NDArray[np.float32]:
        """The features of tasks, (n_tasks, d).

        A row is a task's by its whole name, else by the key in it, as images have it; rows of
        ``val/`` and ``test/`` are passed over.

        Raises
        ------
        DataError
            A task has no row, or two.
        """
        if not self.names:
            return self.values[self._in_order(tasks)]
        whole, by_key = self._places(tasks)
        row = np.array([whole.get(i, by_key.get(i, -1)) for i in range(len(tasks))], np.int64)
        lost = np.flatnonzero(row < 0)
        if lost.size:
            names = few(tasks[int(i)] for i in lost)
            raise DataError(
                f"{self.file}: no features of {lost.size} of the {len(tasks)} tasks: {names};"
                " is it of other images?"
            )
        return self.values[row]

    def _places(self, tasks: Ids) -> tuple[dict[int, int], dict[int, int]]:
        """Row of each task that is named as a whole, and of each that the key in a name means."""
        whole: dict[int, int] = {}
        by_key: dict[int, int] = {}
        for row, name in enumerate(self.names):
            task = tasks.index_of.get(name, -1)
            if task >= 0:
                whole[task] = row
                continue
            first = name.partition("/")[0]
            if first in SPLITS[1:]:
                continue
            task = Image(Path(name), "").task(tasks)
            if task < 0:
                continue
            if task in by_key:
                twice = few((self.names[by_key[task]], name))
                raise DataError(f"{self.file}: two rows of task {tasks[task]!r}: {twice}")
            by_key[task] = row
        return whole, by_key

    def of_images(self, images: Sequence[Image], split: str, taken: set[int]) -> NDArray[np.int64]:
        """The row of each image of a split, -1 where it has none, by the first name that is there:
        its path, its file, that without ending, the key in it.

        ``taken`` are the rows of other splits, which are no image's any more; those found are
        added to it.
        """
        found = np.full(len(images), -1, np.int64)
        if not self.names and split == SPLITS[0]:
            return self._in_order([image.key for image in images])
        for i, image in enumerate(images):
            path = image.path
            inside = "/".join(path.parts[-1 - path.parts[::-1].index(split) :])
            for name in (inside, path.name, path.stem, *image.readings()):
                row = self._row_of.get(name, -1)
                if row >= 0 and row not in taken:
                    found[i] = row
                    break
        taken.update(found[found >= 0].tolist())
        return found

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def _in_order(self, tasks: Sequence[str]) -> NDArray[np.int64]:
        """The row of each task where rows have no names."""
        if len(self.values) != len(tasks):
            raise DataError(
                f"{self.file}: {len(self.values)} rows for {len(tasks)} tasks, and no"
                f" {self.file.with_suffix('.csv').name} beside it to name them (column task)"
            )
        place = Ids.sorted(tasks).index_of
        return np.array([place[task] for task in tasks], np.int64)


def read_features(path: str | Path) -> Features:
    """Read a file of features; see the head of this module.

    Raises
    ------
    DataError
        The file is missing, damaged, of another version or of no known format; a value is not a
        number, or a name occurs twice.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(f"{file}: features are read from {', '.join(FORMATS)}")
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    read = {".npz": _from_npz, ".npy": _from_npy}.get(suffix, _from_table)
    names, values, facts = read(file)
    return Features(
        names,
        _checked(values, names, file),
        file,
        facts.get("network", {}),
        facts.get("digests", []),
    )


def write_features(path: str | Path, features: Features) -> None:
    """Write features as ``.npz``, with what computed them.

    Raises
    ------
    DataError
        The name does not end in ``.npz``.
    StorageError
        The file cannot be written; what was there before is still there.
    """
    file = Path(path)
    if file.suffix.lower() != ".npz":
        raise DataError(f"{file}: features are written as .npz; name it {file.stem}.npz")
    facts = {"schema": _SCHEMA, "network": dict(features.network), "digests": features.digests}
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as handle:
        np.savez(
            handle,
            features=features.values,
            names=np.array(features.names, str),
            peerannot=np.array(json.dumps(facts)),
        )


_Read = tuple[list[str], NDArray[Any], Mapping[str, Any]]


def _from_npz(file: Path) -> _Read:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            # Numpy leaves a damaged file that it opened itself open.
            with file.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except (OSError, AttributeError, BadZipFile, zlib.error, *NPY_ERRORS) as error:
        raise DataError(f"{file}: not a usable .npz file ({_short(error)})") from None
    if "features" not in arrays or "names" not in arrays:
        raise DataError(
            f"{file}: expected arrays features (n, d) and names (n,), not {few(arrays)}"
        )
    facts: Mapping[str, Any] = {}
    if "peerannot" in arrays:
        try:
            facts = json.loads(str(arrays["peerannot"]))
        except ValueError:
            raise DataError(f"{file}: damaged; remove it and it is computed again") from None
        if facts.get("schema") != _SCHEMA:
            raise DataError(
                f"{file}: features as another version writes them ({facts.get('schema')}, here"
                f" {_SCHEMA}); remove it and they are computed again"
            )
    return [str(name) for name in arrays["names"].ravel()], arrays["features"], facts


def _from_npy(file: Path) -> _Read:
    table = file.with_suffix(".csv")
    names: list[str] = []
    if table.is_file():
        frame = _frame(table)
        column = next((c for c in _NAME_COLUMNS if c in frame.columns), frame.columns[0])
        names = [str(name) for name in frame[column].to_list()]
    return names, load_npy(file), {}


def _from_table(file: Path) -> _Read:
    import polars as pl

    frame = _frame(file)
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    column = next((c for c in (*_NAME_COLUMNS, *texts) if c in frame.columns), None)
    if column is None:
        raise DataError(f"{file}: no column names the rows; call it task or image")
    names = [str(name) for name in frame[column].to_list()]
    rest = frame.drop(column)
    lists = [name for name, kind in rest.schema.items() if isinstance(kind, pl.List | pl.Array)]
    numbers = [name for name, kind in rest.schema.items() if kind.is_numeric()]
    try:
        if len(lists) == 1:
            values = np.array(rest[lists[0]].to_list(), np.float64)
        else:
            values = rest.select(numbers).to_numpy()
    except (TypeError, ValueError):
        raise DataError(f"{file}: column {lists[0]}: lists of different lengths") from None
    return names, values, {}


def _frame(file: Path) -> Any:
    import polars as pl

    try:
        if file.suffix.lower() == ".parquet":
            return pl.read_parquet(file)
        names = pl.read_csv(file, n_rows=0).columns
        text = {name: pl.String for name in names if name in _NAME_COLUMNS}
        return pl.read_csv(file, schema_overrides=text)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read as a table ({_short(error)})") from None


def _checked(values: NDArray[Any], names: Sequence[str], file: Path) -> NDArray[np.float32]:
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
        raise DataError(
            f"{file}: expected numbers (n, d), a row a task, not {values.dtype} {values.shape}"
        )
    if names and len(names) != len(values):
        raise DataError(f"{file}: {len(values)} rows of features, {len(names)} names")
    twice = _twice(names)
    if twice:
        raise DataError(f"{file}: several rows are called {few(twice)}")
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    bad = np.flatnonzero(~np.isfinite(single).all(axis=1))
    if bad.size:
        called = f" ({names[int(bad[0])]})" if names else ""
        raise DataError(
            f"{file} row {bad[0]}{called}: a value is not a finite number, as in {bad.size} rows;"
            " compute these features again, or leave the rows out"
        )
    return single


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
