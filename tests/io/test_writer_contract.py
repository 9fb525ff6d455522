"""Every output format keeps the promises of `peerannot.checks`, and a careless one does not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from peerannot.checks import check_writer, checks_of
from peerannot.io import WRITERS, Export, Writer, option

CHECKS = [
    pytest.param(check, id=f"{name}-{check}")
    for name in WRITERS
    for check in checks_of(WRITERS[name])
]


@pytest.mark.parametrize("check", CHECKS)
def test_every_writer(check: Any) -> None:
    check()


@dataclass(frozen=True, kw_only=True)
class Plain(Writer):
    """A line a task.

    Parameters
    ----------
    mark
        What stands between task and label.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    mark: int = option(1, at_least=1, help="number of blanks")

    def write(self, job: Export, output: Path) -> list[str]:
        from peerannot._files import atomic_write

        with atomic_write(output) as handle:
            handle.write("".join(f"{t}{' ' * self.mark}\n" for t in job.answers.tasks).encode())
        return []


def test_a_writer_of_anyone() -> None:
    check_writer(Plain)


class Noisy(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        return ["two\nlines", *super().write(job, output)]


class Elsewhere(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        return super().write(job, output.with_name("mine.txt"))


class Greedy(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        job.labelled()
        return super().write(job, output)


class Dated(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        output.write_text(f"{time.time_ns()}")
        return []


class Adding(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        before = output.read_text() if output.exists() else ""
        output.write_text(before + f"{job.answers.n_tasks}")
        return []


class Counting(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        output.write_text(f"{job.answers.n_answers / job.answers.n_tasks / job.answers.n_answers}")
        return []


class Latin(Plain):
    """mark"""

    def write(self, job: Export, output: Path) -> list[str]:
        output.write_text("".join(job.answers.tasks), encoding="latin-1")
        return []


class Silent(Plain):
    __doc__ = None


@dataclass(frozen=True, kw_only=True)
class Bare(Plain):
    """mark, size"""

    size: int = 3


@pytest.mark.parametrize(
    ("cls", "broken"),
    [
        (Noisy, "writes_where_it_is_told"),
        (Elsewhere, "writes_where_it_is_told"),
        (Greedy, "needs_what_it_says"),
        (Dated, "is_deterministic"),
        (Adding, "replaces_what_was_there"),
        (Dated, "leaves_what_was_there_where_it_fails"),
        (Latin, "takes_any_text"),
        (Counting, "takes_any_crowd"),
        (Bare, "refuses_options_out_of_range"),
        (Silent, "is_documented"),
    ],
)
def test_a_careless_writer_is_told(cls: type[Writer], broken: str) -> None:
    with pytest.raises(AssertionError, match=f"  {broken}: "):
        check_writer(cls)
