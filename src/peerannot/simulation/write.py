"""The files of a simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._file_set import MANIFEST, FileSet, file_set, hashes
from peerannot._files import Document, atomic_path, atomic_write, read_json, storage_errors
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.io.checksums import write_one
from peerannot.simulation.base import Simulation

__all__ = ["FACTS", "metadata", "save", "stage", "write_answers", "write_parquet", "written"]

FACTS = {"schema": "peerannot/dataset/1"}
"""What a manifest of a data set says besides its files."""


def save(
    simulation: Simulation,
    folder: str | Path,
    *,
    parquet: str | Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a simulation as a dataset folder, all of it or nothing.

    ``answers.json``, one ``.npy`` for each array that is known (``ground_truth.npy``,
    ``matrices.npy``, ...), and at last ``metadata.json``. Arrays of an earlier simulation in the
    same folder that this one lacks are removed.

    Parameters
    ----------
    folder
        Made where it is missing.
    parquet
        Write the answers to this file instead of ``answers.json``.
    more
        Further entries of the metadata.

    Returns
    -------
    list of Path
        The files written.
    """
    folder = Path(folder)
    with file_set(folder) as files:
        names = stage(files, simulation, parquet=parquet, more=more)
        files.manifest(MANIFEST, FACTS, names)
    return written(folder, names, parquet)


def stage(
    files: FileSet,
    simulation: Simulation,
    *,
    parquet: str | Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write what `save` writes into a set; the names, without that of ``parquet``."""
    arrays = {f"{stem}.npy": array for stem, array in simulation.arrays().items()}
    for name, array in arrays.items():
        files.add(name, array)
    if parquet is None:
        write_answers(files.at("answers.json"), simulation.answers)
    else:
        write_parquet(parquet, simulation.answers)
    names = [*arrays] + ["answers.json"] * (parquet is None)
    files.add("metadata.json", Document({**metadata(simulation), **(more or {}), "files": names}))
    for name in _earlier_files(files.root) - set(names):
        files.drop(name, hashes(files.root / MANIFEST).get(name, ""))
    return [*names, "metadata.json"]


def written(folder: Path, names: Sequence[str], parquet: str | Path | None) -> list[Path]:
    """Paths of what `stage` wrote, the answers first."""
    answers = folder / "answers.json" if parquet is None else Path(parquet)
    return [answers, *(folder / name for name in names if name != "answers.json")]


def metadata(simulation: Simulation) -> dict[str, Any]:
    """Name, sizes and every option of a simulation, without Nones."""
    crowd, model = simulation.crowd, simulation.simulator
    options = dataclasses.asdict(crowd) | dataclasses.asdict(model)
    sizes = {"n_workers": crowd.n_worker, "n_classes": crowd.n_classes, "n_task": crowd.n_task}
    rest = {k: v for k, v in options.items() if k not in ("n_worker", "n_task", "n_classes")}
    document = {"name": model.name, **sizes, "strategy": model.name, **rest}
    document["stream"], document["labels"] = simulation.stream, "codes"
    return {k: v for k, v in document.items() if v is not None}


def _earlier_files(folder: Path) -> set[str]:
    """Files that an earlier simulation says it wrote in this folder."""
    path = folder / "metadata.json"
    if not path.exists():
        return set()
    try:
        earlier = read_json(path)
    except DataError:
        return set()
    names = earlier.get("files") if isinstance(earlier, dict) and "stream" in earlier else None
    known = isinstance(names, list) and all(isinstance(n, str) for n in names)
    return {Path(n).name for n in names} if known and names else set()


def write_answers(path: Path, answers: Answers, *, block: int = 100_000) -> None:
    """Write ``{task: {worker: label}}``, a line a task, so many of them at a time.

    About 2 million answers a second.
    """
    inner = [f'"{w}": ' for w in range(answers.n_workers)]
    pointer = answers.task_ptr
    with atomic_write(path) as handle:
        handle.write(b"{")
        for first in range(0, answers.n_tasks, block):
            last = min(first + block, answers.n_tasks)
            rows = slice(int(pointer[first]), int(pointer[last]))
            workers, labels = answers.worker[rows].tolist(), answers.label[rows].tolist()
            pieces = [f"{inner[w]}{k}" for w, k in zip(workers, labels, strict=True)]
            ends = (pointer[first : last + 1] - pointer[first]).tolist()
            lines = [
                f' "{first + i}": {{{", ".join(pieces[a:b])}}}'
                for i, (a, b) in enumerate(pairwise(ends))
            ]
            start = "\n" if first == 0 else ",\n"
            handle.write((start + ",\n".join(lines)).encode())
        handle.write(b"\n}\n")


def write_parquet(path: str | Path, answers: Answers) -> None:
    """Write columns ``task``, ``worker``, ``label`` (int32), a row an answer.

    Its checksum is written beside it, as ``NAME.sha256``.
    """
    import polars as pl

    columns = {"task": answers.task, "worker": answers.worker, "label": answers.label}
    frame = pl.DataFrame({k: np.asarray(v) for k, v in columns.items()})
    target = Path(path)
    # No list of another file stays beside this one, whenever the writing ends.
    with storage_errors(target):
        target.with_name(f"{target.name}.sha256").unlink(missing_ok=True)
    with atomic_path(target) as temporary:
        frame.write_parquet(temporary, compression="zstd", statistics=True)
    write_one(target)
