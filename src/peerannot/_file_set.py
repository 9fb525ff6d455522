"""Files that belong together: all of them new, or all of them old.

A set is written into ``.peerannot.staged`` inside its folder. When it is whole it is renamed to
``.peerannot.complete``: from then on it counts. Its files are then moved into place, the manifest
last. Whoever is interrupted before that rename leaves the old set; whoever is interrupted after it
leaves a complete set that the next command moves into place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from peerannot._files import (
    atomic_path,
    atomic_write,
    read_json,
    sha256,
    storage_errors,
    sweep,
    sync_folder,
    write_content,
    write_json,
)
from peerannot._lock import EXCLUSIVE_FILE, LOCK_FILE, locked
from peerannot.errors import DataError, StorageError

__all__ = [
    "COMPLETE",
    "MANIFEST",
    "STAGED",
    "FileSet",
    "changed_files",
    "discard",
    "file_set",
    "hashes",
    "is_free",
    "settle",
]

MANIFEST = ".peerannot.json"
"""Name of a manifest where the files of a set have a folder to themselves."""

STAGED = ".peerannot.staged"
COMPLETE = ".peerannot.complete"
_PLAN = "plan.json"
_OWN = {STAGED, COMPLETE, LOCK_FILE, EXCLUSIVE_FILE}


@dataclass
class FileSet:
    """A set that is being written.

    Attributes
    ----------
    root : Path
        The folder that the names are inside.
    """

    root: Path
    _manifests: list[str] = field(default_factory=list)
    _remove: set[str] = field(default_factory=set)
    _aside: set[str] = field(default_factory=set)
    _linked: set[Path] = field(default_factory=set)

    @property
    def _new(self) -> Path:
        return self.root / STAGED / "new"

    def at(self, name: str | Path) -> Path:
        """Where to write the file, or to make the folder, that will be ``root/name``."""
        path = self._new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def final(self, staged: Path) -> Path:
        """Where a file that `at` named will be."""
        return self.root / staged.relative_to(self._new)

    def add(self, name: str | Path, content: Any) -> None:
        """Write content as `write_content` does."""
        write_content(self.at(name), content)

    def last(self, name: str) -> None:
        """Move this file into place after the others, once; `manifest` does so itself."""
        self._manifests.append(name)

    def folder(self, name: str) -> None:
        """Make a folder, also where no file of the set is in it."""
        self.at(name).mkdir(parents=True, exist_ok=True)

    def place(self, file: Path, name: str, *, link: bool) -> None:
        """Copy a file into the set, or link it."""
        if link:
            self.at(name).unlink(missing_ok=True)
            self.at(name).symlink_to(file.resolve())
            self._linked.add(file.resolve())
            return
        with storage_errors(file, "read"):
            source = file.open("rb")
        with source, atomic_write(self.at(name)) as target:
            shutil.copyfileobj(source, target)

    def manifest(
        self,
        name: str,
        facts: Mapping[str, Any],
        files: Iterable[str | Path] | None = None,
        *,
        kept: Mapping[str, str | None] | None = None,
    ) -> None:
        """Write ``facts`` and the SHA-256 of files of this set (default: all that are written by
        now); it comes into place last.

        Files that the manifest of this name lists now, and the new one does not, are removed; a
        file that was changed since is kept as ``NAME.bak``. Links are listed without a hash.
        Files of the old set that belong to the new one as they are stand in ``kept``.
        """
        if files is None:
            files = [path.relative_to(self._new) for path in _files(self._new)]
        names = sorted({PurePosixPath(f).as_posix() for f in files})
        new = {n: None if self.at(n).is_symlink() else sha256(self.at(n)) for n in names}
        new = {**(kept or {}), **new}
        write_json(self.at(name), {**facts, "sha256": {n: new[n] for n in sorted(new)}})
        self.last(name)
        for old, digest in hashes(self.root / name).items():
            if old not in new:
                self.drop(old, digest)

    def drop(self, name: str, digest: str | None = None) -> None:
        """Let ``root/name`` go with the old set; keep it as ``NAME.bak`` if it is not the file
        of that SHA-256 (None for a link)."""
        path = self.root / name
        if not os.path.lexists(path) or path.is_dir() or path.resolve() in self._linked:
            return
        ours = path.is_symlink() if digest is None else sha256(path) == digest
        if not ours:
            self._aside.add(name)
        elif not os.path.lexists(self._new / name):
            self._remove.add(name)

    def drop_folder(self, name: str) -> None:
        """Remove every file under ``root/name`` that is not in this set."""
        for path in _files(self.root / name):
            inside = path.relative_to(self.root).as_posix()
            if not os.path.lexists(self._new / inside):
                self._remove.add(inside)


@contextlib.contextmanager
def file_set(root: str | Path) -> Iterator[FileSet]:
    """Write files that belong together, under the lock of their folder.

    On success all of them are in place; after an error the folder is as it was.

    Raises
    ------
    StorageError
        A file cannot be written, or another process kept the lock for too long.
    """
    root = Path(root)
    with locked(root), storage_errors(root):
        _finish(root)
        staged = root / STAGED
        _rmtree(staged)
        files = FileSet(root)
        try:
            files.at("_").parent.mkdir(parents=True, exist_ok=True)
            yield files
            _check_targets(files)
            plan = {
                "manifests": files._manifests,
                "remove": sorted(files._remove),
                "aside": sorted(files._aside),
                "replaced": sorted(n for n in files._aside if os.path.lexists(files._new / n)),
            }
            write_json(staged / _PLAN, plan)
            for folder in [*_folders(staged), staged]:
                sync_folder(folder)
            staged.rename(root / COMPLETE)
        finally:
            _rmtree(staged)
        _finish(root)


def settle(root: str | Path) -> None:
    """Move a complete set into place that an interrupted writer left; a reader calls this first.

    Raises
    ------
    DataError
        The folder cannot be written: what is in it is half old and half new.
    """
    root = Path(root)
    if not os.path.lexists(root / COMPLETE):
        return
    try:
        with locked(root):
            _finish(root)
    except StorageError as error:
        raise DataError(
            f"{root}: a write of it was interrupted, and cannot be finished ({error});"
            f" run 'peerannot doctor {root}' where it can be written"
        ) from error


def discard(root: Path) -> None:
    """Remove a set that was never whole; under the lock nobody is writing it."""
    with locked(root), storage_errors(root, "clear"):
        _rmtree(root / STAGED)


def hashes(manifest: Path) -> dict[str, str | None]:
    """SHA-256 by name that a manifest has, None for links; empty where it is none of ours."""
    try:
        document = read_json(manifest)
        found = document["sha256"]
        safe = {str(name): digest for name, digest in found.items() if _inside(str(name))}
    except (DataError, KeyError, TypeError, AttributeError):
        return {}
    return safe


def changed_files(root: Path, manifest: Path, names: Iterable[str] | None = None) -> list[str]:
    """Files of a manifest, or some of them, that are absent or have another content now."""
    listed = hashes(manifest)
    wanted = listed if names is None else [n for n in names if n in listed]
    return [n for n in wanted if not _same(root / n, listed[n])]


def is_free(folder: Path) -> bool:
    """Whether a folder is absent, or holds nothing but what an interrupted writer left."""
    return not folder.exists() or (
        folder.is_dir()
        and not os.path.lexists(folder / COMPLETE)
        and all(entry.name in _OWN for entry in folder.iterdir())
    )


def _same(path: Path, digest: str | None) -> bool:
    if digest is None:
        return path.exists()
    return path.is_file() and sha256(path) == digest


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _check_targets(files: FileSet) -> None:
    """Fail while the old set is still there, not half way through."""
    for folder in _folders(files._new):
        (files.root / folder.relative_to(files._new)).mkdir(parents=True, exist_ok=True)
    parents = set()
    for path in _files(files._new):
        target = files.final(path)
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        parents.add(target.parent)
    for parent in sorted(parents):
        sweep(parent)
        if not os.access(parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(parent))


def _finish(root: Path) -> None:
    """Move a complete set into place; every step can be repeated after an interruption."""
    complete = root / COMPLETE
    if not complete.is_dir():
        return
    if (complete / _PLAN).exists():
        with storage_errors(root):
            _apply(root, complete / "new", read_json(complete / _PLAN))
            # Without its plan it is done, and only to be cleared away.
            (complete / _PLAN).unlink()
    _rmtree(complete)
    sync_folder(root)


def _apply(root: Path, new: Path, plan: Mapping[str, list[str]]) -> None:
    manifests = plan["manifests"]
    for name in manifests:
        if os.path.lexists(new / name):
            (root / name).unlink(missing_ok=True)
    touched = {root}
    for folder in _folders(new):
        (root / folder.relative_to(new)).mkdir(parents=True, exist_ok=True)
    for name in plan["aside"]:
        there = root / name if name not in plan["replaced"] else new / name
        if os.path.lexists(root / name) and os.path.lexists(there):
            (root / name).replace(_backup(root / name))
            touched.add((root / name).parent)
    for name in plan["remove"]:
        (root / name).unlink(missing_ok=True)
        touched.add((root / name).parent)
    for path in _files(new):
        name = path.relative_to(new).as_posix()
        if name not in manifests:
            _move(path, root / name)
            touched.add((root / name).parent)
    for folder in sorted(touched):
        if folder.is_dir():
            sync_folder(folder)
    for name in manifests:
        if os.path.lexists(new / name):
            _move(new / name, root / name)
            sync_folder((root / name).parent)


def _move(file: Path, target: Path) -> None:
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A folder of the set is a link to another disk.
        if file.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(file.readlink())
        else:
            with atomic_path(target) as temporary:
                shutil.copyfile(file, temporary)
        file.unlink()


def _backup(path: Path) -> Path:
    """A free name beside a file."""
    backup, n = path.with_name(f"{path.name}.bak"), 1
    while os.path.lexists(backup):
        n += 1
        backup = path.with_name(f"{path.name}.bak{n}")
    return backup


def _folders(root: Path) -> list[Path]:
    return sorted(Path(base) / name for base, names, _ in os.walk(root) for name in names
                  if not (Path(base) / name).is_symlink())  # fmt: skip


def _files(root: Path) -> list[Path]:
    found = []
    for base, folders, names in os.walk(root):
        links = [f for f in folders if (Path(base) / f).is_symlink()]
        found += [Path(base) / name for name in (*names, *links)]
    return sorted(found)


def _rmtree(folder: Path) -> None:
    if os.path.lexists(folder):
        shutil.rmtree(folder)
