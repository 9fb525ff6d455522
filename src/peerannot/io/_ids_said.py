"""What a user should know of ids: those that look like one, and those that look like none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from peerannot._no_answer import is_no_answer
from peerannot._text import few
from peerannot.answers import Ids

__all__ = ["doubtful_ids"]

MANY = 100_000  # ids over which twins are not looked for


def doubtful_ids(tasks: Ids, workers: Ids) -> list[str]:
    """Notes on ids that differ only in spaces around them (of workers, in letter case, too), and
    on those that are spelled as missing values are."""
    notes = []
    for ids, what, key, how in (
        (tasks, "task", str.strip, "spaces around them"),
        (workers, "worker", _folded, "letter case or spaces around them"),
    ):
        if len(ids) > MANY or isinstance(ids.column(), np.ndarray):
            continue
        texts = list(ids)
        if twins := _twins(texts, key):
            shown = "; ".join(few(map(repr, group), 4) for group in twins[:3])
            notes.append(
                f"{what}s {shown}{'; ...' * (len(twins) > 3)} differ only in {how}; they are read"
                f" as different {what}s"
            )
        if missing := [text for text in texts if is_no_answer(text)]:
            notes.append(f"{what} {few(map(repr, missing), 4)} is read as an id; is it missing?")
    return notes


def _folded(text: str) -> str:
    return text.strip().casefold()


def _twins(texts: list[str], key: Callable[[str], str]) -> list[list[str]]:
    keys = [key(text) for text in texts]
    if len(set(keys)) == len(texts):
        return []
    groups: dict[str, list[str]] = {}
    for short, text in zip(keys, texts, strict=True):
        groups.setdefault(short, []).append(text)
    return [group for group in groups.values() if len(group) > 1]
