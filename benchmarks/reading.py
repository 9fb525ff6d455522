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
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from peerannot.io import read_answers

GROUP_BY = """
import sys
import polars as pl
source, output = sys.argv[1:]
rows = pl.scan_parquet(source) if source.endswith(".parquet") else pl.scan_csv(source)
votes = rows.group_by("task", "label").len().sort("len", "label", descending=[True, False])
labels = votes.group_by("task").agg(pl.col("label").first()).sort("task")
labels.collect().write_parquet(output)
"""
STRATEGIES = ("MV", "DS")


class Cost(NamedTuple):
    """Of a process: seconds, seconds of all cores, and peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def make(folder: Path, rows: int, tasks: int, workers: int, seed: int) -> list[Path]:
    """Write the table in each form; seven answers of ten are the task's true class."""
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
    paths = [folder / name for name in ("votes.parquet", "votes.csv")]
    frame.write_parquet(paths[0])
    frame.write_csv(paths[1])
    return paths


def run(command: list[str]) -> Cost:
    """Run a process to its end."""
    # Modules are compiled once, as on any machine that they are installed on.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
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


def compare(path: Path, folder: Path, repeat: int) -> None:
    """Print what each way from the file to labels costs."""
    output = str(folder / "labels.parquet")
    ours = [sys.executable, "-m", "peerannot", "aggregate", str(path), "--output", output]
    ways = {"Polars": [sys.executable, "-c", GROUP_BY, str(path), output]}
    ways |= {name: [*ours, "--force", "-s", name] for name in STRATEGIES}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(repeat + 1):
        for name, command in ways.items():
            cost = run(command)
            if turn:  # the first is for the caches of the disk and of compiled modules
                costs[name].append(cost)
    for name, found in costs.items():
        wall, cpu, memory = (min(part) for part in zip(*found, strict=True))
        pairs = list(zip(found, costs["Polars"], strict=True))
        times = statistics.median(a.wall / b.wall for a, b in pairs)
        work = statistics.median(a.cpu / b.cpu for a, b in pairs)
        print(
            f"{path.name:14} {name:7} {wall:6.2f} s ({times:.2f} x)  {cpu:6.2f} s of CPU"
            f" ({work:.2f} x)  {memory:5.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, polars {pl.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make(folder, args.rows, args.tasks, args.workers, args.seed)
        for path in paths:
            compare(path, folder, args.repeat)
        for path in paths:
            wall, cpu = time.perf_counter(), time.process_time()
            answers = read_answers(path)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{path.name:14} read    {wall:6.2f} s  {cpu:6.2f} s of CPU  {answers}")


if __name__ == "__main__":
    main()
