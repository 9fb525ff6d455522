"""Labels that are one number in several spellings: ``1`` and the ``1.0`` that pandas writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["number", "one_number", "said"]

_ZEROS = re.compile(r"-?0[0-9]")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?|(-?)\.([0-9]+)")


def number(text: str) -> str | None:
    """The shortest way to write a number, ``2.5`` for ``02.50``; None where it is no number."""
    found = _NUMBER.fullmatch(text) if text.isascii() else None
    if found is None:
        return None
    whole = (found[2] or "").lstrip("0") or "0"
    part = (found[3] or found[5] or "").rstrip("0")
    short = f"{whole}.{part}" if part else whole
    return short if short == "0" else (found[1] or found[4] or "") + short


def one_number(labels: Iterable[str], classes: Iterable[str]) -> dict[str, str]:
    """What labels become where all of them are numbers, and equal numbers are one.

    Parameters
    ----------
    labels
        Those that occur.
    classes
        Names that are known, which are kept: a number is spelled as its class is.

    Returns
    -------
    dict
        From spelling to spelling, of the labels that change. Whole numbers alone lose their
        ``.0``; otherwise the shortest spelling of a number stands for it. Numbers with leading
        zeros (``007``) are codes, and stay.
    """
    plain: dict[str, list[str]] = {}
    codes = False
    for text in sorted(labels, key=lambda text: (len(text), text)):
        short = number(text)
        if short is None:
            return {}
        if _ZEROS.match(text):
            codes = True
        else:
            plain.setdefault(short, []).append(text)
    known: dict[str, list[str]] = {}
    for name in classes:
        if (short := number(name)) is not None and not _ZEROS.match(name):
            known.setdefault(short, []).append(name)
    whole = not codes and all("." not in short for short in plain)
    merged: dict[str, str] = {}
    for short, spellings in plain.items():
        names = known.get(short, [])
        if len(names) > 1:
            continue
        target = names[0] if names else short if whole else spellings[0]
        merged |= {text: target for text in spellings if text != target}
    return merged


def said(merged: Mapping[str, str], labels: Iterable[str]) -> list[str]:
    """A note on the spellings that were merged, if any were."""
    groups: dict[str, list[str]] = {}
    for text in sorted({*labels}):
        if (target := merged.get(text, text)) in merged.values():
            groups.setdefault(target, []).append(text)
    several = [(t, group) for t, group in groups.items() if len(group) > 1]
    lines = [
        f"labels {' and '.join(map(repr, group))} are one number: read as {target!r}"
        for target, group in several[:3]
    ]
    return ["; ".join(lines) + ("; ..." if len(several) > 3 else "")] if lines else []
