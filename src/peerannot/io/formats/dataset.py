"""The dataset folder of peerannot, with all that an import keeps in it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from peerannot._files import read_json
from peerannot.answers import gold_names
from peerannot.dataset import Dataset
from peerannot.errors import DataError, DataWarning
from peerannot.io._source import Source
from peerannot.io.base import CERTAIN, FORMATS, NO, Format, Votes
from peerannot.io.formats.table import read_rows

__all__ = ["DatasetFolder"]


@FORMATS.register("dataset", "dataset-folder")
@dataclass(frozen=True, kw_only=True)
class DatasetFolder(Format):
    """A folder that `import` made, or a published one: ``answers.json`` and ``metadata.json``.

    Weights, repeated answers, abstentions and known labels come with it, and tasks have the ids
    that they had before the import.
    """

    @classmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        at = source.folder
        found = at is not None and all((at / f).exists() for f in ("answers.json", "metadata.json"))
        return CERTAIN if found else NO

    def read(self, source: Source) -> Votes:
        if source.folder is None:
            raise DataError(f"{source.name}: expected the folder of a data set")
        dataset = Dataset.open(source.folder)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", DataWarning)
            answers, details = dataset.answers(), dataset.details()
        table = source.folder / "tasks.csv"
        rows = read_rows(Source.open(table), ("key", "task", "image")) if table.exists() else []
        task_of = {row["key"]: row["task"] for row in rows}
        tasks = pl.Series([task_of.get(key, key) for key in answers.tasks], dtype=pl.String)
        workers = pl.Series(list(answers.workers), dtype=pl.String)
        frame = pl.DataFrame(
            {
                "task": tasks.gather(answers.task),
                "worker": workers.gather(answers.worker),
                "label": pl.Series(list(answers.classes), dtype=pl.String).gather(answers.label),
            }
        )
        if answers.weight is not None:
            frame = frame.with_columns(pl.Series("weight", answers.weight))
        if details is not None:
            silent = details.abstained().with_columns(
                pl.col("task").replace(task_of), label=pl.lit(None, pl.String)
            )
            frame = pl.concat([frame, silent], how="diagonal")
            if answers.weight is not None:
                frame = frame.with_columns(pl.col("weight").fill_null(1.0))
        return Votes(
            frame,
            lambda row: (
                f"{source.name}: task {frame['task'][row]!r}, worker {frame['worker'][row]!r}"
            ),
            tasks=tuple(tasks),
            classes=tuple(dataset.classes),
            gold=_gold(source.folder / "gold.json", dataset, task_of),
            images={row["task"]: row["image"] for row in rows if row["image"]},
            duplicates=None if details is None else details.duplicates,
            notes=[str(warning.message) for warning in told],
        )


def _gold(path: Path, dataset: Dataset, task_of: Mapping[str, str]) -> dict[str, str]:
    """Known labels by the ids of tasks, as names of classes."""
    if not path.exists():
        return {}
    known = gold_names(read_json(path), dataset.classes, str(path))
    return {task_of.get(key, key): label for key, label in known.items()}
