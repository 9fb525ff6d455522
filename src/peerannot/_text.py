"""Small helpers to write messages that people can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

__all__ = ["did_you_mean", "few", "natural_key", "plain"]


def plain(name: str) -> str:
    """Fold a name for comparison: lower case, without spaces, hyphens and underscores."""
    return re.sub(r"[-_\s]", "", name).casefold()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'dog'?"`` when a known word is near, else an empty string."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return f"; did you mean {by_fold[near[0]]!r}?" if near else ""


def few(values: Iterable[object], n: int = 5) -> str:
    """The first ``n`` values, comma separated, with ``, ...`` when there are more."""
    head = list(islice(values, n + 1))
    return ", ".join(str(v) for v in head[:n]) + (", ..." if len(head) > n else "")


def natural_key(text: str) -> tuple[int, int, str]:
    """Sort key of ids: whole numbers first by value, then all other text by code point."""
    if text.isascii() and text.lstrip("-").isdigit() and text.count("-") <= 1:
        return (0, int(text), text)
    return (1, 0, text)
