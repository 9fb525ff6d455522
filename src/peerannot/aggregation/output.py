"""Write a `Result` into a dataset folder, under the names that users of peerannot know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._files import write_content, write_csv, write_json, write_npy
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.result import Result

__all__ = ["Written", "write_labels"]


@dataclass(frozen=True)
class Written:
    """Where the files are."""

    labels: Path
    table: Path
    manifest: Path
    side_files: tuple[Path, ...]


def write_labels(
    result: Result, strategy: Strategy, folder: Path, name: str, typed: str, *, hard: bool = False
) -> Written:
    """Write labels, their table, a manifest and what the strategy learned.

    Files, in ``folder``:

    * ``labels/labels_<name>_<typed>.npy``: posterior, float64 (n_tasks, n_classes), row r is
      the r-th task in ascending order of key; with ``hard``, ``..._hard.npy``: int64 (n_tasks,),
      -1 for undecided.
    * the same name as ``.csv``: task, label, confidence, n_answers, entropy, ...
    * the same name as ``.json``: the manifest, written last.
    * ``identification/<strategy>/``: ``workers.csv``, ``confusion_matrices.npy`` (n_workers,
      true, answered), and the strategy's own files.

    Raises
    ------
    StorageError
        A file cannot be written. Files written before stay whole.
    """
    safe = re.sub(r"[/\\\0]", "_", typed)
    stem = f"labels_{name}_{safe}" + ("_hard" if hard else "")
    labels = folder / "labels" / f"{stem}.npy"
    array = result.labels.astype(np.int64) if hard else result.dense_posterior()
    write_npy(labels, array)
    table = labels.with_name(f"{stem}.csv")
    write_csv(table, result.task_table())
    side: dict[str, Any] = {"workers.csv": result.worker_table()}
    if result.confusion is not None:
        side["confusion_matrices.npy"] = result.confusion
    side.update(strategy.side_files(result))
    home = folder / "identification" / result.strategy
    for file, content in side.items():
        write_content(home / file, content)
    manifest = labels.with_name(f"{stem}.json")
    files = [str(p.relative_to(folder)) for p in (labels, table, *(home / f for f in side))]
    write_json(manifest, {**result.manifest(), "typed": typed, "hard": hard, "files": files})
    return Written(labels, table, manifest, tuple(home / f for f in side))
