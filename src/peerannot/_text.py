"""Small helpers to write messages that people can act on."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

__all__ = ["advice", "did_you_mean", "few", "natural_key", "one_line", "plain", "visible"]

# What a terminal may act on, or what makes a line read otherwise than it is: control characters
# (C0, DEL, C1), marks and overrides of direction, other ends of line, and lone surrogates, which
# stand for the bytes of a name that is not UTF-8.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)

_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # as Polars says it
_ADVICE = {
    errno.ENOSPC: "no space left on the disk; free some and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EACCES: "permission denied; choose a folder that you can write to",
    errno.EPERM: "permission denied; choose a folder that you can write to",
    errno.EROFS: "the file system is read-only; choose a folder that you can write to",
    errno.EEXIST: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is longer than the file system allows; shorten it",
}


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
    digits = text.removeprefix("-")
    # Python reads no number of more digits.
    if digits.isascii() and digits.isdigit() and len(digits) <= 4300:
        return (0, int(text), text)
    return (1, 0, text)


def visible(text: str) -> str:
    r"""A text that a terminal only shows: control characters as ``\x1b`` or ``\u202e``.

    Ends of line and tabs stay.
    """
    return _HIDDEN.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """A text as one line that is safe on a terminal, see `visible`."""
    return visible(" ".join(text.split()))


def advice(error: BaseException) -> str:
    """What an error of the system means, and the way out where one is known."""
    number = getattr(error, "errno", None)
    if number is None and (found := _OS_ERROR.search(str(error))):
        number = int(found[1])
    known = _ADVICE.get(number or 0)
    return known or getattr(error, "strerror", None) or " ".join(str(error).split())
