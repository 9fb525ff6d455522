"""Rows of shards, a block at a time; their order, and how they are put in order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from peerannot._ahead import ahead
from peerannot._progress import Progress
from peerannot._sizes import USUAL, Sizes
from peerannot._text import few
from peerannot.errors import DataError
from peerannot.io._columns import find_roles
from peerannot.io._detect import detect
from peerannot.io._source import Source
from peerannot.io.checksums import expected
from peerannot.io.float_ids import FloatIds, undotted
from peerannot.io.formats.table import (
    LABEL,
    TASK,
    WORKER,
    as_ids,
    column_names,
    pick,
    polars_errors,
    weights,
)
from peerannot.io.order import ends, sort_key
from peerannot.io.sample import sample
from peerannot.io.text_tables import TEXT, as_parquet, unpacked_bytes

__all__ = ["Rows", "Survey", "partitioned", "survey"]

COLUMNS = {"task": TASK, "worker": WORKER, "label": LABEL}


@dataclass(frozen=True)
class Rows:
    """The rows of shards in order of file name, then of row.

    Attributes
    ----------
    name : str
        For messages.
    files : tuple of Path
    heights : tuple of int
        Rows of each file; about so many of a table of text.
    columns : mapping
        From ``task``, ``worker``, ``label`` and ``weight`` to the columns.
    sizes : Sizes
    texts : mapping of Path to Source
        Those of the files that are tables of text. Blocks are read of Parquet alone: `as_parquet`
        comes first.
    dotted : frozenset of str
        Which of task and worker are whole numbers that a program wrote as floats (``12.0``).
    """

    name: str
    files: tuple[Path, ...]
    heights: tuple[int, ...]
    columns: Mapping[str, str]
    sizes: Sizes
    texts: Mapping[Path, Source] = field(default_factory=dict)
    dotted: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls,
        paths: str | Path | Sequence[str | Path],
        columns: Mapping[str, str | None],
        sizes: Sizes = USUAL,
        *,
        may_be_empty: bool = False,
        may_be_text: bool = False,
    ) -> Rows:
        """Find the shards and their columns; of Parquet only footers are read, of text the start.

        ``may_be_empty`` allows that they have no rows, ``may_be_text`` long tables in CSV, TSV and
        NDJSON.

        ``columns`` may name one of weights, too.

        Raises
        ------
        DataError
            There are no such files, they are in no form that is read, or a column is missing or
            serves twice.
        """
        several = [paths] if isinstance(paths, str | Path) else list(paths)
        name = few(several, 1)
        files: list[Path] = []
        texts: dict[Path, Source] = {}
        for path in several:
            source = Source.open(path)
            if source.files and may_be_text and source.shape in TEXT:
                _must_be_long(source)
                texts |= {file: source.part(file) for file in source.files}
            elif source.shape != "parquet" or not source.files:
                what = "Parquet, CSV, TSV or NDJSON" if may_be_text else "Parquet"
                raise DataError(f"{path}: not {what}; that is what is read out of core")
            files += source.files
        names: dict[str, str] = {}
        heights = []
        for file in files:
            one = texts.get(file) or Source(str(file), (file,))
            there = column_names(one)
            if not names:
                # The first shard says what the columns are; the others must have them.
                named = {what: columns.get(what) or "" for what in COLUMNS} | {"gold": "none"}
                roles = find_roles(one.name, there, sample(one, there), named)
                names = {what: roles.columns[what] for what in COLUMNS}
                if weight := columns.get("weight"):
                    names["weight"] = pick(one.name, there, weight, (), "weight")
                if len(set(names.values())) < len(names):
                    raise DataError(
                        f"{one.name}: one column serves twice ({few(names.values())}); name them"
                        " with --task-col, --worker-col and --label-col"
                    )
            for what, column in names.items():
                pick(one.name, there, column, (), what)
            if file in texts:
                heights.append(_about_rows(one))
                continue
            try:
                heights.append(int(pl.scan_parquet(file).select(pl.len()).collect().item()))
            except polars_errors as error:
                raise _damaged(file, error) from None
        if sum(heights) == 0 and not may_be_empty:
            raise DataError(f"{name}: no answers in it")
        return cls(name, tuple(files), tuple(heights), names, sizes, texts)

    @property
    def n_rows(self) -> int:
        return sum(self.heights)

    @property
    def text_bytes(self) -> int:
        """Bytes of text, unpacked; about as much disk their rows take as Parquet at most."""
        return sum(map(unpacked_bytes, self.texts.values()))

    def as_parquet(self, folder: Path, progress: Progress) -> Rows:
        """The same rows with those of tables of text in Parquet, which is written to a folder.

        Raises
        ------
        DataError
            A table cannot be used; the message has its line.
        """
        if not self.texts:
            return self
        files: list[Path] = []
        heights: list[int] = []
        seen = {what: FloatIds(what) for what in ("task", "worker")}
        done, total = 0, self.text_bytes

        def told(n: int) -> None:
            nonlocal done
            done += n
            progress(min(done, total), total, "reading text")

        for number, (file, height) in enumerate(zip(self.files, self.heights, strict=True)):
            if file not in self.texts:
                files.append(file)
                heights.append(height)
                continue
            home = folder / f"{number:06d}"
            home.mkdir(parents=True)
            for shard, n in as_parquet(
                self.texts[file], self.columns, home, self.sizes.text, seen, told
            ):
                files.append(shard)
                heights.append(n)
        if not sum(heights):
            raise DataError(f"{self.name}: there are column names but no answers")
        untyped = any(source.shape == "table" for source in self.texts.values())
        dotted = frozenset(what for what in seen if untyped and seen[what].are_dotted())
        return replace(self, files=tuple(files), heights=tuple(heights), texts={}, dotted=dotted)

    def facts(self) -> list[Any]:
        """What tells whether shards are those of an earlier conversion."""
        sums = [known and known[0] for known in expected(self.files)]
        stats = [(str(file.resolve()), file.stat()) for file in self.files]
        # A date can be set back, as copies do, or a clock; that of the last change cannot.
        marks = [(p, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p, s in stats]
        return [dict(self.columns), marks, sums]

    def blocks(self, kinds: Mapping[str, Any] | None = None) -> Iterator[pl.DataFrame]:
        """Frames of task, worker, label and, where it was named, weight.

        ``kinds`` are the types that all blocks share.
        """
        block = self.sizes.block
        picked = [pl.col(column).alias(what) for what, column in self.columns.items()]
        for file, height in zip(self.files, self.heights, strict=True):
            for lo in range(0, height, block):

                def place(row: int, file: Path = file, lo: int = lo) -> str:
                    return f"{file} row {lo + row + 1}"

                try:
                    frame = pl.scan_parquet(file).slice(lo, block).select(picked).collect()
                except polars_errors as error:
                    raise _damaged(file, error) from None
                columns = [as_ids(frame[what], place, what).alias(what) for what in COLUMNS]
                for i, what in enumerate(COLUMNS):
                    if what in self.dotted and columns[i].dtype == pl.String:
                        columns[i] = undotted(columns[i])
                if "weight" in self.columns:
                    columns.append(weights(frame, place))
                frame = pl.DataFrame(columns)
                yield frame if kinds is None else frame.cast(pl.Schema(kinds))


@dataclass
class Survey:
    """What one look at all rows tells.

    ``kinds`` are types that hold every block: whole numbers, or strings where any block has some.
    ``low`` and ``high`` are the first and the last task in the order of `sort_key`.
    """

    kinds: dict[str, Any]
    workers: pl.Series
    labels: pl.Series
    in_order: bool
    n_tasks: int
    low: Any
    high: Any
    samples: list[pl.Series] = field(default_factory=list)


def survey(rows: Rows, progress: Progress) -> Survey:
    """Distinct workers and labels, and whether rows are in order of task: O(rows)."""
    distinct: dict[str, list[pl.Series]] = {"worker": [], "label": []}
    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pl.Int64())
    samples: list[pl.Series] = []
    bounds: list[pl.Series] = []
    in_order, n_tasks, last, done = True, 0, None, 0
    step = max(rows.n_rows // rows.sizes.samples, 1)
    for frame in ahead(rows.blocks()):
        for what in COLUMNS:
            if not frame[what].dtype.is_integer():
                kinds[what] = pl.String()
        for what, seen in distinct.items():
            seen.append(frame[what].unique())
            if len(seen) > 16:
                distinct[what] = [_union(seen, kinds[what])]
        task = frame["task"]
        samples.append(task.gather_every(step))
        key = sort_key(task)
        bounds.append(ends(task, key))
        if in_order:
            same = last is None or last.dtype == key.dtype
            in_order = same and key.is_sorted()
            if in_order and last is not None:
                in_order = bool(last[0] <= key[0])
            last = key.tail(1)
        n_tasks += int((task != task.shift()).sum()) + 1
        done += frame.height
        progress(done, 2 * rows.n_rows, "surveying")
    if len({s.dtype for s in samples}) > 1:
        in_order = in_order and kinds["task"] != pl.String()
    edges = pl.concat([s.cast(kinds["task"]) for s in bounds])
    low, high = ends(edges, sort_key(edges))
    return Survey(
        kinds,
        _union(distinct["worker"], kinds["worker"]),
        _union(distinct["label"], kinds["label"]),
        in_order,
        n_tasks,
        low,
        high,
        samples,
    )


def partitioned(
    rows: Rows, seen: Survey, folder: Path, progress: Progress
) -> Iterator[pl.DataFrame]:
    """Rows in order of task (`sort_key`): written to files of ranges of tasks, which are sorted.

    The order of the rows of a task stays as it is in the shards.
    """
    samples = pl.concat([s.cast(seen.kinds["task"]) for s in seen.samples])
    samples = sort_key(samples).sort()
    n = -(-rows.n_rows // rows.sizes.sorted_rows)
    at = np.unique(np.linspace(0, samples.len(), n + 1)[1:-1].astype(np.int64))
    cuts = samples.gather(at).unique().sort()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, block in enumerate(ahead(rows.blocks(seen.kinds))):
        range_of: Any = pl.lit(0)
        if cuts.len():
            range_of = cuts.search_sorted(sort_key(block["task"]), side="right")
        for (part,), some in block.with_columns(range=range_of).group_by(
            "range", maintain_order=True
        ):
            home = folder / f"{int(part):05d}"
            home.mkdir(exist_ok=True)
            some.drop("range").write_parquet(home / f"{number:06d}.parquet", compression="lz4")
        progress(min(number * rows.sizes.block, rows.n_rows), 2 * rows.n_rows, "ordering")
    for home in sorted(folder.iterdir()):
        frame = pl.concat([pl.read_parquet(file) for file in sorted(home.iterdir())])
        shutil.rmtree(home)
        in_order = frame.with_columns(key=sort_key(frame["task"])).sort("key", maintain_order=True)
        yield in_order.drop("key")


def _union(parts: list[pl.Series], kind: Any) -> pl.Series:
    return pl.concat([part.cast(kind) for part in parts]).unique().sort()


def _must_be_long(source: Source) -> None:
    """Refuse a table of text that is read otherwise than by columns of task, worker and label."""
    name = detect(source, {})
    if name != "table":
        raise DataError(
            f"{source.name}: read as {name}, in memory; out of core a table has columns of task,"
            " worker and label"
        )


def _about_rows(source: Source) -> int:
    """Rows of a file of text, about, by the length of the first."""
    n = source.start.count(b"\n")
    if source.is_whole or n == 0:
        return max(n - (source.shape == "table"), 1)
    return unpacked_bytes(source) * n // len(source.start)


def _damaged(file: Path, error: BaseException) -> DataError:
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{file}: cannot be read as Parquet ({why})")
