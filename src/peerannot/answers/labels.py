"""What a label means: the name of a class, or its position. The type says it, never a guess.

A text is a name. A whole number is a position in classes that are given as texts or counted, and
a name where classes are given as numbers or not at all. JSON has both types; cells of a table are
names, see `peerannot.io.classes`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from peerannot._no_answer import is_no_answer
from peerannot._text import did_you_mean, few
from peerannot.answers.ids import Ids
from peerannot.errors import DataError, DataWarning, ParameterError

__all__ = [
    "BadLabel",
    "Meaning",
    "as_name",
    "as_texts",
    "as_values",
    "check_meaning",
    "class_code",
    "class_names",
    "code_labels",
    "kind_of",
    "rows_with_label",
    "take",
]

Meaning = Literal["codes", "names"]

_NUMBERS = (int, float, np.integer, np.floating)


def check_meaning(labels: Any) -> None:
    """Refuse what is neither a `Meaning` nor None.

    Raises
    ------
    ParameterError
    """
    if labels not in (None, *get_args(Meaning)):
        raise ParameterError(f"labels must be codes or names, not {labels!r}")


class BadLabel(DataError):
    """A label that cannot be, with its row; callers that know the place say more.

    Attributes
    ----------
    row : int
    why : str
    number : bool
        Whether it is a number, taken as a position.
    """

    def __init__(self, row: int, why: str, *, number: bool = False, place: str = "") -> None:
        super().__init__(f"{place or f'answers row {row + 1}'}: {why}")
        self.row, self.why, self.number = row, why, number

    def at(self, place: str) -> BadLabel:
        """The same with its place in a file."""
        return BadLabel(self.row, self.why, number=self.number, place=place)


def class_names(classes: Iterable[Any] | int) -> tuple[Ids, bool]:
    """Classes as they were given, and whether numbers among labels are names of them."""
    if isinstance(classes, Ids):
        return classes, False
    if isinstance(classes, int | np.integer):
        return Ids(int(classes)), False
    given = list(classes)
    try:
        ids = Ids(map(as_name, given))
    except DataError as twice:
        raise DataError(f"answers: classes: {twice}; list each once") from None
    return ids, any(isinstance(c, _NUMBERS) for c in given)


def class_code(label: Any, classes: Ids) -> int:
    """Position of a class given by its name (a text) or its position (an int); -1 if none."""
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return int(label) if 0 <= label < len(classes) else -1
    return classes.index_of.get(as_name(label), -1)


def code_labels(
    column: Iterable[Any], classes: Iterable[Any] | int | None, meaning: Meaning | None = None
) -> tuple[NDArray[np.int32], Ids]:
    """Position of the class of each label, int32, and the classes.

    Parameters
    ----------
    column
        Texts or numbers, not both unless numbers are names.
    classes
        Names, their number, or None for the labels that occur.
    meaning
        What numbers are, where it is said and not left to the type of ``classes``.

    Raises
    ------
    BadLabel
        A label is missing, unknown, of a wrong type, or a number among names.
    """
    values = as_values(column)
    if classes is None:
        texts = _label_texts(values)
        ids = Ids.of_classes(texts)
        return ids.codes(texts), ids
    ids, named = class_names(classes)
    named = named if meaning is None else meaning == "names"
    whole = isinstance(values, np.ndarray) or set(map(type, values)) <= {int}
    if whole and not named:
        return _positions(values, ids), ids
    counted = isinstance(classes, int | np.integer)
    texts = _label_texts(values, truths=not counted)
    numbers = [isinstance(value, _NUMBERS) for value in values]
    # Counted classes are named by their positions, so that both meanings are one.
    if named or counted or not any(numbers):
        return _named(texts, ids), ids
    if not all(numbers):
        raise BadLabel(
            numbers.index(True),
            f"label {texts[numbers.index(True)]} is a number and label"
            f" {texts[numbers.index(False)]!r} a name; give names alone, or positions alone",
        )
    fraction = next((i for i, v in enumerate(values) if not float(v).is_integer()), None)
    if fraction is not None:
        why = f"label {texts[fraction]!r} is not one of {few(ids, 12)}"
        raise BadLabel(fraction, why, number=texts[fraction] in ids)
    return _positions(list(map(int, values)), ids), ids


def rows_with_label(
    values: Sequence[Any] | NDArray[Any], classes: Iterable[Any] | int | None
) -> NDArray[np.int64] | None:
    """Rows whose label is one, and not what stands for no answer; None where all are.

    A text that names a class is a label, whatever it looks like.
    """
    if isinstance(values, np.ndarray):
        return None
    try:
        if not any(map(is_no_answer, set(values))):
            return None
    except TypeError:
        pass  # a list or an object among them, which is refused later, with its row
    known = class_names(classes)[0].index_of if classes is not None else {}
    rows = [
        i for i, v in enumerate(values)
        if not is_no_answer(v) or (isinstance(v, str) and v in known)
    ]  # fmt: skip
    if len(rows) == len(values):
        return None
    warnings.warn(
        f"{len(values) - len(rows)} of {len(values)} labels are missing or stand for no answer;"
        " they are left out",
        DataWarning,
        stacklevel=4,
    )
    return np.array(rows, dtype=np.int64)


def _positions(values: Sequence[Any] | NDArray[Any], ids: Ids) -> NDArray[np.int32]:
    try:
        array = np.asarray(values, dtype=np.int64)
    except OverflowError:
        array = np.array([min(max(v, -1), len(ids)) for v in values], dtype=np.int64)
    bad = np.flatnonzero((array < 0) | (array >= len(ids)))
    if bad.size:
        row = int(bad[0])
        names = "" if ids == Ids(len(ids)) else f" ({few(ids, 12)})"
        why = f"label {values[row]} is not in 0..{len(ids) - 1}{names}"
        raise BadLabel(row, why, number=True)
    return array.astype(np.int32)


def _named(texts: list[str], ids: Ids) -> NDArray[np.int32]:
    codes = ids.codes(texts)
    bad = np.flatnonzero(codes < 0)
    if bad.size:
        row, text = int(bad[0]), texts[int(bad[0])]
        why = f"label {text!r} is not one of {few(ids, 12)}" + did_you_mean(text, ids)
        raise BadLabel(row, why)
    return codes


def _label_texts(values: Sequence[Any] | NDArray[Any], *, truths: bool = True) -> list[str]:
    """Labels as texts; truth values are names where they are alone and classes not counted."""
    texts = []
    truths = truths and set(map(type, values)) <= {bool, np.bool_}
    for row, value in enumerate(values):
        if isinstance(value, str):
            texts.append(value)
            continue
        if value is None or value != value:
            raise BadLabel(row, "the label is missing")
        if isinstance(value, list | dict) or (isinstance(value, bool | np.bool_) and not truths):
            raise BadLabel(row, f"a label must be a whole number or a name, not {kind_of(value)}")
        texts.append(as_name(value))
    return texts


def as_name(value: Any) -> str:
    """A name as a text; 1.0 is 1, as where a column became floats beside an empty cell, and a
    truth value is ``true`` or ``false``, as in files."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def kind_of(value: Any) -> str:
    """A value in words, for messages."""
    return {type(None): "null", list: "a list", dict: "an object", bool: "a truth value"}.get(
        type(value), repr(value)
    )


def as_texts(values: Sequence[Any]) -> list[str]:
    """Values as a list of texts."""
    return list(values) if set(map(type, values)) <= {str} else list(map(str, values))


def as_values(column: Iterable[Any]) -> Sequence[Any] | NDArray[Any]:
    """A column as an array of ints, or as a list."""
    to_numpy = getattr(column, "to_numpy", None)
    values = to_numpy() if to_numpy is not None else column
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise DataError(f"answers: a column must have one dimension, not {values.ndim}")
        return values if values.dtype.kind in "iu" else values.tolist()
    return values if isinstance(values, list) else list(values)


def take(values: Sequence[Any] | NDArray[Any], rows: NDArray[np.int64]) -> list[Any]:
    """The values of some rows."""
    return [values[i] for i in rows.tolist()]
