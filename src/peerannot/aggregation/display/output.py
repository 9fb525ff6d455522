"""Write a `Result` into a dataset folder, under the names that users of peerannot know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._file_set import MANIFEST, FileSet, file_set
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.online.state import OnlineState
from peerannot.aggregation.result import Result

__all__ = ["Written", "write_labels", "write_state"]


@dataclass(frozen=True)
class Written:
    """Where the files are."""

    labels: Path
    table: Path
    manifest: Path
    side_files: tuple[Path, ...]


def write_labels(
    result: Result,
    strategy: Strategy,
    folder: Path,
    name: str,
    typed: str,
    *,
    hard: bool = False,
    state: OnlineState | None = None,
) -> Written:
    """Write labels, their table, a manifest and what the strategy learned: all or nothing.

    Files, in ``folder``:

    * ``labels/labels_<name>_<typed>.npy``: posterior, float64 (n_tasks, n_classes), row r is
      the r-th task in ascending order of key; with ``hard``, ``..._hard.npy``: int64 (n_tasks,),
      -1 for undecided.
    * the same name as ``.csv``: task, label, confidence, n_answers, entropy, ...
    * the same name as ``.json``: the manifest, written last, with the SHA-256 of both.
    * ``identification/<strategy>/``: ``workers.csv``, ``confusion_matrices.npy`` (n_workers,
      true, answered), the strategy's own files, and ``state/`` where there is a state to keep.

    Raises
    ------
    StorageError
        A file cannot be written, or another process kept the lock of the folder for too long;
        the folder is as before.
    """
    safe = re.sub(r"[/\\\0]", "_", typed)
    stem = f"labels_{name}_{safe}" + ("_hard" if hard else "")
    labels, table = f"labels/{stem}.npy", f"labels/{stem}.csv"
    home = f"identification/{result.strategy}"
    side: dict[str, Any] = {"workers.csv": result.worker_table()}
    if result.confusion is not None:
        side["confusion_matrices.npy"] = result.confusion
    side.update(strategy.side_files(result))
    learned = {f"{home}/{file}": content for file, content in side.items()}
    facts = {**result.manifest(), "typed": typed, "hard": hard, "files": [labels, table, *learned]}
    with file_set(folder) as files:
        files.add(labels, result.labels.astype(np.int64) if hard else result.dense_posterior())
        files.add(table, result.task_file())
        for file, content in learned.items():
            files.add(file, content)
        if state is not None:
            _add_state(files, state)
        files.manifest(f"{home}/{MANIFEST}", {"schema": "peerannot/learned/1"}, learned)
        files.manifest(f"labels/{stem}.json", facts, (labels, table))
    return Written(
        folder / labels,
        folder / table,
        folder / "labels" / f"{stem}.json",
        tuple(folder / file for file in learned),
    )


def write_state(state: OnlineState, folder: Path) -> None:
    """Write a state alone into a dataset folder."""
    with file_set(folder) as files:
        _add_state(files, state)


def _add_state(files: FileSet, state: OnlineState) -> None:
    home = f"identification/{state.strategy.name}/state"
    state.save(files.at(home))
    files.drop_folder(home)
    files.last(f"{home}/manifest.json")
