"""Shards in, shards out, on a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np

from peerannot._progress import Progress
from peerannot._text import few
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.partitions.known import KnownLabels
from peerannot.aggregation.partitions.parts import Part, Shape
from peerannot.aggregation.partitions.shard_engine import ShardEngine, as_asked, check_columns
from peerannot.aggregation.partitions.sharded_result import LeftOut, ShardedResult
from peerannot.aggregation.request import Request
from peerannot.answers import Ids, by_task, labels_in
from peerannot.distributed._checkpoint import SavedRun, read_checkpoint
from peerannot.distributed._cluster import Graph, Machine, cluster
from peerannot.distributed._dask import DaskParts
from peerannot.distributed._load import (
    Loaded,
    Vocabulary,
    cut_shard,
    join_pieces,
    load_range,
    part_of,
    piece_of,
)
from peerannot.distributed._store import Store, checksums, find_shards, size_and_date
from peerannot.distributed._survey import Layout, Merged, Shard, merge, plan, survey_shard
from peerannot.distributed._write import clear, finish, has_result, write_part
from peerannot.errors import DataError, DataWarning, ParameterError
from peerannot.io.classes import GUESSED

__all__ = ["DASK", "Dask", "fit"]


class Dask(ShardEngine):
    """Shards on a Dask cluster.

    Notes
    -----
    Cost: shards are read twice. Memory of a worker: 12 bytes an answer (20 with weights) and
    16 a task of its partitions, what the model adds to that, and while it loads about as much
    again. Memory of the client and of the scheduler: vocabularies of workers and classes, and the
    parameters.
    The posterior equals that of one machine to the rounding of sums.
    """

    name: ClassVar[str] = "dask"
    takes: ClassVar[frozenset[str]] = ShardEngine.takes | {
        "scheduler", "workers", "client", "patience", "partitions", "resume", "skip_bad_shards",
        "checkpoint_every",
    }  # fmt: skip

    def has_result(self, output: str | Path) -> bool:
        return has_result(output)

    def fit(self, request: Request, strategy: Strategy, paths: list[str | Path]) -> ShardedResult:
        assert request.output is not None
        progress, partitions = request.progress, request.partitions
        scheduler, workers, client = request.scheduler, request.workers, request.client
        if request.checkpoint_every < 1:
            raise ParameterError("checkpoint_every must be at least 1")
        if scheduler is not None and (workers is not None or client is not None):
            raise ParameterError(
                "give a scheduler, or a number of workers, or a client: one of them"
            )
        if any(n is not None and n < 1 for n in (workers, partitions)):
            raise ParameterError("workers and partitions must be at least 1")
        ready = strategy.with_files()
        urls = [url for path in paths for url in find_shards(path)]
        store = Store(request.output)
        if any(url.startswith(store.at("tasks/")) for url in urls):
            raise ParameterError(
                f"{store.at('tasks')} holds the answers; choose another output folder"
            )
        columns, labels, wanted = request.columns(), request.labels, request.classes
        duplicates = request.duplicates or "last"
        if wanted is not None and not isinstance(wanted, int):
            wanted = list(wanted)
        sums = checksums(urls)
        run = {
            "order of tasks": "as in memory",
            "answers": [[*size_and_date(u), k and k[0]] for u, k in zip(urls, sums, strict=True)],
            "strategy": [strategy.name, {k: str(v) for k, v in asdict(strategy).items()}],
            "classes": None if wanted is None else str(wanted),
            "labels": labels,
            "duplicates": duplicates,
            "columns": columns,
            "gold": None if request.gold is None else _digest(request.gold),
        }
        with store.locked(), cluster(scheduler, workers, client, request.patience) as machine:
            saved = read_checkpoint(store, run) if request.resume else []
            clear(store, keep_checkpoint=bool(saved))
            seen = _survey(machine, urls, sums, columns, request)
            name = few(paths, 1)
            usable, left_out = _usable(seen, request.skip_bad_shards, name)
            vocabulary = Vocabulary(
                store, uuid4().hex, seen.kinds, wanted, labels, duplicates, columns, name,
                request.sizes,
            )  # fmt: skip
            vocabulary.write(seen.workers, seen.labels)
            coding = vocabulary.coding()
            if coding.guessed:
                warnings.warn(f"{vocabulary.name}: {GUESSED}", DataWarning, stacklevel=2)
            check_columns(len(coding.classes), hard=request.hard)
            homes = list(machine.workers())
            # A resumed run takes as many partitions as there were, whatever is asked.
            n = saved[0].run["n"] if saved else partitions
            n = n or max(
                len(homes),
                -(-sum(shard.height for shard in usable) // request.sizes.partition_rows),
            )
            parts, n_dropped = _load(
                machine, plan(usable, seen.kinds["task"], n), usable, vocabulary,
                coding.workers, coding.classes, homes, progress,
            )  # fmt: skip
            if request.gold is not None:
                parts.know(KnownLabels.of(request.gold, parts))
            checkpoint = SavedRun(store, {**run, "n": n}, request.checkpoint_every, parts, saved)
            done = as_asked(request, strategy, ready.fit_parts(parts, progress, checkpoint), parts)
            (worker_answers,) = parts.sum(_worker_answers)
            written = parts.each(
                write_part,
                strategy,
                done.write,
                done.given,
                store,
                request.hard,
                request.sizes.part,
            )
            progress(len(parts), len(parts), "writing")
            return finish(
                store, strategy, done.fit, parts.shape, worker_answers, written,
                hard=request.hard, n_dropped=n_dropped, n_partitions=len(parts),
                resumed_at=checkpoint.resumed_at, left_out=left_out, n_shards=len(urls),
                n_checked=sum(known is not None for known in sums),
            )  # fmt: skip


DASK = Dask()


def fit(
    paths: str | Path | Sequence[str | Path], strategy: str | Strategy = "DS", **options: Any
) -> ShardedResult:
    """`peerannot.aggregate` with ``engine="dask"``, by its earlier name: for this version only.

    Options are those of `peerannot.aggregation.request.Request`, with ``task_col``,
    ``worker_col``, ``label_col`` and ``weight_col`` for names of columns; an earlier result in
    ``output`` is replaced.
    """
    done = DASK.run(Request.of_shards(paths, strategy, options)).result
    assert isinstance(done, ShardedResult)
    return done


def _digest(gold: Any) -> str:
    # As it was given: what classes there are is not known before the shards are read.
    if hasattr(gold, "digest"):
        return str(gold.digest())
    gold = by_task(gold)
    if isinstance(gold, Mapping):
        rows: Any = sorted((str(t), sorted(map(str, labels_in(y)))) for t, y in gold.items())
    else:
        rows = np.asarray(gold).tolist()
    return sha256(repr(rows).encode()).hexdigest()


def _survey(
    machine: Machine, urls: Sequence[str], sums: Sequence[tuple[str, str] | None],
    columns: Mapping[str, Any], request: Request,
) -> Merged:  # fmt: skip
    graph = Graph("survey")
    looks = [
        graph.add(survey_shard, url, i, columns, request.sizes, len(urls), known)
        for i, (url, known) in enumerate(zip(urls, sums, strict=True))
    ]
    futures = graph.send(machine.client, [*looks, graph.tree(looks, merge)])
    found = machine.wait(
        futures[-1:], lambda _: request.progress(_done(futures), len(urls), "surveying")
    )[0]
    merged: Merged = found
    return merged


def _done(futures: Sequence[Any]) -> int:
    return sum(future.done() for future in futures[:-1])


def _usable(seen: Merged, skip: bool, name: str) -> tuple[list[Shard], list[LeftOut]]:
    bad = [
        LeftOut(shard.url, shard.fault, None if shard.height < 0 else shard.height)
        for shard in seen.shards
        if shard.fault is not None
    ]
    if bad and not skip:
        more = f" (and {len(bad) - 1} more shards)" if len(bad) > 1 else ""
        raise DataError(f"{bad[0].reason}{more}; leave it out with --skip-bad-shards")
    usable = [shard for shard in seen.shards if shard.fault is None and shard.height]
    if not usable:
        raise DataError(f"{name}: no answers in it" + (f", {len(bad)} bad shards" if bad else ""))
    return usable, bad


def _load(
    machine: Machine, way: Layout, shards: Sequence[Shard], vocabulary: Vocabulary,
    workers: Ids, classes: Ids, homes: Sequence[str], progress: Progress,
) -> tuple[DaskParts, int]:  # fmt: skip
    """Partitions on the workers, and how many repeated rows were dropped."""
    graph = Graph("load")
    n = way.cuts.len() + 1
    own = [homes[p * len(homes) // n] for p in range(n)]
    bare = [replace(shard, samples=shard.samples.clear()) for shard in shards]
    if way.shuffle:
        cut = [graph.add(cut_shard, shard, way.cuts, vocabulary) for shard in bare]
        loaded = [
            graph.add(
                join_pieces, [graph.add(piece_of, pieces, p) for pieces in cut], vocabulary,
                home=own[p],
            )
            for p in range(n)
        ]  # fmt: skip
    else:
        slim = dict(zip((s.number for s in shards), bare, strict=True))
        ends: list[Any] = [None, *way.cuts.to_list(), None]
        loaded = []
        for p, readers in enumerate(way.readers):
            mine = _Readers([(slim[s.number], whole) for s, whole in readers])
            loaded.append(
                graph.add(_load_range, mine, ends[p], ends[p + 1], vocabulary, home=own[p])
            )
    keys = [*loaded, *(graph.add(Loaded.size, key) for key in loaded)]
    futures = graph.send(machine.client, keys)
    machine.settle(futures, lambda done: progress(min(done, n), n, "loading"), graph.homes)
    sizes = machine.wait(futures[n:])
    progress(n, n, "loading")
    n_tasks, n_answers = (sum(size[i] for size in sizes) for i in (0, 1))
    shape = Shape(n_tasks, n_answers, workers, classes, weighted=vocabulary.weighted)
    place = Graph("partition")
    of_all = place.add(_same, _Whole(shape))
    first = np.concatenate(([0], np.cumsum([size[0] for size in sizes])))
    parts = [
        place.add(_part_of, future, p, int(first[p]), of_all)
        for p, future in enumerate(futures[:n])
    ]
    made = place.send(machine.client, parts)
    machine.settle(made)
    machine.untie(graph.homes)
    return DaskParts(machine, made, shape), sum(size[2] for size in sizes)


class _Readers(list[tuple[Shard, bool]]):
    """A list that Dask need not look into."""


class _Whole:
    """A `Shape`, which Dask need not look into."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape


def _same(value: Any) -> Any:
    return value


def _load_range(readers: _Readers, low: Any, high: Any, vocabulary: Vocabulary) -> Loaded:
    return load_range(readers, low, high, vocabulary)


def _part_of(loaded: Loaded, index: int, first_task: int, whole: _Whole) -> Part:
    return part_of(loaded, index, first_task, whole.shape)


def _worker_answers(part: Part) -> tuple[Any]:
    return (part.answers.answers_per_worker,)
