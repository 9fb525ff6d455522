"""From a source to `Answers`: find the format, read, code ids, apply the policies, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from peerannot._loops import native
from peerannot._memory import too_many_classes
from peerannot._options import from_text
from peerannot._text import few
from peerannot._threads import threads
from peerannot.answers import Answers, DuplicatePolicy, Ids, Meaning, check_meaning
from peerannot.answers.labels import class_names
from peerannot.errors import DataError, ParameterError
from peerannot.io._coding import encode
from peerannot.io._detect import detect
from peerannot.io._ids_said import doubtful_ids
from peerannot.io._labels import settle
from peerannot.io._repeats import Repeats, by_time, refuse_contradictions
from peerannot.io._several import read_parts
from peerannot.io._source import Source
from peerannot.io.base import FORMATS, Votes
from peerannot.io.classes import GUESSED, code_labels
from peerannot.io.float_ids import has_float_ids, may_be_floats, without_float_ids

__all__ = [
    "ImportReport",
    "Imported",
    "NoAnswersError",
    "detect",
    "read",
    "read_answers",
    "read_classes",
]


ABSTAINED = "no answer given"

# Formats whose exports hold positions of classes, see `peerannot.io.writers.answers`.
_WITH_POSITIONS = ("answers-json", "worker-first", "text-matrix", "cleanlab")


class NoAnswersError(DataError):
    """A source that could be read has no answers, or none yet."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a source.

    Attributes
    ----------
    format : str
        Name of the format.
    rows : int
        Answers found, with those left out; gold labels are not among them.
    kept : int
        Answers kept.
    dropped : dict of reason to count
        Why the others are not.
    gold : int
        Tasks with a known label.
    contradicting : int
        Answers that differ from another one of the same worker to the same task, kept or not.
    guessed : dict of role to column
        What the user did not say and was found, see `Votes`.
    ignored : tuple of str
        Columns that were not used.
    notes : tuple of str
        Lines that a user should read.
    """

    format: str
    rows: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    gold: int = 0
    contradicting: int = 0
    guessed: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        why = "; ".join(f"{n} dropped: {reason}" for reason, n in self.dropped.items())
        gold = f"; {self.gold} gold labels" if self.gold else ""
        return f"{self.format}: {self.rows} rows, {self.kept} answers kept{gold}" + (
            f"; {why}" if why else ""
        )

    def lines(self) -> list[str]:
        """All of it for a person: what was kept, what was guessed, and the notes."""
        found = " ".join(f"{role}={column}" for role, column in self.guessed.items())
        unused = f"{len(self.ignored)} columns ignored" if self.ignored else ""
        guessed = ", ".join(filter(None, (found, unused)))
        return [str(self), *([guessed] if guessed else []), *self.notes]

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            **asdict(self),
            "dropped": dict(self.dropped),
            "guessed": dict(self.guessed),
            "ignored": list(self.ignored),
            "notes": list(self.notes),
        }


def _nobody() -> pl.DataFrame:
    return pl.DataFrame(schema={"task": pl.String, "worker": pl.String})


@dataclass(frozen=True)
class Imported:
    """What was read.

    Attributes
    ----------
    answers : Answers
    gold : mapping of task to class name
        Known labels.
    images : mapping of task to file
    report : ImportReport
    abstained : polars DataFrame
        Columns task and worker: who saw which task and never gave a label.
    duplicates : str
        Which of several answers of a worker to a task counted.
    question : mapping of str
        How the tool names the question, for labels that go back to it.
    """

    answers: Answers
    gold: Mapping[str, str]
    images: Mapping[str, str]
    report: ImportReport
    abstained: pl.DataFrame = field(default_factory=_nobody)
    duplicates: DuplicatePolicy = "last"
    question: Mapping[str, str] = field(default_factory=dict)


def read(
    path: Any,
    *,
    format: str | None = None,
    classes: Iterable[Any] | int | None = None,
    labels: Meaning | None = None,
    duplicates: DuplicatePolicy | None = None,
    where: Sequence[str] = (),
    sheet: str | None = None,
    no_answer: Sequence[str] = (),
    normalize_labels: bool = False,
    **options: Any,
) -> Imported:
    """Read answers from any supported format.

    Parameters
    ----------
    path
        A file, a folder, a pattern (``"shards/*.parquet"``), ``"-"`` for standard input, or a
        dataset folder; a frame of pandas, Polars, pyarrow or another library that Narwhals
        knows; or a list of them, of any formats, which are read as one crowd: the same id is
        the same task, the same worker.
    format
        Name of the format; by default it is found by content.
    classes
        Class names in order, or their number (labels are then 0..K-1); by default the labels
        that occur, in the order of `Ids.of_classes`.
    labels
        Whether labels are positions of classes (``"codes"``) or their ``"names"``. By default
        whole numbers of JSON and ``.npy`` are positions; texts, and cells of tables, are names,
        unless names without a number are given and all cells are whole numbers 0..K-1, which
        the report says. Where ``classes`` are given as numbers, numbers are names; where as
        texts that are numbers, and both readings are possible, it must be said.
    duplicates
        Which of several answers of a worker to a task counts, see `Answers.from_arrays`: by
        default that of a dataset folder among the sources, else the last, by time where there
        are times.
    where
        Rows of a table to read: those that have all these values, ``["question=species"]``.
    sheet
        Sheet of an Excel workbook, by name or number from 1, where several are filled.
    no_answer
        Labels that stand for no answer (``["not sure", "-"]``), beside empty cells and what
        pandas and R write for a missing value (``NaN``, ``NA``, ``None``, ``null``, ...). A name
        in ``classes`` is a class.
    normalize_labels
        Merge labels that differ only in case, in spaces, or in how accents are composed.
    **options
        Options of the format: ``task_col="item"``, ``control="choice"``, ... Of several sources
        each takes those that its format has; ``worker`` may be a list, one a source.

    Raises
    ------
    DataError
        The content is not usable; the message has file and line.
    ParameterError
        The format or an option is unknown, or several formats fit.

    Examples
    --------
    >>> read("answers.csv", classes=["cat", "dog"]).answers  # doctest: +SKIP
    Answers(2 tasks, 2 workers, 2 classes, 4 answers)
    """
    check_meaning(labels)
    paths = list(path) if isinstance(path, list | tuple) else [path]
    texts = {key: str(value) for key, value in options.items() if value is not None}
    names = None
    if classes is not None and not isinstance(classes, int):
        classes = list(classes)
        names = list(class_names(classes)[0])
    more = [no_answer] if isinstance(no_answer, str) else no_answer
    asked = _conditions(where)
    try:
        if len(paths) != 1:
            known = list(Ids(classes)) if isinstance(classes, int) else names
            votes, name, sources = read_parts(
                paths, format=format, classes=known, labels=labels, where=asked, sheet=sheet,
                no_answer=more, normalize_labels=normalize_labels, options=options,
            )  # fmt: skip
            meaning: Meaning = "codes" if votes.coded else "names"
            return _finish(votes, name, sources, known, meaning, duplicates, typed=True)
        source = Source.open(paths[0], where=asked, sheet=sheet)
        if source.shape == "empty":
            raise DataError(f"{source.name}: the file is empty")
        name = FORMATS.resolve(format) if format is not None else detect(source, texts)
        votes = settle(
            from_text(FORMATS[name], texts).votes(source),
            source.name,
            classes=names,
            no_answer=more,
            normalize=normalize_labels,
            meaning=labels,
        )
        if name in _WITH_POSITIONS and classes is None and labels != "names":
            votes.notes = [*votes.notes, *_names_beside(source)]
        return _finish(
            votes, name, source.name, classes, labels, duplicates, typed=source.shape != "table"
        )
    except DataError as error:
        # Ids and names of columns may hold line breaks; a message is one line.
        kind = NoAnswersError if isinstance(error, NoAnswersError) else DataError
        raise kind(" ".join(str(error).split())) from error.__cause__


def _names_beside(source: Source) -> list[str]:
    """What to say where an export of positions has the names of the classes beside it."""
    beside = [file.with_name(f"{file.name}.classes.json") for file in source.files[:1]]
    return [
        f"{file} has names of classes, which were not read; give --classes {file} --labels codes"
        for file in beside
        if file.is_file()
    ]


def read_answers(
    path: Any,
    *,
    format: str | None = None,
    classes: Iterable[Any] | int | None = None,
    labels: Meaning | None = None,
    duplicates: DuplicatePolicy | None = None,
    **options: Any,
) -> Answers:
    """Read answers from any supported format; `read` without the gold labels and the report."""
    return read(
        path, format=format, classes=classes, labels=labels, duplicates=duplicates, **options
    ).answers


def _conditions(where: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Columns and values of ``COL=VALUE``."""
    pairs = [text.partition("=") for text in ([where] if isinstance(where, str) else where)]
    for column, equals, _ in pairs:
        if not column or not equals:
            raise ParameterError(f"--where {column}: expected COLUMN=VALUE")
    return tuple((column, value) for column, _, value in pairs)


def read_classes(text: str) -> list[str] | int:
    """Class names as a user gives them: their number, a list with commas, or a file.

    The file has a name a line, or is a JSON list of names.

    Raises
    ------
    DataError
        The file cannot be read, is empty, or a name occurs twice.
    ParameterError
        So many classes do not fit in memory.
    """
    if text.isascii() and text.isdecimal() and (number := int(text[:20])) > 0:
        if too_many := too_many_classes(number):
            raise ParameterError(f"--classes {text[:20]}: {too_many}")
        return number
    path = Path(text)
    if "," not in text and not path.is_file():
        raise DataError(f"{text}: no such file; give a file with a class a line, or a,b,c")
    names = text.split(",") if "," in text and not path.is_file() else _class_file(path)
    names = [name.strip() for name in names if name.strip()]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice or not names:
        raise DataError(f"{text}: " + (f"class {twice[0]!r} occurs twice" if twice else "no class"))
    return names


def _class_file(path: Path) -> list[str]:
    source = Source.open(path)
    if source.shape != "json":
        return source.text().splitlines()
    if not isinstance(source.document, list):
        raise DataError(f"{path}: expected a JSON list of names of classes")
    return list(map(str, source.document))


def _finish(
    votes: Votes, name: str, where: str, classes: Iterable[Any] | int | None,
    meaning: Meaning | None, policy: DuplicatePolicy | None, *, typed: bool,
) -> Imported:  # fmt: skip
    duplicates = policy or votes.duplicates or "last"
    frame, place, tasks_seen = votes.frame, votes.place, votes.tasks
    dropped = Counter(votes.dropped)
    abstained = _nobody()
    seen: Ids | None = None
    silent = frame["label"].is_null()
    if bool(silent.any()):
        rows = (~silent).arg_true()
        pairs = frame.select(pl.col("task", "worker").cast(pl.String), silent=silent)
        dropped[ABSTAINED] += int(silent.sum())
        # A worker who gave a label at another time has not abstained.
        abstained = pairs.filter("silent").drop("silent").unique(maintain_order=True)
        abstained = abstained.join(pairs.filter(~pl.col("silent")), ["task", "worker"], "anti")
        if tasks_seen is None:
            # Those whom nobody gave a label stay tasks.
            code, seen = encode(frame["task"])
            frame = frame.with_columns(task=code)
        frame = frame.filter(~silent)

        def place(row: int) -> str:
            return votes.place(int(rows[row]))

    if frame.height == 0:
        found = [f"{n} left out: {reason}" for reason, n in dropped.items()]
        found += [f"{role}: {what}" for role, what in votes.guessed.items()]
        why = "; ".join([*found, *votes.notes])
        raise NoAnswersError(f"{where}: no answers in it" + (f" ({why})" if why else ""))
    timed = "time" in frame.columns
    if timed:
        frame, place = by_time(frame, place)
    weight = frame["weight"].fill_null(1.0).to_numpy() if "weight" in frame.columns else None
    n_rows = frame.height + sum(dropped.values())
    ids: tuple[Any, ...] = (votes.frame["task"], votes.frame["worker"], tasks_seen or ())
    doubtful = not typed and any(map(may_be_floats, ids))
    columns = {name: frame[name] for name in ("label", "worker", "task")}
    del ids, frame
    if not doubtful:
        # Texts are most of the memory: those of a column go as soon as it is coded.
        votes.frame = votes.frame.clear()
    with ThreadPoolExecutor(1) as pool:
        coded = [pool.submit(encode, columns.pop(name)) for name in ("label", "worker")]
        own = columns.pop("task")
        task, tasks = encode(own) if seen is None else (own.to_numpy(), seen)
        (label, labels), (worker, workers) = (column.result() for column in coded)
    if doubtful and any(map(has_float_ids, (tasks, workers, tasks_seen or ()))):
        return _finish(without_float_ids(votes), name, where, classes, meaning, policy, typed=True)
    if tasks_seen is not None:
        every = Ids.sorted(tasks_seen)
        task, tasks = every.codes(list(tasks))[task], every
    coding = code_labels(
        labels, label, classes if classes is not None else votes.classes, place,
        coded=votes.coded, meaning=meaning, gold=votes.gold.values(),
    )  # fmt: skip
    native.ids_replace(label, coding.codes, threads=threads())
    guessed, notes = votes.guessed, [*votes.notes, *filter(None, [coding.note])]
    if coding.guessed:
        guessed, notes = guessed | {"labels": "codes"}, [*notes, GUESSED]
    if duplicates == "error":
        refuse_contradictions(task, worker, label, (tasks, workers, coding.classes), place)
    counts: dict[str, int] = {}
    answers = Answers.from_codes(
        task, worker, label, tasks, workers, coding.classes, weight, duplicates, repeats=counts
    )
    repeats = Repeats(**counts, timed=timed)
    dropped.update(repeats.dropped(duplicates))
    notes += filter(None, [repeats.note(duplicates)])
    notes += doubtful_ids(tasks, workers)
    gold = coding.gold(votes.gold, where)
    if gold:
        given = {answers.classes[int(k)] for k in np.unique(answers.label)}
        if unseen := sorted({*gold.values()} - given):
            notes.append(f"known labels hold {few(map(repr, unseen))}, which no worker gave")
    report = ImportReport(
        name, n_rows, answers.n_answers, dict(dropped), len(gold), repeats.contradicting,
        dict(guessed), votes.ignored, tuple(notes),
    )  # fmt: skip
    return Imported(answers, gold, votes.images, report, abstained, duplicates, votes.question)
