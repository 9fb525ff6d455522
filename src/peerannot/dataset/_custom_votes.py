"""The three forms in which the votes of a custom dataset come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerannot._files import read_json
from peerannot._text import did_you_mean, few
from peerannot.answers import Ids, Meaning
from peerannot.errors import DataError, ParameterError

__all__ = ["FORMATS", "Votes", "code_labels", "read_votes"]

FORMATS = {0: "text matrix", 1: "JSON task -> worker", 2: "JSON worker -> task"}

Votes = dict[str, dict[str, Any]]


def read_votes(path: Path, form: int) -> Votes:
    """Read ``{task: {worker: label}}``.

    Parameters
    ----------
    path
        The file.
    form
        0: a text matrix, a row a task, a column a worker, -1 where there is no vote (F.
        Rodrigues' form). 1: JSON ``{task: {worker: label}}``. 2: JSON ``{worker: {task: label}}``;
        tasks up to the largest number that nobody answered get an empty entry.

    Raises
    ------
    DataError
        The file is missing, damaged, or of another form; the message has the place.
    """
    if form not in FORMATS:
        raise ParameterError(f"--answers-format must be 0, 1 or 2, not {form}")
    if form == 0:
        return _matrix(path)
    outer, inner = ("task", "worker") if form == 1 else ("worker", "task")
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected {{{outer}: {{{inner}: label}}}}, not {_kind(document)}")
    for key, row in document.items():
        if not isinstance(row, dict):
            raise DataError(
                f"{path}: {outer} {key!r} has {_kind(row)} instead of {{{inner}: label}}"
            )
    if form == 1:
        return document
    votes: Votes = {}
    for worker, row in document.items():
        for task, label in row.items():
            votes.setdefault(task, {})[worker] = label
    if votes and all(map(_whole, votes)):
        for task in range(max(map(int, votes)) + 1):
            votes.setdefault(str(task), {})
    return votes


def _kind(value: object) -> str:
    return {list: "a list", dict: "an object", type(None): "null"}.get(type(value), repr(value))


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _matrix(path: Path) -> Votes:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    votes: Votes = {}
    width = 0
    for number, line in enumerate(lines, 1):
        cells = line.replace(",", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        width = width or len(cells)
        if len(cells) != width:
            raise DataError(
                f"{path} line {number}: {len(cells)} columns, the lines before have {width}"
            )
        row = votes.setdefault(str(len(votes)), {})
        for worker, cell in enumerate(cells):
            label = _label(cell)
            if label is None:
                hint = "; is it JSON (--answers-format 1 or 2)?" if cell[0] in "{[" else ""
                raise DataError(
                    f"{path} line {number} column {worker + 1}: expected a label or -1,"
                    f" not {cell!r}{hint}"
                )
            if label >= 0:
                row[str(worker)] = label
    if not votes:
        raise DataError(f"{path}: the file is empty, expected a line for each task")
    return votes


def _label(cell: str) -> int | None:
    """A whole number from -1 on; ``3.000e+00`` is how numpy.savetxt writes 3."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number.is_integer() and number >= -1 else None


def code_labels(
    votes: Votes, names: Sequence[str] | int, where: Path, meaning: Meaning = "codes"
) -> Votes:
    """Check every label and write it as the position that `Dataset.answers` reads.

    ``names`` are the class names, or the number of classes. A text is a name; a whole number is
    a position, or a name where ``meaning`` is ``"names"``.

    Raises
    ------
    DataError
        A label is missing or out of range; the message has task and worker.
    """
    classes = [str(k) for k in range(names)] if isinstance(names, int) else list(names)
    index = {name: k for k, name in enumerate(classes)}
    coded: Votes = {}
    for task, row in votes.items():
        coded[task] = {}
        for worker, label in row.items():
            if isinstance(label, float) and label.is_integer():
                label = int(label)
            code = -1
            if isinstance(label, str) or (type(label) is int and meaning == "names"):
                code = index.get(str(label), -1)
            elif type(label) is int and 0 <= label < len(classes):
                code = label
            if code < 0:
                raise DataError(
                    f"{where}: task {task!r}, worker {worker!r}: label {label!r} is not in"
                    f" 0..{len(classes) - 1}"
                    + ("" if isinstance(names, int) else f" ({few(classes, 12)})")
                    + (did_you_mean(label, classes) if isinstance(label, str) else "")
                    + (
                        '; where numbers are names, say so in --metadata: {"labels": "names"}'
                        if type(label) is int and str(label) in index
                        else ""
                    )
                )
            coded[task][worker] = code
    return coded


def n_workers(votes: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """Rows of an array by worker id, as the published format counts, see `Ids.span`; and how many
    workers occur, which is the first number too where ids are no such numbers."""
    ids = Ids({worker for row in votes.values() for worker in row})
    return ids.span() or len(ids), len(ids)
