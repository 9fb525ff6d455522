"""Write `Findings` into a dataset folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from peerannot._file_set import file_set
from peerannot.identification.base import Findings

__all__ = ["write_findings"]


def write_findings(
    findings: Findings, folder: Path, draw: Callable[[Path], list[Path]] | None = None
) -> list[Path]:
    """Write the table and the files, all or nothing; the paths written, the table first.

    A hidden manifest beside the table has their SHA-256.

    Parameters
    ----------
    findings, folder
        What was found, and the dataset folder.
    draw
        Draws pictures beside a table and returns their paths.

    Raises
    ------
    StorageError
        A file cannot be written; the folder is as before.
    """
    contents = {findings.table_file: findings.table, **findings.files}
    table = PurePosixPath(findings.table_file)
    with file_set(folder) as files:
        for name, content in contents.items():
            files.add(name, content)
        pictures = draw(files.at(findings.table_file)) if draw is not None else []
        written = [folder / name for name in contents] + [files.final(p) for p in pictures]
        files.manifest(
            str(table.with_name(f".{table.stem}.peerannot.json")),
            {"schema": "peerannot/findings/1"},
            [path.relative_to(folder) for path in written],
        )
    return written
