"""How near a pass of Dawid-Skene comes to what the machine can do.

    python benchmarks/roofline.py [--answers 5000000] [--repeat 10] [--busy]

For each number of workers and classes: the time of a pass of E and M, and what it must do at
least. From memory it must read the answers (the pair of each, and where tasks begin); in the
cache, a row of the table of log-probabilities for each answer, and of the counts, which it
writes again; and it must add both and take an exponential for each task and class (20 operations).
Each is set against what this machine does in the same minute on as many threads: NumPy's sum of
large arrays, that of arrays in the second-level cache, and a product of matrices in single
precision. The largest share is the roof that the pass is under. Counts of more than 16 classes are
left where they are 0, so their bytes are not said. ``--busy`` takes seconds of CPU, dealt among
the threads, in place of time, where other work goes on.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from peerannot._threads import threads
from peerannot.aggregation import DawidSkene
from peerannot.aggregation.passes.confusions import EM, SINGLE
from peerannot.answers import Answers, Ids

SHAPES = ((1_000, 10), (10_000, 10), (1_000, 2), (1_000, 100), (20, 1_000))  # workers, classes
EXP = 20  # operations of an exponential
DENSE = 16  # classes up to which counts of all are added


class Machine(NamedTuple):
    """Bytes and operations a second: from memory, from the cache, and of arithmetic."""

    memory: float
    cache: float
    flops: float


Clock = Callable[[Callable[[], object]], float]


def clock(repeat: int, busy: bool) -> Clock:
    """How the quickest of several calls is timed, in seconds."""
    now, share = (time.process_time, threads()) if busy else (time.perf_counter, 1)

    def least(call: Callable[[], object]) -> float:
        found = []
        for _ in range(repeat):
            began = now()
            call()
            found.append(now() - began)
        return min(found) / share

    return least


def machine(least: Clock) -> Machine:
    """What this machine does now, on the threads that loops take."""
    n = threads()

    def sums(size: int, times: int) -> float:
        parts = [(np.ones(size), np.ones(size)) for _ in range(n)]

        def add(part: Sequence[np.ndarray]) -> None:
            for _ in range(times):
                np.add(part[0], 1.0, out=part[1])

        with ThreadPoolExecutor(n) as pool:
            seconds = least(lambda: list(pool.map(add, parts)))
        return 16.0 * size * n * times / seconds

    square = np.ones((2048, 2048), np.float32)
    flops = 2.0 * 2048**3 / least(lambda: square @ square)
    return Machine(sums(1 << 24, 1), sums(1 << 15, 2_000), flops)


def votes(n_answers: int, n_workers: int, n_classes: int) -> Answers:
    """Five answers a task, workers right with .4 to .95."""
    rng = np.random.default_rng(0)
    truth = rng.integers(n_classes, size=n_answers // 5, dtype=np.int32)
    task = np.repeat(np.arange(truth.size, dtype=np.int32), 5)
    worker = rng.integers(n_workers, size=task.size, dtype=np.int32)
    right = rng.random(task.size) < rng.uniform(0.4, 0.95, n_workers)[worker]
    said = rng.integers(n_classes, size=task.size, dtype=np.int32)
    label = np.where(right, truth[task], said).astype(np.int32)
    return Answers(task, worker, label, Ids(truth.size), Ids(n_workers), Ids(n_classes))


def show(n_answers: int, least: Clock) -> None:
    """Print the machine, and a line for each shape."""
    can = machine(least)
    print(
        f"{threads()} threads: {can.memory / 1e9:.1f} GB/s from memory, {can.cache / 1e9:.1f} GB/s"
        f" in the cache, {can.flops / 1e9:.0f} GFlop/s"
    )
    heads = (
        "workers",
        "classes",
        "answers",
        "ms a pass",
        "M answers/s",
        "memory",
        "cache",
        "flops",
    )
    print("".join(f"{head:>13}" for head in heads))
    for n_workers, k in SHAPES:
        n = n_answers if k <= DENSE else max(n_answers // 10, SINGLE)
        answers = votes(n, n_workers, k)
        em = EM.of(answers, model="dawid-skene")
        tables = DawidSkene().tables(em.pairs, *em.first())
        seconds = least(lambda em=em, tables=tables: em.step(*tables))
        rows = 4 * k + (16 * k if k <= DENSE else 0)
        shares = (
            (4 * n + 12 * answers.n_tasks) / seconds / can.memory,
            n * rows / seconds / can.cache,
            (2 * n * k + EXP * answers.n_tasks * k) / seconds / can.flops,
        )
        cells = [f"{n_workers}", f"{k}", f"{n}", f"{seconds * 1e3:.1f}", f"{n / seconds / 1e6:.0f}"]
        print("".join(f"{c:>13}" for c in [*cells, *(f"{s:.0%}" for s in shares)]), flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--busy", action="store_true", help="seconds of CPU in place of time")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    show(args.answers, clock(args.repeat, args.busy))


if __name__ == "__main__":
    main()
