"""Build a dataset aside and put it in place at the end.

An install that is interrupted, fails or fills the disk leaves what was there before. Inside the
dataset's folder, ``.install.partial`` is a build under way, ``.install.complete`` one that is
being moved into place (the next install finishes that), and ``.install.json`` lists what install
made and may therefore replace.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peerannot._files import read_json, storage_errors, write_json
from peerannot._lock import locked
from peerannot.errors import DataError

__all__ = ["Stage", "left_by_install", "made_by_install", "settle_install", "staged"]

logger = logging.getLogger("peerannot.dataset")

_PARTIAL = ".install.partial"
_COMPLETE = ".install.complete"
_OLD = ".install.old"
_OWNED = ".install.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """A build under way.

    Attributes
    ----------
    folder : Path
        The dataset's folder, untouched until the end.
    path : Path
        Where to write what shall appear in it.
    work : Path
        Scratch, removed at the end.
    """

    folder: Path
    path: Path
    work: Path


def made_by_install(folder: Path) -> set[str]:
    """Names in a dataset's folder that an earlier install made."""
    try:
        entries = read_json(folder / _OWNED)["entries"]
        return {str(name) for name in entries}
    except (DataError, KeyError, TypeError):
        return set()


@contextmanager
def staged(folder: Path, *, whole: bool) -> Iterator[Stage]:
    """Build in a `Stage`; on success its entries replace those of the folder.

    Entries of the same name that no install made are kept as ``NAME.bak``. With ``whole``, what an
    earlier install made and this one does not is removed. One install a folder at a time.

    Raises
    ------
    StorageError
        The folder cannot be written; it is then as before.
    """
    partial = folder / _PARTIAL
    with locked(folder), storage_errors(folder):
        _finish(folder)
        _remove(partial)
        try:
            stage = Stage(folder, partial / "new", partial / "work")
            stage.path.mkdir(parents=True)
            stage.work.mkdir()
            yield stage
            names = {entry.name for entry in stage.path.iterdir()}
            if not whole:
                names |= made_by_install(folder)
            write_json(stage.path / _OWNED, {"entries": sorted(names)})
            stage.path.rename(folder / _COMPLETE)
        finally:
            _remove(partial)
        _finish(folder)


def left_by_install(folder: Path) -> list[str]:
    """What an interrupted install left in a folder."""
    return [name for name in (_PARTIAL, _COMPLETE, _OLD) if (folder / name).is_dir()]


def settle_install(folder: Path, *, clear: bool = False) -> None:
    """Move a complete build into place that an interrupted install left.

    With ``clear``, remove one that was not complete, too.

    Raises
    ------
    StorageError
        The folder cannot be written: what is in it is half old and half new.
    """
    if (folder / _COMPLETE).is_dir() or (clear and left_by_install(folder)):
        with locked(folder), storage_errors(folder, "finish the install of"):
            _finish(folder)
            if clear:
                _remove(folder / _PARTIAL)


def _finish(folder: Path) -> None:
    """Move a complete build into place; every step can be repeated after an interruption."""
    complete, old = folder / _COMPLETE, folder / _OLD
    # Without its list everything is in place, and the rest only to be cleared away.
    if (complete / _OWNED).exists():
        before, after = made_by_install(folder), made_by_install(complete)
        old.mkdir(exist_ok=True)
        for entry in sorted(complete.iterdir()):
            if entry.name == _OWNED:
                continue
            target = folder / entry.name
            if os.path.lexists(target):
                _set_aside(target, entry, old, owned=entry.name in before)
            entry.rename(target)
        for name in sorted(before - after):
            if os.path.lexists(folder / name):
                _set_aside(folder / name, None, old, owned=True)
        (complete / _OWNED).replace(folder / _OWNED)
    _remove(complete)
    _remove(old)


def _set_aside(target: Path, new: Path | None, old: Path, *, owned: bool) -> None:
    same = new is not None and new.is_file() and target.is_file()
    if owned or (same and new is not None and new.read_bytes() == target.read_bytes()):
        _remove(old / target.name)
        target.rename(old / target.name)
        return
    backup, n = target.with_name(f"{target.name}.bak"), 1
    while os.path.lexists(backup):
        n += 1
        backup = target.with_name(f"{target.name}.bak{n}")
    target.rename(backup)
    logger.info("%s was not made by install: kept as %s", target, backup.name)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
