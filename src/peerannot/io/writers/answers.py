"""Answers for other tools: long tables, cleanlab's matrix, and the dataset's own forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from peerannot._files import atomic_write, write_json, write_npy
from peerannot._options import option
from peerannot.answers import Ids, Meaning
from peerannot.errors import ParameterError
from peerannot.io._folder import answers_document
from peerannot.io._output import SUFFIXES, write_table
from peerannot.io._write import WRITERS, Export, Writer

__all__ = [
    "AnswersJsonWriter",
    "CleanlabWriter",
    "CrowdKit",
    "TextMatrixWriter",
    "WorkerFirstWriter",
]

CELLS = 10**8  # of a dense matrix; above, it is refused


def _dense(job: Export, what: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Labels (n_tasks, n_workers), -1 where there is none."""
    answers = job.answers
    if answers.n_tasks * answers.n_workers > CELLS:
        raise ParameterError(
            f"{what} is a dense matrix: {answers.n_tasks} tasks x {answers.n_workers} workers are"
            f" more than {CELLS} cells; write crowd-kit's long table instead"
        )
    matrix = np.full((answers.n_tasks, answers.n_workers), -1, np.int32)
    matrix[answers.task, answers.worker] = answers.label
    return matrix


@WRITERS.register("crowdkit", "crowd-kit", "table", "csv", "parquet")
@dataclass(frozen=True, kw_only=True)
class CrowdKit(Writer):
    """crowd-kit's long table: task, worker, label, and weight where answers have one.

    A worker who saw a task and gave no label has a row with an empty label, and no weight.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    def write(self, job: Export, output: Path) -> list[str]:
        a = job.answers
        columns = {
            "task": pl.Series([job.id_of(t) for t in a.tasks], dtype=pl.String).gather(a.task),
            "worker": pl.Series(list(a.workers), dtype=pl.String).gather(a.worker),
            "label": pl.Series(list(a.classes), dtype=pl.String).gather(a.label),
        }
        if a.weight is not None:
            columns["weight"] = pl.Series(a.weight)
        silent = {
            "task": [job.id_of(task) for task, _ in job.abstained],
            "worker": [worker for _, worker in job.abstained],
        }
        rows = pl.concat(
            [
                pl.DataFrame(columns),
                pl.DataFrame(silent, schema={"task": pl.String, "worker": pl.String}),
            ],
            how="diagonal",
        )
        write_table(output, {name: rows[name] for name in rows.columns})
        seen = {task for task, _ in job.abstained}
        empty = np.flatnonzero(a.answers_per_task == 0).tolist()
        lost = sum(a.tasks[i] not in seen for i in empty)
        notes = [f"{len(job.abstained)} rows have an empty label: no answer was given"]
        return notes * bool(job.abstained) + [f"{lost} tasks without answers have no row"] * bool(
            lost
        )


@WRITERS.register("cleanlab", "wide")
@dataclass(frozen=True, kw_only=True)
class CleanlabWriter(Writer):
    """cleanlab's matrix: a row a task, a column a worker, labels 0..K-1, empty for none.

    cleanlab refuses rows and columns without any label, so they are left out. Names of the
    classes go to ``<output>.classes.json``; with aggregated labels, ``<output>.pred_probs.npy``
    has their posterior, row by row.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    def write(self, job: Export, output: Path) -> list[str]:
        answers, matrix = job.answers, _dense(job, "cleanlab's matrix")
        rows = np.flatnonzero((matrix >= 0).any(1))
        columns = np.flatnonzero((matrix >= 0).any(0))
        table = {"task": [job.id_of(answers.tasks[int(i)]) for i in rows]}
        frame = pl.DataFrame(table, schema={"task": pl.String}).with_columns(
            pl.Series(answers.workers[int(j)], matrix[rows, j]).replace(-1, None) for j in columns
        )
        write_table(output, {name: frame[name] for name in frame.columns})
        named = _write_names(output, answers.classes, always=True)
        if job.result is not None:
            probabilities = job.result.dense_posterior()[rows]
            write_npy(output.with_name(f"{output.name}.pred_probs.npy"), probabilities)
        lost = {
            "tasks": answers.n_tasks - rows.size,
            "workers": answers.n_workers - columns.size,
        }
        return [f"{n} {what} without answers left out" for what, n in lost.items() if n] + named


@WRITERS.register("answers-json", "answers.json", "peerannot", "task-first")
@dataclass(frozen=True, kw_only=True)
class AnswersJsonWriter(Writer):
    """``{task: {worker: label}}``, as a dataset folder has it.

    Parameters
    ----------
    labels
        What stands for a class: its position 0..K-1 (``"codes"``, as the published package has
        it; names of the classes are then in ``<output>.classes.json``, for ``--classes``), or
        its name.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    labels: Meaning = option("codes", help="positions of classes, or their names")

    def write(self, job: Export, output: Path) -> list[str]:
        document = answers_document(job.answers, list(job.answers.tasks))
        return _write_votes(output, document, job, self.labels)


@WRITERS.register("worker-first")
@dataclass(frozen=True, kw_only=True)
class WorkerFirstWriter(Writer):
    """``{worker: {task: label}}``.

    Parameters
    ----------
    labels
        Positions of classes or their names, as for answers-json.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    labels: Meaning = option("codes", help="positions of classes, or their names")

    def write(self, job: Export, output: Path) -> list[str]:
        document: dict[str, dict[str, int]] = {worker: {} for worker in job.answers.workers}
        for task, row in answers_document(job.answers, list(job.answers.tasks)).items():
            for worker, label in row.items():
                document[worker][task] = label
        return _write_votes(output, document, job, self.labels)


def _write_votes(
    output: Path, document: Mapping[str, Mapping[str, int]], job: Export, labels: Meaning
) -> list[str]:
    """Write votes with codes or names; and the names beside codes that do not tell them."""
    names = job.answers.classes
    if labels == "names":
        write_json(
            output,
            {a: {b: names[code] for b, code in row.items()} for a, row in document.items()},
            indent=None,
        )
        return []
    write_json(output, document, indent=None)
    return _write_names(output, names)


def _write_names(output: Path, names: Ids, *, always: bool = False) -> list[str]:
    """Write the names of classes beside their positions, which may tell them; and how to read."""
    beside, told = output.with_name(f"{output.name}.classes.json"), names == Ids(len(names))
    if always or not told:
        write_json(beside, list(names))
    if told:
        return []
    return [
        f"labels are positions of classes; their names are in {beside}: read back with"
        f" --classes {beside} --labels codes"
    ]


@WRITERS.register("text-matrix", "rodrigues")
@dataclass(frozen=True, kw_only=True)
class TextMatrixWriter(Writer):
    """Rodrigues' text matrix: a row a task, a column a worker, -1 for no answer.

    Names of classes that are not their positions go to ``<output>.classes.json``.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    def write(self, job: Export, output: Path) -> list[str]:
        with atomic_write(output) as handle:
            np.savetxt(handle, _dense(job, "the text matrix"), fmt="%d")
        return _write_names(output, job.answers.classes)
