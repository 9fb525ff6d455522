"""Several sources of one crowd as one: the same id is the same task, the same worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import polars as pl

from peerannot._no_answer import NO_ANSWER
from peerannot._text import few
from peerannot.answers import Ids
from peerannot.errors import DataError
from peerannot.io._labels import respelled, settle
from peerannot.io.base import Votes
from peerannot.io.classes import either_way
from peerannot.io.numbers import one_number, said

__all__ = ["SourcePart", "join"]


@dataclass(frozen=True)
class SourcePart:
    """What one source holds.

    Attributes
    ----------
    where : str
        Name of the source.
    format : str
    votes : Votes
    positions : bool
        Whether its labels are positions of classes, and not names.
    said : bool
        Whether the user said so.
    """

    where: str
    format: str
    votes: Votes
    positions: bool
    said: bool = False


def join(parts: Sequence[SourcePart], classes: Iterable[str] | None) -> Votes:
    """One crowd of several sources; of several answers of a worker to a task, later sources are
    later where they have no times.

    Parameters
    ----------
    parts
        In order.
    classes
        Names that the user gave; else those that the parts know, in order, then other labels.

    Returns
    -------
    Votes
        Labels are names, unless all parts have positions and none knows a name.

    Raises
    ------
    DataError
        A task has two gold labels, or labels are positions of classes that nobody names.
    """
    names = list(dict.fromkeys(classes or [c for p in parts for c in p.votes.classes or ()]))
    if not names and any(p.positions for p in parts) and not all(p.positions for p in parts):
        coded = next(p for p in parts if p.positions)
        named = next(p for p in parts if not p.positions)
        raise DataError(
            f"{coded.where}: labels are positions of classes, those of {named.where} are names;"
            " name the classes in their order with --classes"
        )
    votes = [_named(part, names) for part in parts]
    frame = pl.concat([v.frame.cast({"task": pl.String, "worker": pl.String, "label": pl.String})
                       for v in votes], how="diagonal")  # fmt: skip
    if "weight" in frame.columns:
        frame = frame.with_columns(pl.col("weight").fill_null(1.0))
    ends = list(accumulate(v.frame.height for v in votes))

    def place(row: int) -> str:
        at = int(np.searchsorted(ends, row, side="right"))
        return votes[at].place(row - (ends[at - 1] if at else 0))

    tasks = [v.tasks or tuple(v.frame["task"].unique(maintain_order=True).cast(pl.String))
             for v in votes]  # fmt: skip
    positions = not names and all(p.positions for p in parts)
    given = {*frame["label"].drop_nulls().unique().to_list()}
    given |= {label for v in votes for label in v.gold.values()}
    merged = (
        {} if positions else one_number({t for t in given if t.strip() not in NO_ANSWER}, names)
    )
    if merged:
        frame = frame.with_columns(pl.col("label").replace(merged))
        votes = [respelled(v, merged) for v in votes]
    dropped: Counter[str] = Counter()
    images: dict[str, str] = {}
    for v in votes:
        dropped.update(v.dropped)
        images = {**v.images, **images}
    others = _others(frame, votes, names) if names else []
    notes = [*_notes(parts, votes, tasks), *said(merged, given)]
    if others:
        notes.append(f"{len(others)} labels are none of the {len(names)} classes, and are put after"
                     f" them: {few(others)}")  # fmt: skip
    return Votes(
        frame,
        place,
        tasks=tuple(dict.fromkeys(task for some in tasks for task in some)),
        classes=None if not names else (*names, *others),
        gold=_one_gold(parts, votes),
        images=images,
        dropped=dropped,
        coded=positions,
        duplicates=next((v.duplicates for v in votes if v.duplicates is not None), None),
        guessed=_guessed(votes),
        ignored=tuple(dict.fromkeys(c for v in votes for c in v.ignored)),
        notes=notes,
    )


def _named(part: SourcePart, names: Sequence[str]) -> Votes:
    """The votes of a part with names of classes as labels."""
    votes = part.votes
    if votes.matrix:
        votes = settle(votes, part.where, classes=None)
    if not part.positions or not names:
        return votes
    ids = Ids(votes.classes or names)

    def name(text: str) -> str | None:
        whole = text.isascii() and text.isdecimal() and len(text) < 12
        return ids[int(text)] if whole and int(text) < len(ids) else None

    label = votes.frame["label"].cast(pl.String)
    known = {text: name(text) for text in label.drop_nulls().unique(maintain_order=True).to_list()}
    doubt = {} if part.said or votes.classes else either_way(list(known), ids)
    for text, why in doubt.items():
        at = votes.place(int((label == text).arg_max() or 0))
        raise DataError(f"{at}: {why}; give --labels codes or --labels names")
    gold = {task: name(text) for task, text in votes.gold.items()}
    bad = [(text, votes.place(int((label == text).arg_max() or 0)))
           for text, found in known.items() if found is None][:1]  # fmt: skip
    bad += [(votes.gold[task], f"{part.where}: gold of task {task!r}")
            for task, found in gold.items() if found is None][:1]  # fmt: skip
    for text, where in bad:
        raise DataError(f"{where}: label {text} is not in 0..{len(ids) - 1} ({few(ids, 12)})")
    names_of = label.replace_strict(known, default=None, return_dtype=pl.String)
    return replace(
        votes,
        frame=votes.frame.with_columns(names_of.alias("label")),
        classes=tuple(ids),
        gold={task: str(found) for task, found in gold.items()},
        coded=False,
    )


def _others(frame: pl.DataFrame, votes: Sequence[Votes], names: Sequence[str]) -> list[str]:
    """Labels that are none of the names, which go after them."""
    given = {*frame["label"].drop_nulls().unique().to_list()}
    given |= {label for v in votes for label in v.gold.values()}
    return list(Ids.sorted(given - {*names}))


def _one_gold(parts: Sequence[SourcePart], votes: Sequence[Votes]) -> dict[str, str]:
    known: dict[str, tuple[str, str]] = {}
    for part, v in zip(parts, votes, strict=True):
        for task, label in v.gold.items():
            other, where = known.setdefault(task, (label, part.where))
            if other != label:
                raise DataError(
                    f"{part.where}: task {task!r} has the gold label {label!r}, but {other!r} in"
                    f" {where}"
                )
    return {task: label for task, (label, _) in known.items()}


def _guessed(votes: Sequence[Votes]) -> dict[str, str]:
    roles: dict[str, dict[str, None]] = {}
    for v in votes:
        for role, what in v.guessed.items():
            roles.setdefault(role, {})[what] = None
    return {role: ", ".join(what) for role, what in roles.items()}


def _notes(
    parts: Sequence[SourcePart], votes: Sequence[Votes], tasks: Sequence[tuple[str, ...]]
) -> list[str]:
    rows = ", ".join(f"{part.where} {v.frame.height}" for part, v in zip(parts, votes, strict=True))
    seen = Counter(task for some in tasks for task in set(some))
    shared = sum(n > 1 for n in seen.values())
    said = f"answers of {len(parts)} sources ({rows}); {shared} of {len(seen)} tasks in several"
    if not shared:
        said += ": where they are the same tasks, their ids must be too"
    timed = sum("time" in v.frame.columns for v in votes)
    if 0 < timed < len(parts):
        said += "; answers without a time count as older than those with one"
    own = [
        f"{part.where}: {note}" for part, v in zip(parts, votes, strict=True) for note in v.notes
    ]
    return [said, *own]
