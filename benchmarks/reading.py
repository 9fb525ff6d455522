"""A table of answers with string ids: how long from the file to `Answers`, and to labels in a file.

    python benchmarks/reading.py [--rows 5000000] [--tasks 1000000] [--workers 1000] [--repeat 3]

Writes a table of random answers to a temporary folder as Parquet and CSV. ``read`` is
`peerannot.io.read_answers` inside one process. All other rows are whole processes, from start to
end, one after another and then anew, so that other work on the machine falls on all alike: the
group-by in Polars that writes the label of each task (what one would use instead), and ``peerannot
aggregate`` with each strategy. ``x`` is the median of the ratios to Polars in the same round, of
seconds and of seconds of all cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

GROUP_BY = """
import sys
import polars as pl
source, output = sys.argv[1:]
rows = pl.scan_parquet(source) if source.endswith(".parquet") else pl.scan_csv(source)
votes = rows.group_by("task", "label").len().sort("len", "label", descending=[True, False])
labels = votes.group_by("task").agg(pl.col("label").first()).sort("task")
labels.collect().write_parquet(output)
"""
READ = """
import sys, time
from peerannot.io import read_answers
wall, cpu = time.perf_counter(), time.process_time()
answers = read_answers(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(f"read    {wall:6.2f} s  {cpu:6.2f} s of CPU  {answers}")
"""
STRATEGIES = ("MV", "DS")


class Cost(NamedTuple):
    """Of a process: seconds, seconds of all cores, and peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def tables(folder: Path) -> list[Path]:
    """The table in each form."""
    return [folder / name for name in ("votes.parquet", "votes.csv")]


def make(folder: Path, rows: int, tasks: int, workers: int, seed: int) -> None:
    """Write the table in each form; seven answers of ten are the task's true class.

    In a process of its own: the peak of a process counts what its parent held when it was forked.
    """
    words = map(str, (folder, rows, tasks, workers, seed))
    subprocess.run([sys.executable, __file__, "--make", *words], check=True)


def _make(folder: Path, rows: int, tasks: int, workers: int, seed: int) -> None:
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(seed)
    task, label = rng.integers(0, tasks, rows), rng.integers(0, 10, rows)
    right = rng.random(rows) < 0.7
    numbers = {
        "task": task,
        "worker": rng.integers(0, workers, rows),
        "label": np.where(right, rng.integers(0, 10, tasks)[task], label),
    }
    frame = pl.DataFrame(numbers).select(
        pl.format(f"{name}-{{}}", pl.col(name)).alias(name) for name in numbers
    )
    parquet, csv = tables(folder)
    frame.write_parquet(parquet)
    frame.write_csv(csv)


def run(command: list[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a process to its end."""
    # Modules are compiled once, as on any machine that they are installed on.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= environment or {}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=env)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status:
            said.seek(0)
            raise SystemExit(said.read().decode())
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / scale)


def rounds(
    ways: Mapping[str, Callable[[], Cost]], repeat: int, spare: int = 1
) -> dict[str, list[Cost]]:
    """Run each way in turn, and all anew; the first ``spare`` rounds are not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(repeat + spare):
        for name, way in ways.items():
            cost = way()
            if turn >= spare:
                costs[name].append(cost)
    return costs


def show(where: str, costs: Mapping[str, list[Cost]], beside: str) -> None:
    """A line for each way: the least of its rounds, and the median ratio to another way."""
    for name, found in costs.items():
        wall, cpu, memory = (min(part) for part in zip(*found, strict=True))
        pairs = list(zip(found, costs[beside], strict=True)) if beside in costs else []
        times, work = (
            f" ({statistics.median(getattr(a, of) / getattr(b, of) for a, b in pairs):.2f} x)"
            if pairs
            else ""
            for of in ("wall", "cpu")
        )
        print(
            f"{where:14} {name:22} {wall:6.2f} s{times}  {cpu:6.2f} s of CPU{work}"
            f"  {memory:5.0f} MiB",
            flush=True,
        )


def compare(path: Path, folder: Path, repeat: int) -> None:
    """Print what each way from the file to labels costs."""
    output = str(folder / "labels.parquet")
    ours = [sys.executable, "-m", "peerannot", "aggregate", str(path), "--output", output]
    ways = {"Polars": [sys.executable, "-c", GROUP_BY, str(path), output]}
    ways |= {name: [*ours, "--force", "-s", name] for name in STRATEGIES}
    # The first round is for the caches of the disk and of compiled modules.
    calls = {name: (lambda words=words: run(words)) for name, words in ways.items()}
    show(path.name, rounds(calls, repeat), "Polars")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--make", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        folder, *numbers = args.make
        _make(Path(folder), *map(int, numbers))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, polars {version('polars')}")
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args.rows, args.tasks, args.workers, args.seed)
        for path in tables(Path(name)):
            compare(path, Path(name), args.repeat)
        for path in tables(Path(name)):
            print(f"{path.name:14}", end=" ", flush=True)
            subprocess.run([sys.executable, "-c", READ, str(path)], check=True)


if __name__ == "__main__":
    main()
