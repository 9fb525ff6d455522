"""`fit`: shards in, shards out, on a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from peerannot._progress import Progress, silent
from peerannot._text import few
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.capabilities import check_partitions
from peerannot.aggregation.partitions.known import Gold, KnownLabels
from peerannot.aggregation.partitions.out_of_core import MOST_COLUMNS
from peerannot.aggregation.partitions.parts import Part, Shape
from peerannot.aggregation.registry import build
from peerannot.answers import DuplicatePolicy, Ids, Meaning, by_task, labels_in
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
from peerannot.distributed._survey import SAMPLES, Layout, Merged, Shard, merge, plan, survey_shard
from peerannot.distributed._write import DistributedResult, LeftOut, clear, finish, write_part
from peerannot.errors import ConvergenceWarning, DataError, DataWarning, ParameterError
from peerannot.io.classes import GUESSED

__all__ = ["fit"]

MOST_ROWS = 2**25  # rows of a partition, about, however few workers there are
LEAST_SAMPLES = 64  # of each shard


def fit(
    paths: str | Path | Sequence[str | Path],
    strategy: str | Strategy = "DS",
    *,
    output: str | Path,
    scheduler: str | None = None,
    workers: int | None = None,
    client: Any | None = None,
    patience: float = 300.0,
    partitions: int | None = None,
    resume: bool = False,
    skip_bad_shards: bool = False,
    checkpoint_every: int = 5,
    hard: bool = False,
    gold: Gold | None = None,
    classes: Iterable[Any] | int | None = None,
    labels: Meaning | None = None,
    duplicates: DuplicatePolicy = "last",
    task_col: str | None = None,
    worker_col: str | None = None,
    label_col: str | None = None,
    weight_col: str | None = None,
    progress: Progress | None = None,
) -> DistributedResult:
    """Fit a strategy to shards of Parquet on a Dask cluster.

    Parameters
    ----------
    paths
        A pattern (``"s3://bucket/answers-*.parquet"``), a folder, a file, or several of them, by
        path or by URL of any file system that fsspec knows. All workers must reach them.
    strategy
        One that distributes, by name with options in brackets, or built.
    output
        Folder of the result, a path or a URL that all workers reach; an earlier result in it is
        replaced.
    scheduler
        Address of a running scheduler, ``tcp://HOST:PORT``.
    workers
        Without a scheduler: processes to start on this machine, which share its cores.
    client
        A `distributed.Client` to use instead; it stays open.
    patience
        Seconds to wait for a worker where there is none, and for a scheduler 15 of them at most.
    partitions
        Partitions of tasks. By default one a worker, more where one would have over 2**25 rows.
        Results depend on their number only through the rounding of sums.
    resume
        Go on from the last checkpoint in ``output``, where there is one of the same fit.
    skip_bad_shards
        Leave out shards that cannot be read, and tell of them.
    checkpoint_every
        Iterations from one checkpoint to the next.
    hard
        Leave out the columns of the posterior.
    gold
        Known classes of some tasks, see `peerannot.answers.gold_labels`; they stay fixed. Or
        what `peerannot.selection.read_gold` gives of a file.
    classes, labels, duplicates
        See `peerannot.io.read`.
    task_col, worker_col, label_col
        Names of the columns where they are not usual ones.
    weight_col
        Column of the weights of answers, numbers >= 0; by default every answer counts 1.
    progress
        Told the shards surveyed, the partitions loaded, the iterations, the partitions written.

    Raises
    ------
    ParameterError
        The strategy needs all tasks in one place or cannot use ``gold``, or the checkpoint is of
        another fit.
    DataError
        The shards cannot be used; the message names the first that cannot. Or ``gold`` does not
        fit them.
    ClusterError
        There is no cluster, or it was lost; ``resume`` goes on.
    MissingDependencyError
        Dask or the driver of a file system is not installed.

    Notes
    -----
    Cost: shards are read twice. Memory of a worker: 12 bytes an answer (20 with weights) and
    16 a task of its partitions, what the model adds to that, and while it loads about as much
    again. Memory of the client and of the scheduler: vocabularies of workers and classes, and the
    parameters.
    The posterior equals that of one machine to the rounding of sums.
    """
    if checkpoint_every < 1:
        raise ParameterError("checkpoint_every must be at least 1")
    if scheduler is not None and (workers is not None or client is not None):
        raise ParameterError("give a scheduler, or a number of workers, or a client: one of them")
    if any(n is not None and n < 1 for n in (workers, partitions)):
        raise ParameterError("workers and partitions must be at least 1")
    fitted = build(strategy) if isinstance(strategy, str) else strategy
    check_partitions(fitted)
    ready = fitted.with_files()
    if gold is not None and not fitted.takes_gold:
        raise ParameterError(f"{fitted.name} cannot use gold labels")
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    urls = [url for path in several for url in find_shards(path)]
    store, told = Store(output), progress or silent
    if any(url.startswith(store.at("tasks/")) for url in urls):
        raise ParameterError(f"{store.at('tasks')} holds the answers; choose another output folder")
    columns = {"task": task_col, "worker": worker_col, "label": label_col, "weight": weight_col}
    wanted = None if classes is None else classes if isinstance(classes, int) else list(classes)
    sums = checksums(urls)
    run = {
        "answers": [[*size_and_date(u), k and k[0]] for u, k in zip(urls, sums, strict=True)],
        "strategy": [fitted.name, {k: str(v) for k, v in asdict(fitted).items()}],
        "classes": None if wanted is None else str(wanted),
        "labels": labels,
        "duplicates": duplicates,
        "columns": columns,
        "partitions": partitions,
        "gold": None if gold is None else _digest(gold),
    }
    with store.locked(), cluster(scheduler, workers, client, patience) as machine:
        saved = read_checkpoint(store, _asked(run)) if resume else []
        clear(store, keep_checkpoint=bool(saved))
        seen = _survey(machine, urls, sums, columns, told)
        usable, left_out = _usable(seen, skip_bad_shards, few(several, 1))
        vocabulary = Vocabulary(
            store, uuid4().hex, seen.kinds, wanted, labels, duplicates, columns, few(several, 1)
        )
        vocabulary.write(seen.workers, seen.labels)
        coding = vocabulary.coding()
        if coding.guessed:
            warnings.warn(f"{vocabulary.name}: {GUESSED}", DataWarning, stacklevel=2)
        if not hard and len(coding.classes) > MOST_COLUMNS:
            raise ParameterError(
                f"{len(coding.classes)} classes are too many for columns of a posterior; ask for"
                " hard labels"
            )
        n_rows = sum(shard.height for shard in usable)
        homes = list(machine.workers())
        n = partitions or max(len(homes), -(-n_rows // MOST_ROWS))
        if saved:
            n = saved[0].run["n"]
        parts, n_dropped = _load(
            machine, plan(usable, seen.kinds["task"], n), usable, vocabulary,
            coding.workers, coding.classes, homes, told,
        )  # fmt: skip
        if gold is not None:
            parts.know(KnownLabels.of(gold, parts))
        checkpoint = SavedRun(store, {**_asked(run), "n": n}, checkpoint_every, parts, saved)
        done = ready.fit_parts(parts, told, checkpoint)
        (worker_answers,) = parts.sum(_worker_answers)
        written = parts.each(write_part, fitted, done.write, done.given, store, hard)
        told(len(parts), len(parts), "writing")
        result = finish(
            store, fitted, done.fit, parts.shape, worker_answers, written, hard=hard,
            n_dropped=n_dropped, n_partitions=len(parts),
            resumed_at=checkpoint.resumed_at, left_out=left_out, n_shards=len(urls),
            n_checked=sum(known is not None for known in sums),
        )  # fmt: skip
    if not result.diagnostics.converged:
        warnings.warn(
            f"{fitted.name} stopped after {result.diagnostics.n_iter} iterations before it"
            " converged; raise max_iter, or tol if this is close enough",
            ConvergenceWarning,
            stacklevel=2,
        )
    return result


def _asked(run: Mapping[str, Any]) -> dict[str, Any]:
    # How many partitions there are is not asked of a resumed run: it takes what was.
    return {key: value for key, value in run.items() if key != "partitions"}


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
    columns: Mapping[str, Any], told: Progress,
) -> Merged:  # fmt: skip
    graph = Graph("survey")
    samples = max(SAMPLES // len(urls), LEAST_SAMPLES)
    looks = [
        graph.add(survey_shard, url, i, columns, samples, known)
        for i, (url, known) in enumerate(zip(urls, sums, strict=True))
    ]
    futures = graph.send(machine.client, [*looks, graph.tree(looks, merge)])
    found = machine.wait(futures[-1:], lambda _: told(_done(futures), len(urls), "surveying"))[0]
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
    workers: Ids, classes: Ids, homes: Sequence[str], told: Progress,
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
    machine.settle(futures, lambda done: told(min(done, n), n, "loading"), graph.homes)
    sizes = machine.wait(futures[n:])
    told(n, n, "loading")
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
