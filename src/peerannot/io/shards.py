"""Shards larger than memory, coded once into files that are memory-mapped.

One file holds the (worker, label) pair of each answer, in order of task, another the number of
answers of each task: what passes over confusion matrices and votes need, two to four bytes an
answer. Weights of answers, where there are some, are in a third, eight bytes an answer. A manifest
is written last; a folder with a manifest of the same shards is taken as it is, any other is made
anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from peerannot._ahead import ahead
from peerannot._files import read_json, sha256, storage_errors, write_json
from peerannot._loops import native
from peerannot._no_answer import NO_ANSWER
from peerannot._progress import Progress, silent
from peerannot._sizes import USUAL, Sizes
from peerannot.answers import Answers, DuplicatePolicy, Ids, Meaning
from peerannot.errors import DataError, DataWarning, StorageError
from peerannot.io._coding import encode
from peerannot.io._labels import settle
from peerannot.io.base import Votes
from peerannot.io.checksums import check
from peerannot.io.classes import GUESSED, code_labels
from peerannot.io.rows import Rows, Survey, partitioned, survey

__all__ = ["Coded", "Coding", "code_shards"]

VERSION = 5  # of the files in the scratch folder
PASSING = ("tables", "partitions")  # folders in it that go once the answers are coded


@dataclass(frozen=True)
class Coded:
    """Answers in memory-mapped files, in order of task.

    Attributes
    ----------
    folder : Path
        Where the files are.
    pair : uint16 or int32 array (n_answers,), mapped
        (Worker, label) pair of each answer.
    size : int32 array (n_tasks,), mapped
        Answers of each task.
    weight : float64 array (n_answers,), mapped, or None
        Weight of each answer; None where all are 1.
    pair_worker, pair_label : int32 arrays (n_pairs,)
        In order of (worker, label); only pairs that occur.
    pair_answers : int64 array (n_pairs,)
        Answers of each pair.
    workers, classes : Ids
    chunks : int64 array (n_chunks + 1, 2)
        First task and first answer of each chunk of tasks; they depend on the answers alone.
    dropped : int
        Rows left out because the worker had answered the task in another row.
    n_shards, n_checked : int
        Shards, and those that were compared with a checksum.
    fingerprint : str
        Hash of names, sizes, dates and checksums of the shards and of the options.
    """

    folder: Path
    pair: NDArray[Any]
    size: NDArray[np.int32]
    weight: NDArray[np.float64] | None
    pair_worker: NDArray[np.int32]
    pair_label: NDArray[np.int32]
    pair_answers: NDArray[np.int64]
    workers: Ids
    classes: Ids
    chunks: NDArray[np.int64]
    pieces: tuple[int, ...]
    dropped: int
    n_shards: int
    n_checked: int
    fingerprint: str

    @property
    def n_answers(self) -> int:
        return int(self.pair.size)

    @property
    def n_tasks(self) -> int:
        return int(self.size.size)

    @cached_property
    def worker_answers(self) -> NDArray[np.int64]:
        """Answers of each worker, int64 (n_workers,)."""
        counts = np.bincount(self.pair_worker, self.pair_answers, minlength=len(self.workers))
        return counts.astype(np.int64)

    def chunk(self, c: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """``task_ptr`` (counted from 0) and pairs of the tasks of a chunk."""
        (first, start), (last, end) = self.chunks[c], self.chunks[c + 1]
        ptr = np.zeros(last - first + 1, np.int64)
        np.cumsum(self.size[first:last], out=ptr[1:])
        return ptr, self.pair[start:end]

    def chunk_weight(self, c: int) -> NDArray[np.float64] | None:
        """Weights of the answers of a chunk."""
        start, end = self.chunks[c : c + 2, 1]
        return None if self.weight is None else self.weight[start:end]

    def chunk_ids(self, c: int) -> pl.Series:
        """Ids of the tasks of a chunk, in their own type."""
        first, last = int(self.chunks[c, 0]), int(self.chunks[c + 1, 0])
        ends = np.cumsum(self.pieces)
        parts = []
        low, high = np.searchsorted(ends, (first, last - 1), side="right")
        for piece in range(low, high + 1):
            start = int(ends[piece]) - self.pieces[piece]
            held = self._ids_of(piece)
            parts.append(held[max(first - start, 0) : last - start])
        return pl.concat(parts)

    def _ids_of(self, piece: int) -> pl.Series:
        # Chunks are asked for in order, and a piece may hold many.
        if piece not in self._last_piece:
            self._last_piece.clear()
            self._last_piece[piece] = pl.read_parquet(_piece(self.folder, piece))["task"]
        return self._last_piece[piece]

    @cached_property
    def _last_piece(self) -> dict[int, pl.Series]:
        return {}


def code_shards(
    paths: str | Path | Sequence[str | Path],
    folder: Path,
    *,
    columns: Mapping[str, str | None] | None = None,
    classes: Iterable[Any] | int | None = None,
    labels: Meaning | None = None,
    duplicates: DuplicatePolicy = "last",
    progress: Progress = silent,
    sizes: Sizes = USUAL,
) -> Coded:
    """Code shards into memory-mapped files, a block of rows at a time.

    Parameters
    ----------
    paths
        A pattern, a folder, a file, or several of them: Parquet, or long tables in CSV, TSV or
        NDJSON, which are kept as Parquet in the folder until they are coded.
    folder
        Where the files go. They are kept, and used again while the shards stay as they are.
    columns
        Names of the columns ``task``, ``worker`` and ``label`` where they are not usual ones, and
        of ``weight`` where answers have weights.
    classes, labels, duplicates
        See `peerannot.io.read`.
    progress
        Told the rows done; each row is read twice, or four times where shards are out of order.

    sizes
        How much is worked on at a time.

    Raises
    ------
    DataError
        The shards cannot be used; the message has file and row. Or one is not what its checksum
        says, see `peerannot.io.checksums`.
    StorageError
        The disk has no room; the message says how much is needed.

    Notes
    -----
    Memory: two blocks of 4 million rows at a time, and the vocabularies of workers and classes.
    Rows must be in order of task over all shards; else they are first written to the folder in
    ranges of tasks that fit in memory, and each is sorted.
    """
    rows = Rows.open(paths, columns or {}, sizes, may_be_text=True)
    wanted = None if classes is None else classes if isinstance(classes, int) else list(classes)
    of_chunk = [sizes.chunk_cells, sizes.least_chunk, sizes.most_chunk]
    asked = [VERSION, rows.facts(), wanted, labels, duplicates, of_chunk]
    fingerprint = hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()
    found = _load(folder, fingerprint, verify=True)
    if found is not None:
        return found
    n_checked = check(rows.files, progress)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _clean(folder)
    n_shards = len(rows.files)
    with contextlib.ExitStack() as stack:
        for name in PASSING:
            stack.callback(shutil.rmtree, folder / name, ignore_errors=True)
        _check_room(folder, rows.text_bytes, f"keeping {rows.name} as Parquet")
        with storage_errors(folder):
            rows = rows.as_parquet(folder / "tables", progress)
        seen = survey(rows, progress)
        _check_room(folder, _bytes_coded(rows, seen), f"coding {rows.n_rows} answers")
        weighted = "weight" in rows.columns
        blocks = rows.blocks(seen.kinds)
        if not seen.in_order:
            blocks = partitioned(rows, seen, folder / "partitions", progress)
        coding = Coding(seen.workers, seen.labels, wanted, duplicates, rows.name, labels, sizes)
        if coding.guessed:
            warnings.warn(f"{rows.name}: {GUESSED}", DataWarning, stacklevel=2)
        writer = _Writer(folder, seen, coding, sizes, weighted=weighted)
        n, whole = rows.n_rows, 2 * rows.n_rows
        with storage_errors(folder):
            writer.write(ahead(blocks), lambda done: progress(n + done, whole, "coding"))
    with storage_errors(folder):
        writer.finish(fingerprint, n_shards, n_checked)
    found = _load(folder, fingerprint, verify=False)
    assert found is not None
    return found


def _piece(folder: Path, number: int) -> Path:
    return folder / f"tasks-{number:06d}.parquet"


def _coded_files(folder: Path) -> list[Path]:
    names = ("pair.bin", "size.bin", "workers.parquet", "pairs.parquet")
    several = (*sorted(folder.glob("weight.bin")), *sorted(folder.glob("tasks-*.parquet")))
    return [*(folder / name for name in names), *several]


def _clean(folder: Path) -> None:
    """Remove what an earlier or interrupted conversion left, the manifest first."""
    (folder / "manifest.json").unlink(missing_ok=True)
    for file in (folder / "code.bin", *_coded_files(folder)):
        file.unlink(missing_ok=True)
    for name in PASSING:
        shutil.rmtree(folder / name, ignore_errors=True)


def _bytes_coded(rows: Rows, seen: Survey) -> int:
    """Disk that coding takes; an estimate from above for sorted shards."""
    of_weight = 8 if "weight" in rows.columns else 0
    need = rows.n_rows * (6 + of_weight) + seen.n_tasks * 12
    return need if seen.in_order else need + rows.n_rows * (24 + of_weight)


def _check_room(folder: Path, need: int, what: str) -> None:
    """Refuse before the disk is full."""
    free = shutil.disk_usage(folder).free
    if need > free:
        raise StorageError(
            f"{folder}: {what} takes about {need / 2**30:.1f} GiB,"
            f" {free / 2**30:.1f} GiB are free; choose another scratch folder"
        )


class _Coder:
    """Codes of the values of a column, by its vocabulary.

    Attributes
    ----------
    codes : int32 array
        Of the distinct values, as they were given.
    ids : Ids
    """

    def __init__(self, distinct: pl.Series, where: str, most_span: int) -> None:
        self._where = where
        self.codes, self.ids = encode(distinct)
        codes = self.codes
        if distinct.dtype.is_integer():
            values = distinct.cast(pl.Int64).to_numpy()
            self._low, span = int(values.min()), int(values.max()) - int(values.min()) + 1
            self._values = np.sort(values)
            if span <= most_span:
                self._table = np.full(span, -1, np.int32)
                self._table[values - self._low] = codes
            else:
                self._table = np.empty(0, np.int32)
        else:
            self._coder = native.Coder()
            self._coder.texts(self.ids.texts(), codes)

    def __call__(self, column: pl.Series) -> NDArray[np.int32]:
        if not column.dtype.is_integer():
            codes = np.empty(column.len(), np.int32)
            self._coder.find(column, codes)
            if codes.size and int(codes.min()) < 0:
                row = int(np.argmin(codes))
                raise DataError(
                    f"{self._where}: {column.name} {column[row]!r} was not there at first: shards"
                    " were changed while they were read; start again"
                )
            return codes
        values = column.cast(pl.Int64).to_numpy()
        if self._table.size:
            return np.asarray(self._table[values - self._low])
        return np.searchsorted(self._values, values).astype(np.int32)


class Coding:
    """How ids become codes in every block and partition of the same shards.

    Attributes
    ----------
    workers, classes : Ids
    guessed : bool
        Whether labels were taken as positions of classes by their content.
    """

    def __init__(
        self,
        workers: pl.Series,
        labels: pl.Series,
        wanted: Iterable[Any] | int | None,
        duplicates: DuplicatePolicy,
        where: str,
        meaning: Meaning | None = None,
        sizes: Sizes = USUAL,
    ) -> None:
        self._worker = _Coder(workers, where, sizes.span)
        self._label = _Coder(labels, where, sizes.span)
        self._duplicates: DuplicatePolicy = duplicates
        self.workers, self.classes = self._worker.ids, self._label.ids
        if wanted is not None and not isinstance(wanted, int):
            wanted = list(wanted)
        named = set(map(str, wanted)) if isinstance(wanted, list) else set()
        missing = [t for t in self.classes if t.strip() in NO_ANSWER and t not in named]
        if missing:
            raise DataError(
                f"{where}: label {missing[0]!r} stands for no answer, and fits of shards take"
                " answers only: leave these rows out, or name all classes with --classes"
            )
        spelled, ids = encode(_one_spelling(labels, where, named or None, meaning))
        coding = code_labels(
            ids, np.arange(len(ids), dtype=np.int32), wanted, lambda row: where, meaning=meaning
        )
        self._to_class = np.empty(len(self.classes), np.int32)
        self._to_class[self._label.codes] = coding.codes[spelled]
        self.classes, self.guessed = coding.classes, coding.guessed

    def codes(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with codes of workers and classes, int32, instead of ids; weights stay."""
        label = self._to_class[self._label(frame["label"])]
        return frame.drop("worker", "label").with_columns(
            worker=pl.Series(self._worker(frame["worker"]), dtype=pl.Int32),
            label=pl.Series(label, dtype=pl.Int32),
        )

    def answers(
        self, codes: pl.DataFrame, starts: NDArray[np.int64] | None = None
    ) -> tuple[pl.Series, Answers]:
        """Ids of the tasks in their own type, and the answers, of codes in order of task.

        ``starts`` are the rows where another task begins, where they are known.
        """
        first = _starts(codes["task"]) if starts is None else starts
        ids = codes["task"].gather(first)
        known = Ids.of_column(ids if ids.dtype == pl.String else ids.to_numpy())
        sizes = np.diff(np.append(first, codes.height))
        weight = codes["weight"].to_numpy() if "weight" in codes.columns else None
        answers = Answers.from_codes(
            np.repeat(np.arange(first.size, dtype=np.int32), sizes),
            codes["worker"].to_numpy(), codes["label"].to_numpy(),
            known, self.workers, self.classes, weight, self._duplicates, repeats={},
        )  # fmt: skip
        return ids, answers


def _one_spelling(
    labels: pl.Series, where: str, classes: Iterable[str] | None, meaning: Meaning | None
) -> pl.Series:
    """Distinct labels as a fit in memory spells them: equal numbers are one label."""
    votes = Votes(labels.to_frame("label"), lambda row: where)
    named = None if classes is None else list(classes)
    spelled = settle(votes, where, classes=named, meaning=meaning).frame["label"]
    # What stands for no answer was refused, or is a class that was named.
    return pl.select(pl.coalesce(spelled, labels.cast(spelled.dtype))).to_series()


class _Writer:
    """Writes the files of one conversion."""

    def __init__(
        self, folder: Path, seen: Survey, coding: Coding, sizes: Sizes, *, weighted: bool
    ) -> None:
        self.folder, self.coding, self.sizes, self.weighted = folder, coding, sizes, weighted
        self.classes = self.coding.classes
        seen.workers.to_frame("worker").write_parquet(folder / "workers.parquet")
        n_codes = len(self.coding.workers) * len(self.classes)
        self.code_type: Any = np.int32 if n_codes < 2**31 else np.int64
        self.marks = np.zeros(n_codes if n_codes <= sizes.marked else 0, np.bool_)
        self.known = np.empty(0, np.int64)
        self.pieces: list[int] = []
        self.dropped = 0

    def write(self, blocks: Iterable[pl.DataFrame], told: Callable[[int], None]) -> None:
        """Write codes and sizes of all blocks; a task may go on in the next block."""
        done, carry = 0, None
        names = ("code.bin", "size.bin", *(["weight.bin"] if self.weighted else []))
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context((self.folder / name).open("wb")) for name in names]
            for frame in blocks:
                done += frame.height
                whole = frame if carry is None else pl.concat((carry, frame))
                starts = _starts(whole["task"])
                carry = whole.slice(int(starts[-1]))
                if starts.size > 1:
                    self._piece(whole.head(int(starts[-1])), starts[:-1], files)
                told(done)
            if carry is not None:
                self._piece(carry, np.zeros(1, np.int64), files)

    def _piece(
        self, frame: pl.DataFrame, starts: NDArray[np.int64], files: Sequence[IO[bytes]]
    ) -> None:
        ids, answers = self.coding.answers(self.coding.codes(frame), starts)
        self.dropped += frame.height - answers.n_answers
        code = answers.worker.astype(self.code_type) * len(self.classes) + answers.label
        if self.marks.size:
            self.marks[code] = True
        else:
            self.known = np.union1d(self.known, code)
        columns: list[NDArray[Any]] = [np.ascontiguousarray(code)]
        columns.append(answers.answers_per_task.astype(np.int32))
        if answers.weight is not None:
            columns.append(answers.weight)
        for file, column in zip(files, columns, strict=True):
            file.write(column.data)
        ids.to_frame("task").write_parquet(_piece(self.folder, len(self.pieces)))
        self.pieces.append(starts.size)

    def finish(self, fingerprint: str, n_shards: int, n_checked: int) -> None:
        """Number the pairs that occur, count them, and write the manifest."""
        key = np.flatnonzero(self.marks) if self.marks.size else self.known
        k = len(self.classes)
        kind = np.uint16 if key.size <= 2**16 else np.int32
        raw = np.memmap(self.folder / "code.bin", self.code_type, "r")
        counts = np.zeros(key.size, np.int64)
        place = np.empty(0, np.int32)
        if self.marks.size:
            place = np.cumsum(self.marks, dtype=np.int32) - np.int32(1)
        as_is = self.marks.size == key.size and kind == self.code_type
        with (self.folder / "pair.bin").open("wb") as out:
            parts = (raw[lo : lo + self.sizes.step] for lo in range(0, raw.size, self.sizes.step))
            for pair in ahead(
                place[part] if place.size else key.searchsorted(part) for part in parts
            ):
                counts += np.bincount(pair, minlength=key.size)
                if not as_is:
                    out.write(np.ascontiguousarray(pair.astype(kind)).data)
        n_answers = int(raw.size)
        del raw
        if as_is:
            (self.folder / "code.bin").replace(self.folder / "pair.bin")
        (self.folder / "code.bin").unlink(missing_ok=True)
        pl.DataFrame({"key": key, "answers": counts}).write_parquet(self.folder / "pairs.parquet")
        facts = {
            "fingerprint": fingerprint, "n_answers": n_answers, "pieces": self.pieces,
            "pair": np.dtype(kind).name, "classes": list(self.classes), "dropped": self.dropped,
            "chunks": _chunks(self.folder / "size.bin", k, self.sizes).tolist(),
            "n_shards": n_shards, "n_checked": n_checked, "weighted": self.weighted,
            "sha256": {path.name: sha256(path) for path in _coded_files(self.folder)},
        }  # fmt: skip
        write_json(self.folder / "manifest.json", facts, indent=None)


def _starts(task: pl.Series) -> NDArray[np.int64]:
    """Rows where another task begins."""
    if task.dtype == pl.String:
        return (task != task.shift()).fill_null(True).arg_true().to_numpy().astype(np.int64)
    values = task.to_numpy()
    return np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))


def _chunks(path: Path, n_classes: int, sizes: Sizes) -> NDArray[np.int64]:
    """Bounds of chunks of tasks with about equal numbers of answers."""
    size = np.asarray(np.memmap(path, np.int32, "r"))
    n_answers = int(size.sum(dtype=np.int64))
    goal = sizes.chunk_cells * n_answers // max(n_classes * size.size, 1)
    goal = max(min(goal, sizes.most_chunk), sizes.least_chunk)
    bounds, base = [(0, 0)], 0
    for lo in range(0, size.size, sizes.step):
        ends = base + np.cumsum(size[lo : lo + sizes.step], dtype=np.int64)
        targets = np.arange(base // goal + 1, int(ends[-1]) // goal + 1) * goal
        at = np.unique(np.searchsorted(ends, targets))
        bounds += zip((at + lo + 1).tolist(), ends[at].tolist(), strict=True)
        base = int(ends[-1])
    if bounds[-1][0] < size.size:
        bounds.append((int(size.size), base))
    return np.array(bounds, dtype=np.int64)


def _load(folder: Path, fingerprint: str, *, verify: bool) -> Coded | None:
    """What the folder holds, where it is whole and of these shards; 0.6 s a GB to verify it."""
    if not (folder / "manifest.json").exists():
        return None
    facts = read_json(folder / "manifest.json")
    if not isinstance(facts, dict) or facts.get("fingerprint") != fingerprint:
        return None
    chunks = np.array(facts["chunks"], dtype=np.int64)
    try:
        for name, digest in facts["sha256"].items() if verify else ():
            if sha256(folder / name) != digest:
                raise ValueError(f"{name} is not what was written")
        pair = np.memmap(folder / "pair.bin", facts["pair"], "r", shape=(facts["n_answers"],))
        size = np.memmap(folder / "size.bin", np.int32, "r", shape=(int(chunks[-1, 0]),))
        weight = None
        if facts["weighted"]:
            mapped = np.memmap(folder / "weight.bin", np.float64, "r", shape=pair.shape)
            weight = np.asarray(mapped)
        pairs = pl.read_parquet(folder / "pairs.parquet")
        workers = encode(pl.read_parquet(folder / "workers.parquet")["worker"])[1]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder}: the coded answers are damaged ({error}); remove the folder"
        ) from None
    key, k = pairs["key"].to_numpy(), len(facts["classes"])
    return Coded(
        folder, np.asarray(pair), np.asarray(size), weight, (key // k).astype(np.int32),
        (key % k).astype(np.int32), pairs["answers"].to_numpy(), workers, Ids(facts["classes"]),
        chunks, tuple(facts["pieces"]), facts["dropped"], facts["n_shards"],
        facts["n_checked"], fingerprint,
    )  # fmt: skip
