"""Options that name a file with a value for each worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerannot._files import read_json
from peerannot.aggregation.base import Content
from peerannot.dataset.workers import worker_table
from peerannot.errors import DataError

__all__ = ["with_worker_file"]


def with_worker_file(given: Any, column: str) -> Any:
    """The content of a file by worker id; anything but a path stays as it is.

    Parameters
    ----------
    given
        The value of the option: a JSON object in a file, or a CSV file.
    column
        Column of a CSV file beside ``worker``. Rows without a value stay.

    Raises
    ------
    DataError
        The file cannot be used.
    """
    if not isinstance(given, Path | str):
        return given
    path = Path(given)
    if path.suffix.casefold() == ".csv":
        frame = worker_table(path, column)
        return Content(str(given), dict(zip(frame["worker"], frame[column], strict=True)))
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected {{worker: {column}}}")
    return Content(str(given), found)
