"""From labels as they stand in a file to positions of classes.

Whole numbers of JSON and of ``.npy`` arrays are positions, texts and cells of tables are names.
Cells are positions in one case, which is said: classes are given, none of them is a whole number,
and all labels are whole numbers 0..K-1. Whole numbers by type are asked about in one case: classes
are given that are numbers, and labels could be names of other classes than those at the positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot._text import did_you_mean, few
from peerannot.answers import Ids, Meaning
from peerannot.answers.class_order import is_number
from peerannot.answers.labels import class_names
from peerannot.errors import DataError

__all__ = [
    "GUESSED",
    "ClassCodes",
    "are_positions",
    "code_cells",
    "code_labels",
    "either_way",
]

# Positions go up to the number of classes; a label above that stands alone is rather an id.
_MOST_UNSEEN = 2**16


GUESSED = (
    "labels are whole numbers: taken as positions of the classes (labels=codes); if they are names,"
    " give --labels names"
)


@dataclass(frozen=True)
class ClassCodes:
    """What labels mean.

    Attributes
    ----------
    codes : int32 array (n_labels,)
        Position in the classes of each label that occurs.
    classes : Ids
    guessed : bool
        Whether labels were taken as positions of classes that have names, and nobody said so.
    note : str
        What a user should read, or empty.
    meaning : "codes", "names" or None
        What labels are where source or user said it; gold labels of the source are the same.
    """

    codes: NDArray[np.int32]
    classes: Ids
    guessed: bool = False
    note: str = ""
    meaning: Meaning | None = None

    def gold(self, known: Mapping[str, str], where: str) -> dict[str, str]:
        """Names of the classes of gold labels, by task.

        Raises
        ------
        DataError
            A label is not one of the classes.
        """
        distinct = list(dict.fromkeys(known.values()))
        coded = self.meaning == "codes"
        by_position = self.meaning != "names" and are_positions(distinct, self.classes, said=coded)
        place = dict(zip(distinct, code_cells(distinct, self.classes, by_position), strict=True))
        for task, text in known.items():
            if place[text] < 0:
                raise DataError(
                    f"{where}: gold label {text!r} of task {task!r} is not one of"
                    f" {few(self.classes, 12)}" + did_you_mean(text, self.classes)
                )
        return {task: self.classes[place[text]] for task, text in known.items()}


def code_labels(
    labels: Ids,
    label: NDArray[np.int32],
    wanted: Iterable[Any] | int | None,
    place: Callable[[int], str],
    *,
    coded: bool | None = False,
    meaning: Meaning | None = None,
    gold: Iterable[str] = (),
) -> ClassCodes:
    """What the labels of a source mean.

    Parameters
    ----------
    labels, label
        The labels that occur, and the position in them of each row's.
    wanted
        Classes as given, their number, or None for those that occur.
    place
        Names a row, for messages.
    coded
        Whether the source says that labels are positions; None where it has both, numbers and
        names.
    meaning
        What the user says that labels are.
    gold
        Known labels, which may be of classes that nobody answered.

    Raises
    ------
    DataError
        A label is no class, or no position, or could be either; the message has the place of the
        first.
    """
    texts = list(labels)

    def first(bad: NDArray[np.bool_]) -> tuple[str, str]:
        row = int(np.flatnonzero(bad[label])[0])
        return place(row), texts[int(label[row])]

    if coded is None and meaning is None:
        at, text = first(np.array([_whole(t) for t in texts]))
        names = few((t for t in texts if not _whole(t)), 3)
        raise DataError(
            f"{at}: label {text} is a number where others are names ({names}); give --labels names"
            " if it is a name too"
        )
    ids, numbers_are_names = (None, False) if wanted is None else class_names(wanted)
    by_position = meaning == "codes" or (meaning is None and bool(coded) and not numbers_are_names)
    guessed = False
    if ids is None and not by_position:
        classes = Ids.of_classes([*texts, *gold])
        return ClassCodes(classes.codes(texts), classes, meaning=meaning)
    if ids is None:
        return _positions_alone(texts, [*gold], first)
    if meaning is None and not by_position and not isinstance(wanted, int):
        by_position = guessed = are_positions(texts, ids)
    said: Meaning | None = "codes" if by_position and not guessed else meaning
    codes = code_cells(texts, ids, by_position)
    if by_position and meaning is None and not isinstance(wanted, int):
        for text, why in either_way(texts, ids).items():
            at, _ = first(np.array([t == text for t in texts]))
            raise DataError(f"{at}: {why}; give --labels codes or --labels names")
        guessed = ids != Ids(len(ids))
    if (codes < 0).any():
        at, text = first(codes < 0)
        if by_position and not _whole(text):
            raise DataError(f"{at}: label {text!r} is not a position in 0..{len(ids) - 1}")
        if by_position or isinstance(wanted, int):
            why = f"label {text if by_position else repr(text)} is not in 0..{len(ids) - 1}"
            if text in ids.index_of:
                why += f" ({few(ids, 12)}); give --labels names if it is the name of a class"
            elif isinstance(wanted, int) and _from_one(texts, wanted):
                named = (
                    ",".join(map(str, range(1, wanted + 1))) if wanted < 13 else f"1,...,{wanted}"
                )
                why += f"; if classes are 1 to {wanted}, name them: --classes {named}"
                why += " --labels names" * by_position
        else:
            why = f"label {text!r} is not one of {few(ids, 12)}" + did_you_mean(text, ids)
            if _whole(text) and int(text) < len(ids):
                why += "; numbers among names are no positions of classes"
        raise DataError(f"{at}: {why}")
    return ClassCodes(codes, ids, guessed, meaning=said)


def _positions_alone(
    texts: list[str], gold: list[str], first: Callable[[NDArray[np.bool_]], tuple[str, str]]
) -> ClassCodes:
    """Positions in classes that nobody has named or counted."""
    bad = np.array([not _whole(t) for t in texts])
    if bad.any():
        at, text = first(bad)
        raise DataError(
            f"{at}: label {text} is no position 0, 1, 2, ... of a class; give --labels names if"
            " labels are names of classes"
        )
    values = [int(t) for t in texts]
    n = max([*values, *(int(t) for t in gold if _whole(t))], default=-1) + 1
    if n > max(_MOST_UNSEEN, 4 * len(values)):
        at, text = first(np.array(values) == max(values))
        raise DataError(
            f"{at}: label {text} would make {n} classes, of which {len(values)} occur; give"
            " --classes, or --labels names if labels are names of classes"
        )
    unseen = sorted({*range(n)} - {*values})
    note = (
        f"labels are positions 0..{n - 1}, nobody gave {few(unseen, 3)}; if they are names of"
        " classes, give --labels names"
    )
    codes = np.array(values, np.int32)
    return ClassCodes(codes, Ids(n), note=note if unseen else "", meaning="codes")


def are_positions(texts: Sequence[str], classes: Ids, *, said: bool = False) -> bool:
    """Whether cells can only be positions of classes: they are all whole numbers 0..K-1, and no
    name of a class is a number, unless it is ``said`` that the answers are positions."""
    numbers = all(_whole(t) and int(t) < len(classes) for t in texts)
    return bool(texts) and numbers and (said or not any(map(is_number, classes)))


def either_way(texts: Sequence[str], classes: Ids) -> dict[str, str]:
    """Labels that are the name of one class and the position of another, with what to say of
    each; none where one of both readings is impossible, or both are the same."""
    names, places = (code_cells(texts, classes, by_position) for by_position in (False, True))
    if (names < 0).any() or (places < 0).any():
        return {}
    return {
        text: f"label {text} may be the name of a class or the position of class {classes[place]!r}"
        for text, name, place in zip(texts, names.tolist(), places.tolist(), strict=True)
        if name != place
    }


def code_cells(texts: Sequence[str], classes: Ids, positions: bool) -> NDArray[np.int32]:
    """Positions of the classes that cells name, or are positions of; -1 for none."""
    if not positions:
        return classes.codes(list(texts))
    n = len(classes)
    values = [int(t) if _whole(t) and len(t) < 12 else -1 for t in texts]
    return np.array([v if v < n else -1 for v in values], dtype=np.int32)


def _from_one(texts: Sequence[str], n: int) -> bool:
    """Whether labels are whole numbers 1..n."""
    return all(_whole(t) and len(t) < 12 and 1 <= int(t) <= n for t in texts)


def _whole(text: str) -> bool:
    """Whether a text is a whole number as numbers are written: ``12``, not ``007`` or ``-1``."""
    return text.isascii() and text.isdecimal() and (text[0] != "0" or len(text) == 1)
