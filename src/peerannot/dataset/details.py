"""What ``answers.json`` cannot hold: ``details.parquet`` beside it.

One row for each time that a worker saw a task: columns task (the key), worker, label (position of
the class, null where none was given) and, where answers have one, weight. The entry ``details`` of
``metadata.json`` names the file and the SHA-256 of the ``answers.json`` that it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from peerannot._files import atomic_write, sha256
from peerannot.answers import Answers, DuplicatePolicy
from peerannot.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DETAILS", "Details", "read_details", "write_details"]

DETAILS = "details.parquet"


@dataclass(frozen=True)
class Details:
    """The rows of a sidecar.

    Attributes
    ----------
    path : Path
    frame : polars DataFrame
        Columns task, worker (texts), label (int32, null for an abstention) and, where answers have
        one, weight (float64).
    duplicates : str
        Which of several answers of a worker to a task counted when it was written.
    """

    path: Path
    frame: pl.DataFrame
    duplicates: DuplicatePolicy

    def answers(self, plain: Answers) -> Answers:
        """All answers, with their weights and repeats, of the vocabularies of ``answers.json``.

        Raises
        ------
        DataError
            A task, a worker or a class is not one of them.
        """
        given = self.frame.drop_nulls("label")
        task = plain.tasks.codes(given["task"].to_list())
        worker = plain.workers.codes(given["worker"].to_list())
        label = given["label"].to_numpy()
        outside = (label < 0) | (label >= plain.n_classes)
        if (task < 0).any() or (worker < 0).any() or outside.any():
            raise DataError(
                f"{self.path}: its answers are not those of answers.json; {_way_out(self.path)}"
            )
        weight = given["weight"].to_numpy() if "weight" in given.columns else None
        return Answers.from_codes(
            task, worker, label, plain.tasks, plain.workers, plain.classes, weight, "all"
        )

    def abstained(self) -> pl.DataFrame:
        """Columns task and worker: who saw which task and gave no label."""
        return self.frame.filter(self.frame["label"].is_null()).select("task", "worker")


def write_details(
    path: Path, answers: Answers, keys: Sequence[str], abstained: Sequence[tuple[str, str]]
) -> bool:
    """Write the sidecar where there is something that ``answers.json`` cannot hold.

    Parameters
    ----------
    path
        The file to write.
    answers
        All answers.
    keys
        Key of each task, in the order of ``answers.tasks``.
    abstained
        Key of the task and worker of each abstention.

    Returns
    -------
    bool
        Whether there was: weights, several answers of a worker to a task, or abstentions.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    same = np.diff(answers.task) == 0
    repeated = bool((same & (np.diff(answers.worker) == 0)).any())
    if answers.weight is None and not repeated and not abstained:
        return False
    import polars as pl

    given = pl.DataFrame(
        {
            "task": pl.Series(keys, dtype=pl.String).gather(answers.task),
            "worker": pl.Series(list(answers.workers), dtype=pl.String).gather(answers.worker),
            "label": pl.Series(answers.label, dtype=pl.Int32),
        }
    )
    if answers.weight is not None:
        given = given.with_columns(pl.Series("weight", answers.weight))
    silent = pl.DataFrame(
        list(abstained), schema={"task": pl.String, "worker": pl.String}, orient="row"
    )
    with atomic_write(path) as handle:
        pl.concat([given, silent], how="diagonal").write_parquet(handle)
    return True


def read_details(folder: Path, metadata: Mapping[str, Any], answers: Path) -> Details | None:
    """The sidecar of an answers file; None where it has none.

    Raises
    ------
    DataError
        The answers were changed since it was written, or it is absent or damaged.
    """
    entry = metadata.get("details")
    if entry is None or answers.resolve() != (folder / "answers.json").resolve():
        return None
    name = entry.get("file") if isinstance(entry, dict) else None
    if not isinstance(name, str) or Path(name).name != name:
        raise DataError(f"{folder / 'metadata.json'}: details must name a file of the folder")
    path = folder / name
    if not path.is_file():
        raise DataError(f"{path}: no such file, but metadata.json names it; {_way_out(path)}")
    if sha256(answers) != entry.get("answers_sha256"):
        raise DataError(
            f"{answers}: changed since {path.name} was written, which holds its weights, repeated"
            f" answers and abstentions; {_way_out(path)}"
        )
    import polars as pl

    try:
        frame = pl.read_parquet(path)
        kinds = {"task": pl.String, "worker": pl.String, "label": pl.Int32}
        kinds |= {"weight": pl.Float64} if "weight" in frame.columns else {}
        frame = frame.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: damaged ({why}); {_way_out(path)}") from None
    policy = entry.get("duplicates")
    return Details(path, frame, policy if policy in get_args(DuplicatePolicy) else "last")


def _way_out(path: Path) -> str:
    return (
        f'import the source again, or remove "details" from {path.parent / "metadata.json"} to'
        " go on without them"
    )
