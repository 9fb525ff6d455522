"""A user's own images and votes, small."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot.dataset import CustomOptions, Dataset, install_custom


@dataclass
class Source:
    """A user's files, and a folder to install into."""

    base: Path
    into: Path
    matrix: np.ndarray

    def options(self, form: int = 0, **others: Any) -> CustomOptions:
        return CustomOptions(
            **{
                "answers_format": form,
                "answers": self.base / f"votes{form}",
                "files_path": self.base / "filenames.txt",
                "train_path": self.base / "images",
                **others,
            }
        )

    def install(self, form: int = 0, **others: Any) -> Dataset:
        install_custom(self.into, self.options(form, **others))
        return Dataset.open(self.into)

    def json(self, name: str) -> Any:
        return json.loads((self.into / name).read_text())

    def row_of(self, name: str) -> int:
        return (self.base / "filenames.txt").read_text().splitlines().index(name)


def votes_in(row: np.ndarray) -> dict[str, int]:
    return {str(worker): int(label) for worker, label in enumerate(row) if label >= 0}
