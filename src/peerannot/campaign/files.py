"""A tool that is files: votes that others append, and what to do next written beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerannot._file_set import settle
from peerannot._files import atomic_write
from peerannot.campaign.decision import Decision
from peerannot.campaign.growing import mark, snapshot, votes_files
from peerannot.campaign.tool import Pulled
from peerannot.errors import AwayError, DataError
from peerannot.io import NoAnswersError, read, write_table

__all__ = ["Files"]


@dataclass(eq=False)
class Files:
    """A file of votes, or a folder of them, that grows.

    All of it is read whenever something changed: the labels are those of the files as they are,
    also where answers were corrected in them. Files that hold fewer answers than before are not
    believed, since they are being written, or one was moved away: `AwayError`.

    Attributes
    ----------
    path : Path
        A file of any format that `peerannot.io.read` knows, a folder of such files, or a dataset
        folder. It need not exist yet.
    outputs : mapping of Path to callable
        Files to write, and what writes a decision into one, as `write_labels`.
    tasks : sequence of str or None
        All tasks.
    reading : mapping
        Options of `peerannot.io.read`.
    """

    path: Path
    outputs: Mapping[Path, Callable[[Path, Decision], None]] = field(default_factory=dict)
    tasks: Sequence[str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    _mark: Any = field(default=None, init=False)

    @property
    def name(self) -> str:
        return str(self.path)

    def pull(self, since: Any) -> Pulled | None:
        settle(self.path)
        if all((self.path / name).exists() for name in ("answers.json", "metadata.json")):
            seen: Any = mark([self.path / "answers.json"])
            read_all = self._dataset
        else:
            files = votes_files(self.path, self.outputs)
            seen = mark(files)

            def read_all() -> Any:
                return self._snapshot(files)

        if self._mark is not None and seen == self._mark:
            return None
        imported = read_all()
        rows = 0 if imported is None else imported.report.rows
        before = (since or {}).get("rows", 0)
        if rows < before:
            raise AwayError(
                f"{self.path}: {rows:,} rows where there were {before:,}; it is being written, or"
                " was moved away: put it back, or remove the state to begin anew"
            )
        first, self._mark = self._mark is None, seen
        classes = self.reading.get("classes")
        names = None if classes is None else _names(classes)
        if imported is None:
            return Pulled(since={"rows": 0}, whole=True, tasks=self.tasks, classes=names)
        return Pulled(
            since={"rows": rows},
            whole=True,
            answers=imported.answers,
            passed_over=imported.abstained.rows(),
            tasks=self.tasks,
            classes=names,
            gold=imported.gold,
            notes=imported.report.lines() if first else (),
        )

    def push(self, decision: Decision) -> int:
        return sum(_put(path, decision, write) for path, write in self.outputs.items())

    def _dataset(self) -> Any:
        return read(self.path, **self.reading)

    def _snapshot(self, files: list[Path]) -> Any:
        """What is read of copies of the files; None where there is no answer in them yet."""
        with tempfile.TemporaryDirectory(prefix="peerannot-") as folder:
            copies = [snapshot(file, Path(folder)) for file in files]
            whole = [str(copy) for copy in copies if copy is not None]
            if not whole:
                return None
            try:
                return read(whole, **self.reading)
            except NoAnswersError:
                return None
            except DataError as error:
                home = self.path if self.path.is_dir() else self.path.parent
                said = str(error).replace(f"{folder}/", "" if home == Path() else f"{home}/")
                raise DataError(said) from None


def write_labels(path: Path, decision: Decision) -> None:
    """Labels of the tasks that have answers: the columns of `Result.task_table`."""
    table = decision.result.task_table()
    rows = [i for i, n in enumerate(table["n_answers"]) if n]
    write_table(path, {name: _some(column, rows) for name, column in table.items()})


def _some(column: Any, rows: list[int]) -> Any:
    return [column[i] for i in rows] if isinstance(column, list) else column[rows]


def _names(classes: Any) -> list[str]:
    from peerannot.answers import Ids

    return list(Ids(classes)) if isinstance(classes, int) else list(map(str, classes))


def _put(path: Path, decision: Decision, write: Callable[[Path, Decision], None]) -> bool:
    """Write a file where what is to be in it is not there; whether it was."""
    with tempfile.TemporaryDirectory(prefix="peerannot-") as folder:
        draft = Path(folder) / path.name
        write(draft, decision)
        content = draft.read_bytes()
    if path.is_file() and path.read_bytes() == content:
        return False
    with atomic_write(path) as handle:
        handle.write(content)
    return True
