"""What tests run on workers; Dask sends functions of an importable module by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from peerannot._sizes import sizes
from peerannot.aggregation.partitions.parts import LocalParts
from peerannot.answers import Answers
from peerannot.distributed._cluster import Graph, Machine
from peerannot.distributed._dask import DaskParts

__all__ = [
    "Held",
    "always_dies",
    "count_on",
    "dense",
    "dies_once",
    "given_part",
    "parts_of",
    "received",
    "take",
    "through",
]


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


def dense(part: Any) -> tuple[int]:
    """Bytes up to which a posterior is dense where the partition is."""
    return (sizes().dense,)


def count_on(part: Any, step: int) -> tuple[Any, tuple[int]]:
    """Keep two numbers that grow by ``step``, as a tuple of an array and nothing."""
    before = np.zeros(2) if part.kept is None else part.kept[0]
    return (before + step, None), (int((before + step).sum()),)


def parts_of(client: Any, n: int, n_answers: int = 300) -> DaskParts:
    """A small crowd in n partitions on the workers of a cluster."""
    rng = np.random.default_rng(0)
    task, worker = rng.integers(50, size=n_answers), rng.integers(9, size=n_answers)
    answers = Answers.from_arrays(task, worker, task % 3, duplicates="all")
    local = LocalParts.of(answers, n)
    machine = Machine(client)
    homes, graph = list(machine.workers()), Graph("test")
    keys = [
        graph.add(given_part, Held(part), home=homes[i * len(homes) // n])
        for i, part in enumerate(local)
    ]
    made = graph.send(client, keys)
    machine.settle(made)
    machine.untie(graph.homes)
    return DaskParts(machine, made, local.shape)


def through(part: Any, state: list[int], more: int) -> list[int]:
    return [*state, part.first_task + more]


def dies_once(part: Any, flag: str, step: int) -> tuple[Any, tuple[int]]:
    """As `count_on`, but the process that holds partition 1 is killed in the midst, once."""
    if part.index == 1 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return count_on(part, step)


def always_dies(part: Any) -> tuple[int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return (0,)
