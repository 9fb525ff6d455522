"""Write `Findings` into a dataset folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerannot._files import write_content, write_json
from peerannot.identification.base import Findings

__all__ = ["Document", "write_findings"]


@dataclass(frozen=True)
class Document:
    """A JSON document among the files of `Findings`."""

    content: Any


def write_findings(findings: Findings, folder: Path) -> list[Path]:
    """Write the table and the files; the paths written, the table first.

    Raises
    ------
    StorageError
        A file cannot be written. Files written before stay whole.
    """
    written = []
    for name, content in {findings.table_file: findings.table, **findings.files}.items():
        path = folder / name
        if isinstance(content, Document):
            write_json(path, content.content)
        else:
            write_content(path, content)
        written.append(path)
    return written
