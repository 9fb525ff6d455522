"""What tests run on workers; Dask sends functions of an importable module by name."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Held", "count_on", "given_part", "received", "take", "through"]


class Held:
    """A partition made here, which Dask need not look into."""

    def __init__(self, part: Any) -> None:
        self.part = part


def given_part(held: Held) -> Any:
    return held.part


def received(dask_worker: Any) -> int:
    """Bytes that this worker got from others."""
    return sum(transfer["total"] for transfer in dask_worker.transfer_incoming_log)


def take(part: Any, table: Any) -> tuple[Any, ...]:
    return (int(table.size), np.ones(2) * part.index)


def count_on(part: Any, step: int) -> tuple[Any, tuple[int]]:
    """Keep two numbers that grow by ``step``, as a tuple of an array and nothing."""
    before = np.zeros(2) if part.kept is None else part.kept[0]
    return (before + step, None), (int((before + step).sum()),)


def through(part: Any, state: list[int], more: int) -> list[int]:
    return [*state, part.first_task + more]
