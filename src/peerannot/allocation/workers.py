"""Who can be asked, from a table."""

from __future__ import annotations

from pathlib import Path

from peerannot.errors import DataError
from peerannot.io import Source, read_columns

__all__ = ["read_workers"]


def read_workers(path: str | Path, cost: str | None = None) -> tuple[list[str], list[float] | None]:
    """Ids of workers, and what an answer of each costs.

    Parameters
    ----------
    path
        A table with a column ``worker``.
    cost
        Column of the costs; None where all cost the same.

    Raises
    ------
    DataError
        It is no such table, or a cost is no number.
    """
    wanted: dict[str, tuple[str, ...]] = {"worker": ("worker", "worker_id", "annotator", "id")}
    if cost is not None:
        wanted["cost"] = (cost,)
    frame, place = read_columns(Source.open(path), wanted)
    names = frame["worker"].to_list()
    if cost is None:
        return names, None
    costs = []
    for row, text in enumerate(frame["cost"]):
        try:
            costs.append(float(text))
        except ValueError:
            raise DataError(f"{place(row)}: {cost} must be a number, not {text!r}") from None
    return names, costs
