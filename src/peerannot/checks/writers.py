"""What every output format promises."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from peerannot._options import check, from_text
from peerannot.aggregation import build
from peerannot.answers import Answers, Ids
from peerannot.checks.check import must, must_raise
from peerannot.checks.crowds import crowd
from peerannot.checks.options import must_refuse_bad_options
from peerannot.errors import DataError, ParameterError, StorageError
from peerannot.io import Export, Writer

__all__ = ["PROMISES", "Written"]


@dataclass(frozen=True)
class Written:
    """An output format with the options that it is tried with."""

    cls: type[Writer]
    options: Mapping[str, str]

    def write(self, job: Export, folder: Path) -> list[str]:
        """Write a job into a folder under a name that the format takes."""
        return from_text(self.cls, self.options).write(job, self.output(folder))

    def output(self, folder: Path) -> Path:
        return folder / ("out" + "".join(self.cls.suffixes[:1]))

    def attempt(self, job: Export, folder: Path, what: str) -> None:
        """Write; a refusal must be one line."""
        try:
            self.write(job, folder)
        except (DataError, ParameterError) as error:
            must("\n" not in str(error).strip(), f"{what}: a message of several lines: {error}")
        except Exception as error:
            raise AssertionError(
                f"{what}: {type(error).__name__}: {error}; a file, or a ParameterError was expected"
            ) from error


PROMISES: dict[str, Callable[[Written], None]] = {}
"""Each check by its name; its docstring says what is asked."""


def promise(function: Callable[[Written], None]) -> Callable[[Written], None]:
    PROMISES[function.__name__] = function
    return function


@promise
def writes_where_it_is_told(written: Written) -> None:
    """The output is there; all else begins with its name; what is said is lines of text."""
    with _folder() as folder:
        job = _job(folder)
        notes = written.write(job, folder)
        must(isinstance(notes, list), f"write gives {type(notes).__name__}, not a list of lines")
        for note in notes:
            must(isinstance(note, str) and note.strip(), f"{note!r} is no line")
            must("\n" not in note, f"a note of several lines: {note!r}")
        output = written.output(folder)
        must(output.exists(), f"there is no {output.name}")
        must(output.is_file() == bool(written.cls.suffixes), "suffixes are for files, not folders")
        strange = [p.name for p in folder.iterdir() if not p.name.startswith(("out", "images"))]
        must(not strange, f"it left {strange[:1]} beside the output")


@promise
def needs_what_it_says(written: Written) -> None:
    """A format without ``needs_labels`` writes answers alone."""
    if not written.cls.needs_labels:
        with _folder() as folder:
            written.write(replace(_job(folder), result=None), folder)
            must(written.output(folder).exists(), "without labels it writes nothing")


@promise
def is_deterministic(written: Written) -> None:
    """The same job gives the same bytes."""
    with _folder() as one, _folder() as two:
        for folder in (one, two):
            written.write(_job(folder), folder)
        must(_content(written, one) == _content(written, two), "written twice, files differ")


@promise
def replaces_what_was_there(written: Written) -> None:
    """Over an earlier output it writes what it writes where there is none."""
    with _folder() as one, _folder() as two:
        written.write(_job(one, n_tasks=9), one)
        for folder in (one, two):
            written.write(_job(folder), folder)
        must(
            _content(written, one) == _content(written, two), "something of an earlier output stays"
        )


@promise
def leaves_what_was_there_where_it_fails(written: Written) -> None:
    """A place that cannot be written is a StorageError of one line."""
    with _folder() as folder:
        job = _job(folder)
        (folder / "file").write_bytes(b"kept")
        must_raise(
            StorageError, "file", lambda: written.write(job, folder / "file"),
            instead="a file is taken for a folder",
        )  # fmt: skip
        must((folder / "file").read_bytes() == b"kept", "it changed another file")


@promise
def takes_any_text(written: Written) -> None:
    """Ids and names of classes may be any text."""
    odd = ["=1+1", 'say "a, b"', "two\nlines", "tab\there", "Zoë 🐈", "../up", "01", "a" * 300]
    with _folder() as folder:
        answers = Answers.from_arrays(odd, odd[::-1], odd)
        written.attempt(_with(answers, folder), folder, "odd ids and classes")


@promise
def takes_any_crowd(written: Written) -> None:
    """Tasks and workers without answers, one class, weights, abstentions, undecided tasks."""
    plain, _ = crowd(n_tasks=6, n_workers=4, n_classes=3, per_task=2)
    lonely = plain.rows(plain.task > 1)
    several = {
        "tasks without answers": lonely,
        "one class": crowd(n_tasks=4, n_classes=1)[0],
        "weights": crowd(n_tasks=4, weighted=True)[0],
        "one answer": Answers.from_arrays(["1"], ["ann"], ["cat"]),
        "no answers": Answers.empty(Ids(2), Ids(2), Ids(2)),
    }
    for what, answers in several.items():
        with _folder() as folder:
            written.attempt(_with(answers, folder), folder, what)
    with _folder() as folder:
        job = _with(lonely, folder)
        written.attempt(replace(job, abstained=[("0", "1")], files={}), folder, "abstentions")


@promise
def refuses_options_out_of_range(written: Written) -> None:
    """Every option is made with ``option``, and a value that it cannot have is an error."""
    must_refuse_bad_options(written.cls, check)


@promise
def is_documented(written: Written) -> None:
    """The docstring has every option."""
    cls = written.cls
    must((vars(cls).get("__doc__") or "").strip(), "there is no docstring")
    told = "".join(base.__doc__ or "" for base in cls.__mro__ if base is not Writer)
    for option in {f.name for f in fields(cls)} - {f.name for f in fields(Writer)}:
        must(option in told, f"the docstring does not tell of {option!r}")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _job(folder: Path, n_tasks: int = 6) -> Export:
    """A small crowd, its labels, and a file for the image of each task but the first."""
    return _with(crowd(n_tasks=n_tasks, n_workers=4, per_task=3)[0], folder)


def _with(answers: Answers, folder: Path) -> Export:
    result = build("MV[ties=abstain]").fit(answers)
    images = folder / "images"
    images.mkdir(exist_ok=True)
    files = {}
    for number, task in enumerate(answers.tasks):
        if number:
            files[task] = images / f"{number}.png"
            files[task].write_bytes(b"an image")
    return Export(answers, result, files=files, original={t: f"id {t}" for t in list(files)[:1]})


def _content(written: Written, folder: Path) -> dict[str, bytes]:
    """The files of an output, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / "images")
    }
