"""One machine against a Dask cluster on the same cores: seconds, bytes sent, memory.

    python benchmarks/distributed.py --answers 5e6      in memory, and on worker processes
    python benchmarks/distributed.py --bytes            bytes an iteration sends, and the model
    python benchmarks/distributed.py --model            seconds on 10, 100 and 1,000 nodes, on paper

Shards are simulated (one-coin workers, five answers a task, in order of task). Each way runs in
processes of its own: in memory and out of core with all cores, then one worker process of all
cores, then one worker process a core. ``iteration`` is the median; ``peak`` is the most resident
memory of a process, sampled. ``--bytes`` counts what Dask really writes to its connections, in
every process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

# The folder of this file must not hide the package of its own name.
sys.path[0:1] = []
sys.path.append(str(Path(__file__).parent))
from scale import run_child, simulate_shards, workspace  # noqa: E402

CORES = os.cpu_count() or 1
GBIT10, LATENCY = 1.25e9, 2e-4  # bytes a second, and seconds from one node to another
TASK_SECONDS, ROUND_SECONDS = 1e-3, 2e-2  # of the scheduler: for each task, for an iteration
NS_PER_ANSWER = 11.0  # of an iteration of DS with ten classes on one core, about


class Clock:
    """When iterations ended, and the most memory of this process and its children."""

    def __init__(self) -> None:
        self.began, self.marks = time.perf_counter(), []
        self.loaded: float | None = None
        self.peaks: dict[int, float] = {}
        self._stop = threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.1):
            for process in [me, *me.children(recursive=True)]:
                try:
                    resident = process.memory_info().rss / 2**20
                except psutil.NoSuchProcess:
                    continue
                self.peaks[process.pid] = max(self.peaks.get(process.pid, 0.0), resident)

    def progress(self, done: int, total: int | None = None, text: str = "") -> None:
        if text in ("surveying", "loading", "writing"):
            self.loaded = time.perf_counter()
        else:
            self.marks.append(time.perf_counter())

    def report(self, end: float) -> dict[str, Any]:
        self._stop.set()
        steps = [b - a for a, b in pairwise(self.marks)]
        peaks = sorted(self.peaks.items(), key=lambda item: item[0] != os.getpid())
        return {
            "iteration": statistics.median(steps),
            "iterating": self.marks[-1] - self.began,
            "total": end - self.began,
            "peak_mb": [round(peak) for _, peak in peaks if peak > 150],
        }


def memory_child(folder: Path, spec: str) -> None:
    """Read, fit and write in this process, on all cores; print seconds and memory."""
    warnings.simplefilter("ignore")
    from peerannot.aggregation import build
    from peerannot.io import read_answers, write_table

    clock = Clock()
    answers = read_answers(str(folder / "answers-*.parquet"))
    read = time.perf_counter() - clock.began
    result = build(spec).fit(answers, progress=clock.progress)
    columns = result.task_table()
    columns |= {f"p_{c}": result.posterior[:, k] for k, c in enumerate(result.classes)}
    write_table(folder / "out.parquet", columns)
    print(json.dumps({"read": read, **clock.report(time.perf_counter())}))


def mapped_child(folder: Path, spec: str) -> None:
    """Code into memory-mapped files, fit and write in this process; print seconds and memory."""
    warnings.simplefilter("ignore")
    from peerannot import aggregate

    clock = Clock()
    coding = [0.0]

    def progress(done: int, total: int | None = None, text: str = "") -> None:
        if text.startswith("log-likelihood"):
            clock.marks.append(time.perf_counter())
        elif text in ("surveying", "ordering", "coding"):
            coding[0] = time.perf_counter() - clock.began

    aggregate(
        str(folder / "answers-*.parquet"), spec, engine="disk", output=folder / "mapped",
        force=True, progress=progress,
    )  # fmt: skip
    print(json.dumps({"read": coding[0], **clock.report(time.perf_counter())}))


def dask_child(folder: Path, spec: str, n: int, every: int) -> None:
    """Fit on n worker processes that share the cores; print seconds and memory."""
    warnings.simplefilter("ignore")
    import distributed
    from peerannot import aggregate

    with (
        distributed.LocalCluster(
            n_workers=n, threads_per_worker=max(1, CORES // n), dashboard_address="127.0.0.1:0",
            memory_limit=0, silence_logs="CRITICAL",
        ) as local,
        distributed.Client(local) as client,
    ):  # fmt: skip
        client.run(warm)
        clock = Clock()
        aggregate(
            str(folder / "answers-*.parquet"), spec, engine="dask", output=folder / f"out-{n}",
            force=True, client=client,
            checkpoint_every=every, progress=clock.progress,
        )  # fmt: skip
        end, first = time.perf_counter(), clock.marks[0]
        found = clock.report(end)
    # The first iteration ends when partitions are loaded, and has the start in it.
    print(json.dumps({"read": first - clock.began - 2 * found["iteration"], **found}))


def warm() -> None:
    """Import what a worker that has run before has imported."""
    import peerannot.aggregation
    import peerannot.distributed  # noqa: F401


def compare(options: argparse.Namespace) -> None:
    n = int(options.answers) // 5 * 5
    spec = f"{options.strategy}[max_iter={options.iterations},tol=0]"
    print(f"{n:,} answers, {options.workers:,} workers, {options.classes} classes, {CORES} cores")
    ways: list[tuple[str, list[object]]] = [
        ("in memory", ["--child-memory"]),
        ("out of core", ["--child-mapped"]),
    ]
    for processes in sorted({1, CORES}):
        label = f"dask, {processes} x {max(1, CORES // processes)} threads"
        ways.append((label, ["--child-dask", processes]))
    reports: dict[str, Any] = {}
    with workspace(options.folder) as folder:
        simulate_shards(folder, n, options.workers, options.classes)
        print(
            f"{'':24}{'read':>8}{'iteration':>11}{'total':>9}{'times':>7}  peak MB of each process"
        )
        for name, (flag, *more) in ways:
            arguments = [flag, *more, "--at", folder, "--spec", spec, "--every", options.every]
            found = reports[name] = run_own(*arguments)
            times = found["iteration"] / reports["in memory"]["iteration"]
            whole = found["total"] / reports["in memory"]["total"]
            print(
                f"{name:24}{found['read']:8.1f}{found['iteration'] * 1e3:8.0f} ms"
                f"{found['total']:9.1f}{times:7.2f}  {found['peak_mb']} (all in all {whole:.2f})",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1) + "\n")


def run_own(*arguments: object) -> dict[str, Any]:
    return run_child(*arguments, script=__file__)


# --- bytes ----------------------------------------------------------------------------------


def count_writes() -> None:
    """From now on, add up the bytes that this process writes to connections of Dask."""
    from distributed.comm.tcp import TCP

    real = TCP.write
    # Functions of this file come to workers by value: only what is theirs can hold the sum.
    TCP.bytes_written = 0

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        written = await real(self, *args, **kwargs)
        TCP.bytes_written += int(written or 0)
        return written

    TCP.write = counted


def written() -> int:
    from distributed.comm.tcp import TCP

    return int(TCP.bytes_written)


def bytes_child(folder: Path, spec: str, n: int, partitions: int) -> None:
    """Bytes of each iteration on n worker processes, in all processes together."""
    warnings.simplefilter("ignore")
    import distributed
    from peerannot import aggregate

    sent: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=n, threads_per_worker=1, dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as local,
        distributed.Client(local) as client,
    ):  # fmt: skip
        count_writes()
        client.run(count_writes)

        def progress(done: int, total: int | None = None, text: str = "") -> None:
            if text not in ("surveying", "loading", "writing"):
                sent.append(written() + sum(client.run(written).values()))

        aggregate(
            str(folder / "answers-*.parquet"), spec, engine="dask", output=folder / "out",
            force=True, client=client,
            partitions=partitions, checkpoint_every=10**6, progress=progress,
        )  # fmt: skip
    steps = [b - a for a, b in pairwise(sent)]
    print(json.dumps({"bytes": statistics.median(steps)}))


def bytes_sent(options: argparse.Namespace) -> None:
    """Measure what an iteration sends, and set it beside the model of docs/scale.md."""
    base = {"answers": 200_000, "workers": 200, "classes": 10, "processes": 2, "partitions": 2}
    changes: Sequence[dict[str, int]] = (
        {}, {"answers": 400_000}, {"answers": 1_600_000}, {"workers": 400}, {"workers": 1600},
        {"classes": 5}, {"classes": 20}, {"partitions": 8}, {"processes": 4, "partitions": 4},
    )  # fmt: skip
    columns = tuple(base)
    print("".join(f"{c:>11}" for c in columns) + f"{'table':>11}{'measured':>12}{'model':>12}")
    for change in changes:
        case = {**base, **change}
        with workspace(options.folder) as folder:
            simulate_shards(folder, case["answers"], case["workers"], case["classes"])
            found = run_own(
                "--child-bytes", case["processes"], case["partitions"], "--at", folder,
                "--spec", "DS[max_iter=8,tol=0]",
            )  # fmt: skip
        table = case["workers"] * case["classes"] ** 2 * 8
        model = modelled_bytes(table, case["processes"])
        print(
            "".join(f"{case[c]:11,}" for c in columns)
            + f"{table:11,}{found['bytes']:12,.0f}{model:12,.0f}",
            flush=True,
        )


def modelled_bytes(table: float, processes: int) -> float:
    """Bytes that an iteration sends over all connections, see docs/scale.md."""
    return 2 * (processes + 1) * table


def modelled_seconds(
    answers: float, table: float, nodes: int, *, cores: int, bandwidth: float
) -> tuple[float, float, float]:
    """Seconds of an iteration: loops, network, scheduler; see docs/scale.md."""
    depth = math.ceil(math.log2(nodes)) if nodes > 1 else 0
    loops = answers / nodes / cores * NS_PER_ANSWER * 1e-9
    network = (4 + 3 * depth) * table / bandwidth + (2 * depth + 4) * LATENCY
    return loops, network, ROUND_SECONDS + TASK_SECONDS * 3 * nodes


def model(options: argparse.Namespace) -> None:
    table = options.workers * options.classes**2 * 8
    print(
        f"{options.answers:.0e} answers, {options.workers:,} workers, {options.classes} classes:"
        f" a table of {table / 1e6:.1f} MB; nodes of {options.cores} cores, 10 Gbit/s"
    )
    print(f"{'nodes':>8}{'loops':>10}{'network':>10}{'scheduler':>11}{'sum':>9}{'GB sent':>9}")
    for nodes in (10, 100, 1000):
        parts = modelled_seconds(
            options.answers, table, nodes, cores=options.cores, bandwidth=GBIT10
        )
        print(
            f"{nodes:8,}{parts[0]:9.1f}s{parts[1]:9.2f}s{parts[2]:10.2f}s{sum(parts):8.1f}s"
            f"{modelled_bytes(table, nodes) / 1e9:9.2f}"
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--answers", type=float, default=5e6)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--strategy", default="DS")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--every", type=int, default=5, help="iterations between checkpoints")
    parser.add_argument("--cores", type=int, default=16, help="of a node, for --model")
    parser.add_argument("--bytes", action="store_true", help="measure what is sent instead")
    parser.add_argument("--model", action="store_true", help="print the model instead")
    parser.add_argument("--folder", type=Path, help="where to work; default: the temporary folder")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--at", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spec", help=argparse.SUPPRESS)
    parser.add_argument("--child-memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child-mapped", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--child-dask", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child-bytes", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child_memory:
        memory_child(options.at, options.spec)
    elif options.child_mapped:
        mapped_child(options.at, options.spec)
    elif options.child_dask:
        dask_child(options.at, options.spec, options.child_dask, options.every)
    elif options.child_bytes:
        bytes_child(options.at, options.spec, *options.child_bytes)
    elif options.bytes:
        bytes_sent(options)
    elif options.model:
        model(options)
    else:
        compare(options)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
