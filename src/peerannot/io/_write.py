"""What an output format is, and the registry of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from peerannot._file_set import is_free
from peerannot._lock import locked
from peerannot._options import from_text
from peerannot._registry import Named, Registry
from peerannot.answers import Answers
from peerannot.errors import ParameterError

__all__ = ["WRITERS", "Export", "Labelled", "Writer", "export"]


class Labelled(Protocol):
    """What writers need of a `Result`: labels, confidence and posterior, in the order of tasks."""

    @property
    def strategy(self) -> str: ...
    @property
    def labels(self) -> NDArray[np.int32]: ...
    @property
    def confidence(self) -> NDArray[np.float64]: ...
    def dense_posterior(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Export:
    """What is to be written.

    Attributes
    ----------
    answers : Answers
    result : Labelled or None
        Aggregated labels of the same tasks.
    files : mapping of task to Path
        Images that are at hand.
    original : mapping of task to str
        Id that a task had in its tool, where it is another here.
    sources : mapping of task to str
        What the tool called the task's image.
    name : str
        Name of the data set.
    abstained : sequence of (task, worker)
        Who saw which task and gave no label.
    question : mapping of str
        How the tool that the answers came from names the question.
    """

    answers: Answers
    result: Labelled | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    original: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    name: str = "answers"
    abstained: Sequence[tuple[str, str]] = ()
    question: Mapping[str, str] = field(default_factory=dict)

    def labelled(self) -> Labelled:
        """The result, which the format cannot do without."""
        assert self.result is not None
        return self.result

    def id_of(self, task: str) -> str:
        """The task's id in its tool."""
        return self.original.get(task, task)

    def image_of(self, task: str) -> str | None:
        """The tool's name of the image, else that of the file at hand."""
        if self.sources.get(task):
            return self.sources[task]
        return self.files[task].name if task in self.files else None


WRITERS: Registry[type[Writer]] = Registry("export format", "peerannot.io.writers")


@dataclass(frozen=True, kw_only=True)
class Writer(Named, ABC):
    """Base of the output formats.

    Attributes
    ----------
    needs_labels : bool
        Whether it writes aggregated labels.
    suffixes : tuple of str
        Endings that the output's name may have; none where the output is a folder.
    """

    needs_labels: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def write(self, job: Export, output: Path) -> list[str]:
        """Write it all; returns lines that the user should read (what was left out).

        Raises
        ------
        StorageError
            A file cannot be written.
        """


def export(
    job: Export, output: str | Path, format: str, *, force: bool = False, **options: Any
) -> list[str]:
    """Write answers, or labels, in the format of another tool.

    Parameters
    ----------
    job
        What is to be written.
    output
        A file, or a folder where the format needs one.
    format
        Name of the format.
    force
        Overwrite a file, or write into a folder that is not empty: what an earlier export left
        there and this one lacks is removed.
    **options
        Options of the format.

    Returns
    -------
    list of str
        What was left out, a line each.

    Raises
    ------
    ParameterError
        The format or an option is unknown, the output exists, or the format needs labels and
        ``job.result`` is None.
    """
    from peerannot.io._output import may_write

    texts = {key: str(value) for key, value in options.items() if value is not None}
    writer = from_text(WRITERS[format], texts)
    output = Path(output)
    if writer.needs_labels and job.result is None:
        raise ParameterError(f"{writer.name} writes aggregated labels: give a result")
    if writer.suffixes:
        may_write(output, force=force, suffixes=writer.suffixes)
        return writer.write(job, output)
    if output.exists() and not output.is_dir():
        raise ParameterError(f"{output}: is a file, and {writer.name} needs a folder")
    with locked(output):
        if not force and not is_free(output):
            raise ParameterError(f"{output}: exists already; give --force to write into it")
        return writer.write(job, output)
