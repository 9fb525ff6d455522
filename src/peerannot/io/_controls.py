"""Which of several questions of a project is read: the one named, else the only one that fits."""

from __future__ import annotations

from collections.abc import Mapping

from peerannot._text import did_you_mean, few
from peerannot.errors import DataError

__all__ = ["choose"]


def choose(
    where: str,
    named: str | None,
    readable: Mapping[str, bool],
    kinds: Mapping[str, str],
    what: str,
    option: str = "--control",
    titles: Mapping[str, str] | None = None,
) -> str:
    """The question to read; ``""`` where there are none at all and none is named.

    Parameters
    ----------
    where
        The source, for messages.
    named
        What the user named.
    readable
        Every question found, and whether it gives a task one label.
    kinds
        How a question is called in a message: ``"pairwise 'x'"``.
    what
        What is looked for: ``"control of one label a task"``.
    option
        How the user names one.
    titles
        What a name stands for, to be shown beside it.

    Raises
    ------
    DataError
        The one named is not there or cannot be read, several fit, or only others are there.
    """
    fit = [name for name, fits in readable.items() if fits]
    others = few(kinds.get(name, repr(name)) for name, fits in readable.items() if not fits)
    shown = few((f"{n} {titles[n]!r}" if titles and titles.get(n) else n for n in fit), 12)
    if named is not None:
        if readable and named not in fit:
            raise DataError(
                f"{where}: no {what} is named {named!r}; there are {shown or 'none'}"
                + (f", and of other kinds {others}" if others else "")
                + did_you_mean(named, fit)
            )
        return named
    if len(fit) > 1:
        raise DataError(f"{where}: several {_plural(what)}: {shown}; say which with {option}")
    if readable and not fit:
        raise DataError(f"{where}: no {what}; found {others}")
    return fit[0] if fit else ""


def _plural(what: str) -> str:
    first, *rest = what.split(" ")
    return " ".join([f"{first}s", *rest])
