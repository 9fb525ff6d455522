"""How long until a large table of answers with string ids is ready as `Answers`.

    python benchmarks/reading.py [--rows 10000000] [--tasks 1000000] [--workers 1000]

Writes a table of random answers to a temporary folder as Parquet, CSV and gzipped CSV, and reads
each twice; the second time is without compilation.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from peerannot.io import read_answers


def make(folder: Path, rows: int, tasks: int, workers: int, seed: int) -> list[Path]:
    """Write the table in each form."""
    rng = np.random.default_rng(seed)
    numbers = {
        "task": rng.integers(0, tasks, rows),
        "worker": rng.integers(0, workers, rows),
        "label": rng.integers(0, 10, rows),
    }
    frame = pl.DataFrame(numbers).select(
        pl.format(f"{name}-{{}}", pl.col(name)).alias(name) for name in numbers
    )
    paths = [folder / name for name in ("votes.parquet", "votes.csv", "votes.csv.gz")]
    frame.write_parquet(paths[0])
    frame.write_csv(paths[1])
    with paths[1].open("rb") as plain, gzip.open(paths[2], "wb", 1) as packed:
        shutil.copyfileobj(plain, packed)
    return paths


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, polars {pl.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for path in make(Path(folder), args.rows, args.tasks, args.workers, args.seed):
            for turn in ("first", "second"):
                wall, cpu = time.perf_counter(), time.process_time()
                answers = read_answers(path)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                size = path.stat().st_size / 2**20
                print(
                    f"{path.name:14} {size:5.0f} MiB {turn:6} {wall:6.2f} s"
                    f" ({cpu:.2f} s of CPU)  {answers}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
