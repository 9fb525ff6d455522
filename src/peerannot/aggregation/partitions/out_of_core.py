"""Fits of answers larger than memory: Parquet shards in, Parquet shards out.

The shards are coded once into memory-mapped files (`peerannot.io.shards`), whose chunks of
tasks are the partitions on which the strategy is fitted. Labels and posterior are computed once
more at the end, chunk by chunk, and written.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peerannot._files import atomic_path, sha256, storage_errors, write_json, write_npy
from peerannot._lock import locked
from peerannot._progress import Progress, silent
from peerannot._version import __version__
from peerannot.aggregation.base import Fit, Fitted, Strategy
from peerannot.aggregation.capabilities import check_partitions
from peerannot.aggregation.partitions.known import Gold, KnownLabels
from peerannot.aggregation.partitions.mapped import MappedParts
from peerannot.aggregation.partitions.outcome import outcome
from peerannot.aggregation.registry import build
from peerannot.aggregation.result import Diagnostics
from peerannot.answers import DuplicatePolicy, Meaning
from peerannot.errors import ConvergenceWarning, ParameterError

if TYPE_CHECKING:
    import polars as pl

    from peerannot.io.shards import Coded

__all__ = [
    "MOST_COLUMNS",
    "PART",
    "OutOfCore",
    "fit_shards",
    "manifest_of",
    "task_frame",
    "worker_frame",
]

PART = 2**21  # tasks of a shard of the result, about
MOST_COLUMNS = 1000  # classes up to which a posterior is written as columns


@dataclass(frozen=True)
class OutOfCore:
    """What was fitted, and where it is.

    Attributes
    ----------
    folder : Path
        ``tasks/part-*.parquet`` (task, label, confidence, n_answers, and a column ``p_CLASS`` for
        each class unless hard labels were asked for; label is null where undecided),
        ``workers.parquet`` (worker, n_answers, skill), ``confusion.npy`` (n_workers, true,
        answered) where the model has it, and ``manifest.json``, which is written last.
    strategy : str
    n_tasks, n_workers, n_classes, n_answers, n_undecided : int
    mean_confidence : float
    n_shards, n_checked : int
        Shards of answers, and those that were compared with a checksum.
    diagnostics : Diagnostics
    """

    folder: Path
    strategy: str
    n_tasks: int
    n_workers: int
    n_classes: int
    n_answers: int
    n_undecided: int
    mean_confidence: float
    n_shards: int
    n_checked: int
    diagnostics: Diagnostics


def fit_shards(
    paths: str | Path | Sequence[str | Path],
    strategy: str | Strategy = "DS",
    *,
    output: str | Path,
    scratch: str | Path | None = None,
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
) -> OutOfCore:
    """Fit a strategy to shards of Parquet that need not fit in memory.

    Parameters
    ----------
    paths
        A pattern (``"answers-*.parquet"``), a folder, a file, or several of them.
    strategy
        One that runs on partitions of tasks, by name with options in brackets, or built.
    output
        Folder of the result; what an earlier result left there is replaced.
    scratch
        Folder of the memory-mapped files, 4 to 6 bytes an answer (8 more with weights) and
        4 to 12 bytes a task. It is
        kept, and used again while the shards stay as they are. By default a folder inside
        ``output`` that is removed at the end, also when the fit fails.
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
        Told the rows coded, then the iterations done, then the tasks written.

    Raises
    ------
    ParameterError
        The strategy needs all answers in memory, or cannot use ``gold``.
    DataError
        The shards cannot be used; the message has file and row. Or ``gold`` does not fit them.
    StorageError
        The disk has no room.

    Notes
    -----
    Cost: as in memory, and two readings of the shards; what in memory is prepared once for all
    iterations is prepared in each. Memory: what the strategy knows of workers (for confusion
    matrices the counts of each pair of worker and label that occurs, at most 256 MiB for up to
    eight blocks, or one block's), and a chunk of tasks. Mapped files count as resident while the
    system has room for them, and give way. What some strategies keep with tasks (GLAD, IWMV,
    PlantNet: 4 to 8 bytes a task or an answer) is in ``scratch``, too.
    Results equal those in memory to the rounding of sums, for any number of threads.
    """
    from peerannot.io import Source
    from peerannot.io.shards import code_shards

    fitted = build(strategy) if isinstance(strategy, str) else strategy
    check_partitions(fitted)
    if gold is not None and not fitted.takes_gold:
        raise ParameterError(f"{fitted.name} cannot use gold labels")
    told = progress or silent
    folder = Path(output)
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    taken = {file.resolve().parent for path in several for file in Source.open(path).files}
    if (folder / "tasks").resolve() in taken:
        raise ParameterError(f"{folder / 'tasks'} holds the answers; choose another output folder")
    with _coding_folder(folder, scratch) as home:
        coded = code_shards(
            paths,
            home,
            columns={
                "task": task_col,
                "worker": worker_col,
                "label": label_col,
                "weight": weight_col,
            },
            classes=classes,
            labels=labels,
            duplicates=duplicates,
            progress=told,
        )
        if not hard and len(coded.classes) > MOST_COLUMNS:
            raise ParameterError(
                f"{len(coded.classes)} classes are too many for columns of a posterior; ask for"
                " hard labels"
            )
        parts = MappedParts(coded)
        try:
            if gold is not None:
                parts.know(KnownLabels.of(gold, parts))
            fit = fitted.with_files().fit_parts(parts, told)
            done = _write(folder, coded, fitted, fit, parts, hard, told)
        finally:
            parts.close()
    if not done.diagnostics.converged:
        warnings.warn(
            f"{fitted.name} stopped after {done.diagnostics.n_iter} iterations before it"
            " converged; raise max_iter, or tol if this is close enough",
            ConvergenceWarning,
            stacklevel=2,
        )
    return done


@contextlib.contextmanager
def _coding_folder(output: Path, scratch: str | Path | None) -> Iterator[Path]:
    """A folder of its own for the coded answers, since coding anew removes what is in it."""
    if scratch is not None:
        with locked(Path(scratch)), locked(output):
            yield Path(scratch) / "coded-answers"
        return
    with locked(output):
        ours = output / ".scratch"
        # Of a run that was killed: it may be half removed.
        shutil.rmtree(ours, ignore_errors=True)
        try:
            yield ours / "coded-answers"
        finally:
            shutil.rmtree(ours, ignore_errors=True)


def _write(
    folder: Path, coded: Coded, rule: Strategy, fitted: Fitted, chunks: MappedParts, hard: bool,
    progress: Progress,
) -> OutOfCore:  # fmt: skip
    """Write shards of tasks, the table of workers, and last the manifest."""
    import polars as pl

    fit = fitted.fit
    with storage_errors(folder):
        (folder / "tasks").mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)
        (folder / "confusion.npy").unlink(missing_ok=True)
        for old in (folder / "tasks").glob("part-*.parquet"):
            old.unlink()
    held: list[pl.DataFrame] = []
    parts: list[str] = []
    sums: dict[str, str] = {}
    undecided, sure, tasks = 0, 0.0, 0

    def flush() -> None:
        parts.append(f"tasks/part-{len(parts):05d}.parquet")
        with atomic_path(folder / parts[-1]) as temporary:
            pl.concat(held).write_parquet(temporary)
            sums[parts[-1]] = sha256(temporary)
        held.clear()

    for task, part in zip(coded.task_ids(), chunks, strict=True):
        labels, confidence, posterior = outcome(part, rule, fitted.write, fitted.given)
        size = coded.size[part.first_task : part.first_task + labels.size]
        held.append(
            task_frame(task, size, coded.classes, labels, confidence, None if hard else posterior)
        )
        undecided += int((labels < 0).sum())
        sure += float(confidence.sum())
        tasks += labels.size
        if sum(frame.height for frame in held) >= PART:
            flush()
        progress(tasks, coded.n_tasks, "writing")
    if held:
        flush()
    with atomic_path(folder / "workers.parquet") as temporary:
        worker_frame(coded.workers, coded.worker_answers, fit).write_parquet(temporary)
        sums["workers.parquet"] = sha256(temporary)
    if fit.confusion is not None:
        write_npy(folder / "confusion.npy", fit.confusion)
        sums["confusion.npy"] = sha256(folder / "confusion.npy")
    diagnostics = fit.diagnostics
    facts = manifest_of(
        rule, fit, hard=hard, classes=coded.classes, n_tasks=coded.n_tasks,
        n_workers=len(coded.workers), n_answers=coded.n_answers, n_dropped=coded.dropped,
        n_undecided=undecided, parts=parts, sums=sums,
    )  # fmt: skip
    facts |= {"n_shards": coded.n_shards, "n_checked": coded.n_checked}
    write_json(folder / "manifest.json", facts)
    return OutOfCore(
        folder, rule.name, coded.n_tasks, len(coded.workers), len(coded.classes), coded.n_answers,
        undecided, sure / coded.n_tasks, coded.n_shards, coded.n_checked, diagnostics,
    )  # fmt: skip


def task_frame(
    task: Any,
    n_answers: NDArray[Any],
    classes: Sequence[str],
    labels: NDArray[np.int32],
    confidence: NDArray[np.float64],
    posterior: Any | None,
) -> pl.DataFrame:
    """Rows of ``tasks/part-*.parquet``, see `OutOfCore`."""
    import polars as pl

    if posterior is not None and not isinstance(posterior, np.ndarray):
        posterior = posterior.toarray()
    names = pl.Series([*classes, None], dtype=pl.String)
    columns = {
        "task": task,
        "label": names.gather(np.where(labels < 0, len(classes), labels)),
        "confidence": confidence,
        "n_answers": n_answers,
    }
    if posterior is not None:
        columns |= {f"p_{name}": posterior[:, k] for k, name in enumerate(classes)}
    return pl.DataFrame(columns)


def worker_frame(workers: Iterable[str], n_answers: NDArray[np.int64], fit: Fit) -> pl.DataFrame:
    """The table ``workers.parquet``, see `OutOfCore`."""
    import polars as pl

    columns: dict[str, Any] = {"worker": list(workers), "n_answers": n_answers}
    if fit.skill is not None:
        columns["skill"] = fit.skill
    return pl.DataFrame({**columns, **fit.worker_columns})


def manifest_of(
    rule: Strategy, fit: Fit, *, hard: bool, classes: Iterable[str], n_tasks: int,
    n_workers: int, n_answers: int, n_dropped: int, n_undecided: int, parts: Sequence[str],
    sums: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """What ``manifest.json`` says, see `OutOfCore`."""
    diagnostics = fit.diagnostics
    return {
        "schema": "peerannot/shards/1",
        "version": __version__,
        "strategy": rule.name,
        "options": asdict(rule),
        "hard": hard,
        "n_tasks": n_tasks,
        "n_workers": n_workers,
        "n_answers": n_answers,
        "n_dropped": n_dropped,
        "n_undecided": n_undecided,
        "classes": list(classes),
        "prior": None if fit.prior is None else fit.prior.tolist(),
        "n_iter": diagnostics.n_iter,
        "converged": diagnostics.converged,
        "objective": list(diagnostics.objective),
        "parts": list(parts),
        "sha256": dict(sorted(sums.items())),
    }
