"""What a format is: how it is recognised and read; and what every reader hands on."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from peerannot._options import option
from peerannot._registry import Named, Registry
from peerannot.answers import DuplicatePolicy
from peerannot.errors import DataError, PeerannotError
from peerannot.io._source import Source

__all__ = [
    "CERTAIN",
    "FORMATS",
    "NO",
    "PLAUSIBLE",
    "Asked",
    "Format",
    "Row",
    "RowFormat",
    "Said",
    "Skip",
    "Votes",
    "WorkerFormat",
]

# How sure a format is that a source is its own. The surest wins; two alike are an error.
NO, PLAUSIBLE, CERTAIN = 0, 1, 2
EXACT = 2**53  # from here on, a float no longer holds every digit of a whole number


FORMATS: Registry[type[Format]] = Registry("format", "peerannot.io.formats")


class Row(NamedTuple):
    """One answer as a tool wrote it.

    Attributes
    ----------
    task, worker : str
    label : str or None
        None where the worker saw the task and gave no label.
    place : str
        Where it stands, for messages: ``"export.json entry 3"``.
    time : float or None
        When it was given, seconds; which of two answers of a worker to a task counts, goes by it.
    gold : bool
        Whether it is a known label and not an answer; ``worker`` is then unused.
    image : str or None
        File of the task's image, as the source names it.
    weight : float or None
        How much the answer counts; 1 where others have one and this has none.
    """

    task: str
    worker: str
    label: str | None
    place: str
    time: float | None = None
    gold: bool = False
    image: str | None = None
    weight: float | None = None


class Skip(NamedTuple):
    """A row that holds no answer, and why; counted in the report.

    ``task`` and ``image`` keep the task itself, which may have no other answer.
    """

    reason: str
    task: str | None = None
    image: str | None = None


class Said(NamedTuple):
    """Something that a user should know: what was found (``role`` and ``what``), or a note.

    A note has the role ``"note"``.
    """

    role: str
    what: str


class Asked(NamedTuple):
    """How a tool names the question that was answered, for labels that go back to it."""

    question: Mapping[str, str]


@dataclass
class Votes:
    """What a reader hands on, before ids are coded.

    Attributes
    ----------
    frame : polars DataFrame
        Columns task, worker, label (strings or whole numbers) and, where there are, weight
        (float, no nulls) and time (float seconds, null where unknown). Task and worker hold no
        nulls; a null label is no answer (an abstention), which is counted and kept apart.
    place : callable
        From a row of the frame to its place in the source, for messages.
    tasks : tuple of str or None
        The vocabulary of tasks where the source has tasks without answers.
    classes : tuple of str or None
        Class names in order, where the source knows them.
    gold : dict of task to label
        Known labels.
    images : dict of task to file
    dropped : Counter
        Rows left out, by reason.
    coded : bool or None
        Whether labels are positions of classes, 0..K-1 (whole numbers of JSON), and not names;
        None where some are numbers and others names.
    blank : frozenset of str
        Texts in small letters that, in any case, stand for no answer here.
    matrix : bool
        Whether rows are cells of a matrix: a cell without an answer is no row, and -1 may stand
        for it.
    duplicates : str or None
        Which of several answers of a worker to a task counted when the source was written.
    guessed : dict of role to column
        What was not said by the user but found: ``{"task": "subject_id", "gold": "none"}``.
    ignored : tuple of str
        Columns that were not used.
    notes : list of str
        Lines that a user should read, each with the option that changes what it tells.
    question : dict of str
        How the tool names the question, see `Asked`.
    """

    frame: pl.DataFrame
    place: Callable[[int], str]
    tasks: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    gold: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    coded: bool | None = False
    matrix: bool = False
    blank: frozenset[str] = frozenset()
    duplicates: DuplicatePolicy | None = None
    guessed: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    question: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Format(Named, ABC):
    """Base of the formats. Options are fields, so one given to the wrong format is an error."""

    @classmethod
    @abstractmethod
    def sniff(cls, source: Source, given: Mapping[str, str]) -> int:
        """How sure it is, by content, that this source is its own: NO, PLAUSIBLE or CERTAIN.

        ``given`` holds the options that the user typed.
        """

    @abstractmethod
    def read(self, source: Source) -> Votes:
        """Read all answers.

        Raises
        ------
        DataError
            The content is not what the format says; the message has the place.
        """

    def votes(self, source: Source) -> Votes:
        """What `read` gives; whatever else it raises becomes a DataError with the place."""
        try:
            votes = self.read(source)
            if not isinstance(votes, Votes):
                raise TypeError(f"read gave {type(votes).__name__}, not Votes")
        except (PeerannotError, OSError, MemoryError):
            raise
        except Exception as error:
            *_, last = traceback.extract_tb(error.__traceback__)
            raise DataError(
                f"{source.reached[0] or source.name}: the reader of {self.name} stopped with"
                f" {type(error).__name__}: {error} ({Path(last.filename).name} line {last.lineno});"
                " the file is not what it expects, or it lacks a check"
            ) from error
        return votes


@dataclass(frozen=True, kw_only=True)
class RowFormat(Format):
    """A format of a labelling tool, read as a stream of rows.

    Parameters
    ----------
    multiple
        What to do where a worker chose several labels for one task: ``"error"``, or ``"drop"``
        the answer.
    """

    multiple: Literal["error", "drop"] = option("error", help="several labels in one answer")

    @abstractmethod
    def rows(self, source: Source) -> Iterator[Row | Skip | Said | Asked]:
        """Every answer, gold label, and row passed over, in the order of the source."""

    def several(self, labels: list[str], place: str, task: str, image: str | None) -> Skip:
        """What to do with several labels in one answer."""
        if self.multiple == "drop":
            return Skip("several labels", task, image)
        raise DataError(
            f"{place}: several labels in one answer ({', '.join(labels[:5])}); peerannot handles"
            " one label an answer, give --read multiple=drop to leave such answers out"
        )

    def read(self, source: Source) -> Votes:
        return collect(self.rows(source))


@dataclass(frozen=True, kw_only=True)
class WorkerFormat(RowFormat):
    """A format that does not say who answered, so that the user must.

    Parameters
    ----------
    worker
        Who gave all the answers of this source.
    """

    worker: str | None = option(None, help="who gave the answers of this source")


def collect(rows: Iterator[Row | Skip | Said | Asked]) -> Votes:
    """Gather rows: gold apart, skips counted, times and weights where there are some."""
    kept: list[Row] = []
    gold: dict[str, tuple[str, str]] = {}
    images: dict[str, str] = {}
    tasks: dict[str, None] = {}
    dropped: Counter[str] = Counter()
    guessed: dict[str, dict[str, None]] = {}
    question: dict[str, str] = {}
    for row in rows:
        if isinstance(row, Asked):
            question |= row.question
            continue
        if isinstance(row, Said):
            guessed.setdefault(row.role, {})[row.what] = None
            continue
        if row.task is not None:
            tasks[row.task] = None
            if row.image is not None:
                images.setdefault(row.task, row.image)
        if isinstance(row, Skip):
            if row.reason:
                dropped[row.reason] += 1
        elif row.gold and row.label is not None:
            label, place = gold.setdefault(row.task, (row.label, row.place))
            if label != row.label:
                raise DataError(
                    f"{row.place}: task {row.task!r} has the gold label {row.label!r}, but"
                    f" {label!r} at {place}"
                )
        elif not row.gold:
            kept.append(row)
    untimed = sum(row.time is None for row in kept)
    if 0 < untimed < len(kept):
        what = f"{untimed} of {len(kept)} answers have no time that can be read"
        guessed.setdefault("note", {})[f"{what}; they count as the oldest"] = None
    kinds: dict[str, Any] = {"task": pl.String, "worker": pl.String, "label": pl.String}
    if any(row.weight is not None for row in kept):
        kinds["weight"] = pl.Float64
    if untimed < len(kept):
        kinds["time"] = pl.Float64
    frame = pl.DataFrame(
        {name: [getattr(row, name) for row in kept] for name in kinds}, schema=kinds
    )
    notes = guessed.pop("note", {})
    answered = {row.task for row in kept}
    return Votes(
        frame,
        lambda i: kept[i].place,
        tasks=None if len(answered) == len(tasks) else tuple(tasks),
        gold={task: label for task, (label, _) in gold.items()},
        images=images,
        dropped=+dropped,
        guessed={role: ", ".join(what) for role, what in guessed.items()},
        notes=list(notes),
        question=question,
    )


def moment(value: Any) -> float | None:
    """Seconds of a time as tools write it (ISO 8601, or seconds), None where it is no time."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        time = datetime.fromisoformat(str(value).removesuffix(" UTC"))
        # A time without a zone is taken as UTC, so that no machine's own zone plays a part.
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def text_id(value: Any, place: str, what: str) -> str:
    """An id as text.

    Raises
    ------
    DataError
        It is missing, a list, an object or a truth value, or a number whose digits are lost.
    """
    if isinstance(value, float) and value.is_integer():
        if abs(value) >= EXACT:
            raise DataError(f"{place}: the {what} {value!r} is too long a number; write it as text")
        value = int(value)
    if isinstance(value, bool | list | dict) or value is None or value == "":
        raise DataError(
            f"{place}: the {what} is {'missing' if value in (None, '') else 'unusable'}"
        )
    return str(value)
