"""Unpack zip and tar archives that nobody vouches for.

Nothing is written outside the folder, no link is ever made, and what comes out is bounded.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from peerannot._files import storage_errors
from peerannot._progress import Progress, silent
from peerannot.errors import DataError, PeerannotError, StorageError

__all__ = ["Limits", "unpack"]

_BLOCK = 1 << 18
_DAMAGE = (
    EOFError,
    zlib.error,
    LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may grow to.

    Attributes
    ----------
    members : int
        Most entries.
    size : int
        Most bytes unpacked, all entries together.
    ratio : float
        Most bytes unpacked for a byte of archive, once there are more than ``free`` of them.
    free : int
        Bytes that are always allowed, since a small text may compress very well.
    """

    members: int = 500_000
    size: int = 16 << 30
    ratio: float = 200.0
    free: int = 64 << 20


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    kind: str  # "file", "folder" or "link"
    target: str
    open: Callable[[], IO[bytes] | None]


def unpack(
    archive: Path,
    folder: Path,
    *,
    want: Callable[[str], bool] | None = None,
    limits: Limits = LIMITS,
    progress: Progress = silent,
) -> list[Path]:
    """Unpack a zip, tar, tar.gz, tar.bz2 or tar.xz archive, told apart by content.

    Parameters
    ----------
    archive, folder
        From where to where; the folder is made.
    want
        Which entries to unpack, by name; all by default. The others are still counted.
    limits
        Bounds on entries, size and compression.
    progress
        Told the entries unpacked.

    Returns
    -------
    list of Path
        The files, in the order of the archive. A link to a file becomes a copy of the file.

    Raises
    ------
    DataError
        The archive is damaged, truncated or of an unknown kind; an entry leaves the folder, is a
        device, or is a link to something outside; a bound is passed.
    StorageError
        The folder cannot be written.
    """
    if not archive.is_file():
        raise DataError(f"{archive}: no such file")
    made: list[Path] = []
    links: dict[str, str] = {}
    budget = _Budget(archive, limits)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _opened(archive) as members, _sound(archive):
        for member in members:
            budget.member(member.size)
            if want is not None and not want(member.name):
                continue
            parts = _safe(member.name, archive)
            target = folder.joinpath(*parts)
            if member.kind == "folder":
                _make_folder(target, archive)
            elif member.kind == "link":
                links["/".join(parts)] = _inside(member, parts, archive)
            else:
                _make_folder(target.parent, archive)
                _copy(member, target, archive, budget)
                made.append(target)
            progress(len(made), None, f"files of {archive.name}")
    for name in links:
        made.append(_follow(name, links, folder, archive, budget))
    return made


class _Budget:
    """Counts entries and bytes against the limits."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self.archive, self.limits = archive, limits
        self.packed = max(archive.stat().st_size, 1)
        self.members = self.declared = self.written = 0

    def member(self, size: int) -> None:
        self.members += 1
        # Skipped entries have to be decompressed too, so what they say counts.
        self.declared += size
        if self.members > self.limits.members:
            raise DataError(
                f"{self.archive}: more than {self.limits.members} entries; not unpacked"
            )
        self._check(self.declared)

    def block(self, size: int) -> None:
        self.written += size
        self._check(self.written)

    def _check(self, size: int) -> None:
        if size > self.limits.size:
            raise DataError(
                f"{self.archive}: unpacks to more than {self.limits.size >> 20} MB; not unpacked"
            )
        if size > max(self.limits.free, self.limits.ratio * self.packed):
            raise DataError(
                f"{self.archive}: unpacks to more than {self.limits.ratio:g} times its size,"
                " which looks like a zip bomb; not unpacked"
            )


def _safe(name: str, archive: Path) -> tuple[str, ...]:
    """Parts of an entry's name below the folder."""
    plain = name.replace("\\", "/")
    parts = tuple(p for p in plain.split("/") if p not in ("", "."))
    absolute = plain.startswith("/") or re.match(r"[A-Za-z]:", plain)
    if absolute or ".." in parts or "\0" in name or any(":" in p for p in parts if os.name == "nt"):
        raise DataError(
            f"{archive}: entry {name!r} would be written outside the folder; the archive is not"
            " to be trusted"
        )
    return parts


def _inside(member: _Member, parts: tuple[str, ...], archive: Path) -> str:
    """What a link points to, as a name in the archive."""
    steps = list(parts[:-1])
    for step in member.target.replace("\\", "/").split("/"):
        if step == ".." and steps:
            steps.pop()
        elif step == "..":
            steps = []
            break
        elif step not in ("", "."):
            steps.append(step)
    if not steps or PurePosixPath(member.target).is_absolute() or "\0" in member.target:
        raise DataError(
            f"{archive}: entry {member.name!r} is a link to {member.target!r}, outside the folder;"
            " the archive is not to be trusted"
        )
    return "/".join(_safe("/".join(steps), archive))


def _follow(name: str, links: dict[str, str], folder: Path, archive: Path, budget: _Budget) -> Path:
    """Put a copy of the file in the place of a link, so that no link can lead anywhere later."""
    source, seen = links[name], {name}
    while source in links and source not in seen:
        seen.add(source)
        source = links[source]
    path, target = folder.joinpath(*source.split("/")), folder.joinpath(*name.split("/"))
    if not path.is_file():
        raise DataError(
            f"{archive}: entry {name!r} is a link to {source!r}, which is not a file in it"
        )
    budget.block(path.stat().st_size)
    _make_folder(target.parent, archive)
    if target.exists():
        raise DataError(f"{archive}: entry {name!r} occurs twice")
    with storage_errors(target):
        shutil.copyfile(path, target)
    return target


def _make_folder(path: Path, archive: Path) -> None:
    try:
        with storage_errors(path):
            path.mkdir(parents=True, exist_ok=True)
    except StorageError as error:
        if isinstance(error.__cause__, FileExistsError | NotADirectoryError):
            raise DataError(f"{archive}: {path.name!r} is a file and a folder in it") from None
        raise


def _copy(member: _Member, target: Path, archive: Path, budget: _Budget) -> None:
    source = member.open()
    if source is None or target.is_dir():
        raise DataError(f"{archive}: entry {member.name!r} cannot be unpacked as a file")
    with source, storage_errors(target), target.open("wb") as handle:
        while block := _read(source, archive):
            budget.block(len(block))
            handle.write(block)


def _read(source: IO[bytes], archive: Path) -> bytes:
    with _sound(archive):
        return source.read(_BLOCK)


@contextmanager
def _sound(archive: Path) -> Iterator[None]:
    """Turn the many faults of a damaged archive into one line."""
    try:
        yield
    except _DAMAGE as error:
        raise DataError(_damaged(archive, error)) from None
    except RuntimeError as error:
        if "password" not in str(error):
            raise
        raise DataError(f"{archive}: the archive is locked with a password") from None
    except PeerannotError:
        raise
    except OSError as error:
        # Damage may also show as a seek to nowhere, and gzip's fault is an OSError.
        raise DataError(_damaged(archive, error)) from None


def _damaged(archive: Path, error: BaseException) -> str:
    why = " ".join(str(error).split())
    if why.startswith("file could not be opened"):
        why = "neither zip nor tar"
    return f"{archive}: the archive is damaged or truncated ({why}); remove it and run again"


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[_Member]]:
    with ExitStack() as stack:
        with _sound(archive):
            if zipfile.is_zipfile(archive):
                members = _zip(stack.enter_context(zipfile.ZipFile(archive)))
            else:
                members = _tar(stack.enter_context(tarfile.open(archive, "r:*")), archive)
        yield members


def _zip(file: zipfile.ZipFile) -> Iterator[_Member]:
    for info in file.infolist():
        kind, target = "folder" if info.is_dir() else "file", ""
        if stat.S_ISLNK(info.external_attr >> 16):
            kind, target = "link", file.read(info)[:4096].decode("utf-8", "replace")
        yield _Member(
            info.filename,
            info.file_size,
            kind,
            target,
            lambda info=info: file.open(info),  # type: ignore[misc]
        )


def _tar(file: tarfile.TarFile, archive: Path) -> Iterator[_Member]:
    for info in file:
        if info.isreg():
            kind, target = "file", ""
        elif info.isdir():
            kind, target = "folder", ""
        elif info.issym():
            kind, target = "link", info.linkname
        elif info.islnk():
            # A hard link counts from the top of the archive, a symbolic one from its folder.
            up = "../" * (len(PurePosixPath(info.name).parts) - 1)
            kind, target = (
                "link",
                info.linkname if info.linkname.startswith("/") else up + info.linkname,
            )
        else:
            raise DataError(
                f"{archive}: entry {info.name!r} is a device or a pipe; the archive is not to be"
                " trusted"
            )
        yield _Member(
            info.name,
            info.size,
            kind,
            target,
            lambda info=info: file.extractfile(info),  # type: ignore[misc]
        )
