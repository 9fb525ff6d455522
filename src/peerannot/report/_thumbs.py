"""Small pictures as data URIs, within a budget of bytes."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from peerannot._progress import Progress, silent
from peerannot.dataset import UnreadableImageError, read_picture

__all__ = ["thumbnails"]

_SIDES = (192, 144, 112, 88, 64, 48, 32)
_QUALITY = (80, 70, 60, 45)
_SAMPLE = 24


def thumbnails(
    paths: Sequence[Path | None],
    budget: int,
    *,
    sides: Sequence[int] = _SIDES,
    progress: Progress = silent,
) -> tuple[list[str], list[tuple[Path, str]]]:
    """Pictures as data URIs of WebP, and the files that could not be read, with why.

    Never enlarged. The largest of ``sides``, descending, and of quality are taken whose sum,
    estimated on a sample and then checked, stays within ``budget`` characters; where even the
    smallest does not, the last pictures are left out. An empty text stands for no picture.
    """
    wanted = [p for p in paths if p is not None]
    if not wanted:
        return [""] * len(paths), []
    step = max(len(wanted) // _SAMPLE, 1)
    sample = wanted[::step]
    rungs = [(side, quality) for side in sides for quality in _QUALITY[:3]]
    rungs.append((sides[-1], _QUALITY[-1]))
    start = len(rungs) - 1
    for i, (side, quality) in enumerate(rungs):
        size = sum(len(_encode(p, side, quality, [])) for p in sample)
        if size / len(sample) * len(wanted) <= 0.95 * budget:
            start = i
            break
    for side, quality in rungs[start:]:
        done: list[str] = []
        lost: list[tuple[Path, str]] = []
        size = 0
        for i, path in enumerate(paths):
            progress(i, len(paths), "images")
            done.append("" if path is None else _encode(path, side, quality, lost))
            size += len(done[-1])
        if size <= budget:
            return done, lost
    return _cut(done, budget), lost


def _cut(pictures: list[str], budget: int) -> list[str]:
    kept = []
    for picture in pictures:
        budget -= len(picture)
        kept.append(picture if budget >= 0 else "")
    return kept


def _encode(path: Path, side: int, quality: int, lost: list[tuple[Path, str]]) -> str:
    """A picture of at most ``side`` pixels as a data URI; empty, and told, if it is unreadable."""
    try:
        small = read_picture(path, side)
    except UnreadableImageError as error:
        lost.append((path, error.why))
        return ""
    small.thumbnail((side, side))
    target = io.BytesIO()
    small.save(target, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + b64encode(target.getvalue()).decode()
