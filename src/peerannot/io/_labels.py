"""Labels as they were read: which of them are no answers, and which are one label spelled twice."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from peerannot._no_answer import NO_ANSWER
from peerannot._text import did_you_mean, few
from peerannot.answers import Meaning
from peerannot.errors import DataError, ParameterError
from peerannot.io.base import Votes
from peerannot.io.numbers import number, one_number, said

__all__ = ["respelled", "settle"]

MANY = 100_000  # distinct labels over which twins are not looked for

# What people write where they do not know; a class by content, so it is kept and spoken of.
DOUBTFUL = frozenset(
    {
        "?", "??", "-", "--", "_", ".", "n.a.", "none", "unknown", "unsure", "not sure",
        "not_sure", "notsure", "skip", "skipped", "idk", "don't know", "dont know",
        "i don't know", "dunno", "can't tell", "cannot tell", "no answer", "no_answer",
        "unanswered", "missing", "undefined", "-1", "-99", "999",
    }
)  # fmt: skip


def settle(
    votes: Votes,
    where: str,
    *,
    classes: Sequence[str] | None,
    no_answer: Sequence[str] = (),
    normalize: bool = False,
    meaning: Meaning | None = None,
) -> Votes:
    """Null where a label stands for no answer, and one spelling of each label.

    Parameters
    ----------
    votes
        As a reader hands them on.
    where
        Name of the source, for messages.
    classes
        Class names that the user gave: these are labels, whatever they look like.
    no_answer
        More values that stand for no answer.
    normalize
        Merge labels that differ only in case, in spaces around or between words, in the way that
        Unicode composes accents, or in zeros of a number; the most frequent spelling is kept, or
        that of a class.
    meaning
        What the user says that labels are; positions are not spelled as classes are.

    Returns
    -------
    Votes
        The same, its notes longer. Cells of a matrix without an answer are no rows; elsewhere a
        row without an answer has a null label. Where all labels are numbers, equal numbers are
        one label, see `one_number`.

    Raises
    ------
    ParameterError
        A value is both a class and no answer, or two classes differ in spelling only.
    DataError
        -1 in a matrix may be a class or no answer.

    Notes
    -----
    Cost: one pass for the distinct labels; more only where something is to be changed.
    """
    label = votes.frame["label"]
    known = set(votes.gold.values())
    kept = {*(classes or ()), *(votes.classes or ())}
    more = {text.strip() for text in no_answer}
    for value in sorted(more & set(classes or ())):
        raise ParameterError(f"{value!r} is named in --classes and in --no-answer")
    every = _distinct(label, any_number=bool(more)) | known
    notes = [*votes.notes, *_unheard(more, every, label)]
    if not (votes.coded and meaning is None):
        strong = [] if meaning == "codes" else (classes or votes.classes or ())
        numbers = {t for t in every if not _is_silence(t, more, votes.blank)}
        spelled_as = one_number(numbers, strong)
        if spelled_as:
            votes = respelled(votes, spelled_as)
            label, known = votes.frame["label"], set(votes.gold.values())
            every = {spelled_as.get(t, t) for t in every}
            notes += said(spelled_as, numbers)
    missing = {t for t in every - kept if t.strip() in NO_ANSWER or t.strip() in more}
    missing |= {t for t in every - kept if t.strip().casefold() in votes.blank}
    spelled = sorted(t for t in missing if t.strip() and t.strip() not in more)
    if spelled:
        notes.append(
            f"label {_quoted(spelled)} is read as no answer; where it is a class, name all"
            " classes with --classes"
        )
    rest = every - missing
    if votes.matrix and "-1" in rest - kept and _from_zero(rest - {"-1"}, where):
        missing.add("-1")
        rest.remove("-1")
        notes.append(
            "-1 is read as no answer; where it is a class, name all classes with --classes"
        )
    doubtful = sorted(t for t in rest - kept if t.strip().casefold() in DOUBTFUL)
    if doubtful and len(doubtful) < len(rest):
        advice = " ".join(f"--no-answer {shlex.quote(t.strip())}" for t in doubtful)
        notes.append(
            f"label {_quoted(doubtful)} is taken as a class; to leave it out, give {advice}"
        )
    merged = _one_spelling(label, rest, kept) if normalize else {}
    if not normalize and (twins := _twins(rest)):
        notes.append(
            f"labels {'; '.join(map(_quoted, twins[:3]))}{'; ...' if len(twins) > 3 else ''} differ"
            " only in case, spaces, accents or zeros; --normalize-labels merges them"
        )
    # Where -1 is a class, whole numbers are names and no positions.
    out = replace(votes, notes=notes, coded=votes.coded and "-1" not in rest & kept)
    if known & missing or known & merged.keys():
        named = {t: merged.get(y, y) for t, y in votes.gold.items() if y not in missing}
        out = replace(out, gold=named)
    if missing or merged:
        out = replace(out, frame=votes.frame.with_columns(_changed(label, missing, merged)))
    return _filled(out) if votes.matrix else out


def _distinct(label: pl.Series, *, any_number: bool) -> set[str]:
    if label.dtype.is_integer() and not any_number:
        lowest: Any = label.min()
        if lowest is None or lowest >= 0:
            return set()  # nothing that may stand for no answer, nothing spelled twice
    return set(label.unique().drop_nulls().cast(pl.String).to_list())


def _is_silence(text: str, more: set[str], blank: frozenset[str]) -> bool:
    text = text.strip()
    words = blank | DOUBTFUL - {"-1", "-99", "999"}
    return text in NO_ANSWER or text in more or text.casefold() in words


def respelled(votes: Votes, spelling: Mapping[str, str]) -> Votes:
    """The same with other spellings of labels, in answers and gold."""
    label = votes.frame["label"].cast(pl.String).replace(dict(spelling))
    return replace(
        votes,
        frame=votes.frame.with_columns(label.alias("label")),
        gold={task: spelling.get(text, text) for task, text in votes.gold.items()},
    )


def _unheard(more: set[str], every: set[str], label: pl.Series) -> Iterator[str]:
    """A value that the user named and nobody gave is likely misspelled."""
    for value in sorted(more - {t.strip() for t in every}):
        if value or not label.null_count():
            yield f"--no-answer {value!r}: no label is so spelled{did_you_mean(value, every)}"


def _from_zero(labels: set[str], where: str) -> bool:
    """Whether all labels are whole numbers from 0, so that -1 among them is none."""
    if not all(t.isascii() and t.isdecimal() for t in labels):
        return False
    if labels == {"1"}:
        raise DataError(
            f"{where}: labels are -1 and 1: is -1 a class or no answer? give --classes=-1,1 or"
            " --no-answer=-1"
        )
    return True


def _key(label: str) -> str:
    """What twins share."""
    text = unicodedata.normalize("NFC", label.replace("\ufeff", "").replace("\u200b", ""))
    text = unicodedata.normalize("NFC", " ".join(text.split()).casefold())
    return number(text) or text


def _groups(labels: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for text in sorted(labels):
        groups.setdefault(_key(text), []).append(text)
    return groups


def _twins(labels: set[str]) -> list[list[str]]:
    if len(labels) > MANY:
        return []
    return [group for group in _groups(labels).values() if len(group) > 1]


def _one_spelling(label: pl.Series, labels: set[str], kept: set[str]) -> dict[str, str]:
    """What each label becomes: a known class, or the most frequent spelling without spaces."""
    of_key: dict[str, str] = {}
    for name in sorted(kept):
        if of_key.setdefault(_key(name), name) != name:
            raise ParameterError(
                f"classes {of_key[_key(name)]!r} and {name!r} are one under --normalize-labels"
            )
    counted = label.cast(pl.String).value_counts()
    count = dict(counted.iter_rows())
    merged: dict[str, str] = {}
    for key, group in _groups(labels).items():
        often = min(group, key=lambda text: (-count.get(text, 0), text))
        target = of_key.get(key, " ".join(unicodedata.normalize("NFC", often).split()))
        merged |= {text: target for text in group if text != target}
    return merged


def _changed(label: pl.Series, missing: set[str], merged: Mapping[str, str]) -> pl.Series:
    if label.dtype.is_integer():
        numbers = pl.Series([int(t) for t in missing if _is_whole(t)], dtype=label.dtype)
        gone = label.is_in(numbers.implode())
    else:
        if merged:
            label = label.replace(dict(merged))
        gone = label.is_in(pl.Series(sorted(missing), dtype=pl.String).implode())
    return pl.select(pl.when(~gone).then(label).alias("label")).to_series()


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,18}", text) is not None


def _filled(votes: Votes) -> Votes:
    """A matrix without its empty cells, which are no rows."""
    rows = votes.frame["label"].is_not_null().arg_true()
    if rows.len() == votes.frame.height:
        return votes
    place = votes.place
    return replace(votes, frame=votes.frame[rows], place=lambda row: place(int(rows[row])))


def _quoted(labels: Sequence[str]) -> str:
    return few(map(repr, labels), 6)
