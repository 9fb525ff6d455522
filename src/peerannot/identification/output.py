"""Write `Findings` into a dataset folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._files import atomic_write, write_csv, write_json, write_npy
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
        if isinstance(content, np.ndarray):
            write_npy(path, content)
        elif isinstance(content, Document):
            write_json(path, content.content)
        elif isinstance(content, Mapping):
            write_csv(path, content)
        else:
            lines: Iterator[str] = iter([content] if isinstance(content, str) else content)
            with atomic_write(path) as handle:
                handle.writelines(line.encode() for line in lines)
        written.append(path)
    return written
