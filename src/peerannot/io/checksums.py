"""Checksums of shards, as ``sha256sum`` writes them.

Parquet has room for a checksum of each page, but Polars neither writes nor reads it: damage inside
a page may be read as other answers. A list in ``SHA256SUMS`` beside the shards, or in the folder
above, or ``NAME.sha256`` beside a shard, tells what its content was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from peerannot._files import atomic_write, sha256, storage_errors
from peerannot._progress import Progress, silent
from peerannot.errors import DataError

__all__ = ["ADVICE", "SUMS", "check", "check_one", "expected", "places", "read_sums", "write_one"]

SUMS = "SHA256SUMS"
ADVICE = (
    "so damage inside a page cannot be seen; in their folder,"
    f" sha256sum *.parquet > {SUMS} makes checksums"
)

_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")
_TAGGED = re.compile(r"SHA256 \((.+)\) = ([0-9a-fA-F]{64})")


def places(shard: PurePosixPath) -> list[tuple[PurePosixPath, str]]:
    """Lists that may hold the checksum of a shard, and its name in each."""
    return [
        (shard.with_name(f"{shard.name}.sha256"), shard.name),
        (shard.parent / SUMS, shard.name),
        (shard.parent.parent / SUMS, f"{shard.parent.name}/{shard.name}"),
    ]


def read_sums(content: bytes, where: str) -> dict[str, str]:
    """SHA-256 by name.

    Raises
    ------
    DataError
        A line is none of ``sha256sum`` or ``shasum --tag``.
    """
    found = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if plain := _LINE.fullmatch(line):
            digest, name = plain.groups()
        elif tagged := _TAGGED.fullmatch(line):
            name, digest = tagged.groups()
        else:
            raise DataError(f"{where} line {number}: not a line of sha256sum; make the file anew")
        found[str(PurePosixPath(name))] = digest.lower()
    return found


def expected(files: Sequence[Path]) -> list[tuple[str, Path] | None]:
    """SHA-256 of each file and the list that has it; None where there is none."""
    lists: dict[Path, Mapping[str, str]] = {}
    found: list[tuple[str, Path] | None] = []
    for file in files:
        known = None
        for place, name in places(PurePosixPath(file.absolute().as_posix())):
            path = Path(place)
            if path not in lists:
                lists[path] = {}
                if path.is_file():
                    with storage_errors(path, "read"):
                        lists[path] = read_sums(path.read_bytes(), str(path))
            if name in lists[path]:
                known = (lists[path][name], path)
                break
        found.append(known)
    return found


def check(files: Sequence[Path], progress: Progress = silent) -> int:
    """Compare files with their checksums; the number of those that have one.

    Cost: reads each such file once, 0.6 s a GB.

    Raises
    ------
    DataError
        A file is not what its checksum says.
    """
    n = 0
    for i, (file, known) in enumerate(zip(files, expected(files), strict=True), 1):
        if known is not None:
            n += 1
            check_one(file, *known, shown=str(file))
            progress(i, len(files), "checking")
    return n


def check_one(file: Path, digest: str, where: Path | str, *, shown: str) -> None:
    """Compare one file with its checksum; see `check`."""
    with storage_errors(file, "read"):
        if sha256(file) != digest:
            raise DataError(
                f"{shown}: damaged or changed, its SHA-256 is not the one in {where}; restore the"
                " shard, or make the checksums anew"
            )


def write_one(file: Path) -> Path:
    """Write ``NAME.sha256`` beside a file."""
    path = file.with_name(f"{file.name}.sha256")
    with atomic_write(path) as handle:
        handle.write(f"{sha256(file)}  {file.name}\n".encode())
    return path
