"""Several sources read as one crowd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from peerannot._options import from_text
from peerannot._text import few
from peerannot.errors import DataError, ParameterError
from peerannot.io._detect import detect
from peerannot.io._join import SourcePart, join
from peerannot.io._labels import settle
from peerannot.io._source import Source
from peerannot.io.base import FORMATS, Votes
from peerannot.io.float_ids import has_float_ids, without_float_ids

__all__ = ["read_parts"]


def read_parts(
    paths: Sequence[Any],
    *,
    format: str | None,
    classes: Sequence[str] | None,
    labels: str | None,
    where: tuple[tuple[str, str], ...],
    sheet: str | None,
    no_answer: Sequence[str],
    normalize_labels: bool,
    options: Mapping[str, Any],
) -> tuple[Votes, str, str]:
    """Votes of several sources as those of one, the names of their formats and of the sources.

    Parameters
    ----------
    options
        Of the formats; each takes those that it has. ``worker`` may be a list, one a source.

    Raises
    ------
    DataError
        A source is not usable, or sources contradict each other.
    ParameterError
        None of the formats has an option, or there are not as many workers as sources.
    """
    workers = options.get("worker")
    each = workers if isinstance(workers, list | tuple) else [workers] * len(paths)
    if len(each) != len(paths):
        raise ParameterError(f"{len(each)} workers for {len(paths)} sources; give one for each")
    named = [str(p) if isinstance(p, str | Path) else f"frame {i}" for i, p in enumerate(paths, 1)]
    if len(set(named)) < len(paths):
        raise ParameterError(f"a source is given twice: {few(named, 12)}")
    parts, unused = [], {k for k, v in options.items() if v is not None}
    for path, worker in zip(paths, each, strict=True):
        given = {k: str(v) for k, v in {**options, "worker": worker}.items() if v is not None}
        part, taken = _part(Source.open(path, where=where, sheet=sheet), format, labels, given)
        parts.append(part)
        unused -= taken
    if unused:
        names = list(dict.fromkeys(part.format for part in parts))
        raise ParameterError(f"none of {few(names)} has an option {sorted(unused)[0]!r}")
    votes = settle(
        join(parts, classes),
        few((part.where for part in parts), 3),
        classes=classes,
        no_answer=no_answer,
        normalize=normalize_labels,
    )
    return votes, few(dict.fromkeys(part.format for part in parts), 20), few(named, 3)


def _part(
    source: Source, format: str | None, labels: str | None, given: Mapping[str, str]
) -> tuple[SourcePart, set[str]]:
    if source.shape == "empty":
        raise DataError(f"{source.name}: the file is empty")
    name = FORMATS.resolve(format) if format is not None else detect(source, given, strict=False)
    has = {f.name for f in fields(FORMATS[name])}
    own = {k: v for k, v in given.items() if k.replace("-", "_") in has}
    votes = from_text(FORMATS[name], own).votes(source)
    if source.shape == "table" and any(
        map(has_float_ids, (votes.frame["task"], votes.frame["worker"]))
    ):
        votes = without_float_ids(votes)
    folder = name == "dataset"
    if votes.coded is None and labels is None:
        raise DataError(
            f"{source.name}: some labels are numbers and others names; give --labels names if"
            " the numbers are names too"
        )
    positions = not folder and (labels == "codes" or (labels is None and bool(votes.coded)))
    return SourcePart(source.name, name, votes, positions, labels is not None), set(own)
