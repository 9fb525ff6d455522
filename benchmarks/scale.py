"""Answers larger than memory, and very many classes: seconds, peak memory, disk.

    python benchmarks/scale.py --answers 5e6                 shards, conversion, 20 iterations of DS
    python benchmarks/scale.py --answers 1e9 --folder DIR    the billion; DIR needs 25 GB
    python benchmarks/scale.py --large-k                     11,000 classes, five strategies

Shards are simulated (one-coin workers, five answers a task, sorted by task), fitted out of core in
a process of its own, and removed. ``peak`` is the process's peak resident memory, mapped files
included; ``own`` is the most memory that is not of files, sampled. Large K is in memory, each
strategy in a process of its own, the reading of the answers apart.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PER_TASK = 5
SHARD = 10_000_000  # answers of a shard
# Bytes an answer: shards, mapped files, result; and of a posterior with ten columns.
SHARD_BYTES, SCRATCH_BYTES, RESULT_BYTES, POSTERIOR_BYTES = 5.0, 7.0, 3.0, 17.0
LARGE = {"tasks": 6_700_000, "answers": 9_000_000, "workers": 800_000, "classes": 11_000}
STRATEGIES = ("MV", "wawa", "plantnet", "one-coin[max_iter=20,tol=0]", "twothird")


def simulate_shards(folder: Path, n_answers: int, n_workers: int, n_classes: int) -> None:
    """Shards of task, worker, label; 32-bit columns."""
    import polars as pl

    skill = np.random.default_rng(0).uniform(0.4, 0.95, n_workers).astype(np.float32)
    n_tasks, per_shard = n_answers // PER_TASK, SHARD // PER_TASK
    for shard, first in enumerate(range(0, n_tasks, per_shard)):
        rng = np.random.default_rng([1, shard])
        n = min(per_shard, n_tasks - first)
        truth = np.repeat(rng.integers(n_classes, size=n, dtype=np.int32), PER_TASK)
        worker = rng.integers(n_workers, size=truth.size, dtype=np.int32)
        right = rng.random(truth.size, dtype=np.float32) < skill[worker]
        other = rng.integers(n_classes, size=truth.size, dtype=np.int32)
        task = np.repeat(np.arange(first, first + n, dtype=np.int32), PER_TASK)
        frame = pl.DataFrame(
            {"task": task, "worker": worker, "label": np.where(right, truth, other)}
        )
        frame.write_parquet(folder / f"answers-{shard:05d}.parquet")
        np.save(folder / f"truth-{shard:05d}.npy", truth[::PER_TASK].astype(np.int8))


def simulate_large(path: Path) -> None:
    """Answers with Zipf classes and workers: most tasks have one answer, most workers a few."""
    rng = np.random.default_rng(0)
    n_tasks, n_answers = LARGE["tasks"], LARGE["answers"]
    popular = 1.0 / np.arange(1, LARGE["classes"] + 1)
    truth = rng.choice(LARGE["classes"], n_tasks, p=popular / popular.sum())
    # Every class and worker occurs, and every task has an answer.
    truth[: LARGE["classes"]] = np.arange(LARGE["classes"])
    task = np.sort(np.append(np.arange(n_tasks), rng.integers(n_tasks, size=n_answers - n_tasks)))
    active = 1.0 / np.arange(1, LARGE["workers"] + 1) ** 0.9
    worker = rng.choice(LARGE["workers"], n_answers, p=active / active.sum())
    worker[rng.permutation(n_answers)[: LARGE["workers"]]] = np.arange(LARGE["workers"])
    right = rng.random(n_answers) < rng.beta(6, 2, LARGE["workers"])[worker]
    near = np.minimum(truth[task] + rng.geometric(0.1, n_answers), LARGE["classes"] - 1)
    label = np.where(right, truth[task], near)
    np.savez(path, task=task.astype(np.int32), worker=worker.astype(np.int32),
             label=label.astype(np.int32), truth=truth.astype(np.int32))  # fmt: skip


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own_mb() -> float:
    """Memory of this process that no file backs; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


class Watch:
    """Samples memory while phases run, and keeps their seconds."""

    def __init__(self) -> None:
        self.own, self._stop = 0.0, threading.Event()
        self.phases: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._last, self._last_cpu = time.perf_counter(), time.process_time()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self.own = max(self.own, own_mb())

    def progress(self, done: int, total: int | None = None, text: str = "") -> None:
        """Add the time since the last call to the phase that the text names."""
        now, cpu = time.perf_counter(), time.process_time()
        phase = "iterating" if text.startswith("log-likelihood") else text
        new = phase not in self.phases
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._last
        self.cpu[phase] = self.cpu.get(phase, 0.0) + cpu - self._last_cpu
        self._last, self._last_cpu = now, cpu
        if new or (total and done == total) or phase == "iterating":
            print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)

    def report(self) -> dict[str, Any]:
        self._stop.set()
        own = max(self.own, own_mb())
        return {"phases": self.phases, "cpu": self.cpu, "peak_mb": peak_mb(), "own_mb": own}


def fit_child(folder: Path, spec: str, posterior: bool) -> None:
    """Convert and fit in this process; print seconds, memory and accuracy as JSON."""
    warnings.simplefilter("ignore")
    import polars as pl

    from peerannot import aggregate

    watch = Watch()
    out, scratch = folder / "out", folder / "scratch"
    done = aggregate(
        str(folder / "answers-*.parquet"), spec, engine="disk", output=out, scratch=scratch,
        hard=not posterior, force=True, progress=watch.progress,
    )  # fmt: skip
    report = watch.report()
    report["scratch_gb"] = size_of(scratch) / 1e9
    report["result_gb"] = size_of(out) / 1e9
    report["iterations"] = done.diagnostics.n_iter
    right = total = 0
    truth = np.concatenate([np.load(file) for file in sorted(folder.glob("truth-*.npy"))])
    for part in sorted((out / "tasks").glob("*.parquet")):
        label = pl.read_parquet(part, columns=["label"])["label"].cast(pl.Int8).to_numpy()
        right += int((label == truth[total : total + label.size]).sum())
        total += label.size
    report["accuracy"] = right / total
    print(json.dumps(report))


def large_child(path: Path, spec: str) -> None:
    """Fit one strategy to the large-K answers in memory and print as JSON."""
    warnings.simplefilter("ignore")
    from peerannot.aggregation import build
    from peerannot.answers import Answers, Ids

    with np.load(path) as data:
        truth = data["truth"]
        answers = Answers(
            data["task"], data["worker"], data["label"],
            Ids(LARGE["tasks"]), Ids(LARGE["workers"]), Ids(LARGE["classes"]),
        )  # fmt: skip
    began = time.perf_counter()
    result = build(spec).fit(answers)
    seconds = time.perf_counter() - began
    report = {"seconds": seconds, "peak_mb": peak_mb()}
    decided = result.labels >= 0
    report["accuracy"] = float((result.labels == truth)[decided].mean())
    report["decided"] = float(decided.mean())
    print(json.dumps(report))


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def run_child(*arguments: object, script: str = __file__) -> dict[str, Any]:
    """Run a benchmark in a process of its own, which ends with this one."""
    command = [sys.executable, script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            out, _ = child.communicate()
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise SystemExit(f"the process of {arguments} ended with {child.returncode}")
    return dict(json.loads(out.splitlines()[-1]))


@contextmanager
def workspace(home: Path | None) -> Iterator[Path]:
    """A folder that is gone at the end, also after Ctrl-C or a plain kill."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if home is not None:
        home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="peerannot-scale-", dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scale(options: argparse.Namespace) -> None:
    n = int(options.answers) // PER_TASK * PER_TASK
    per_answer = SHARD_BYTES + SCRATCH_BYTES + RESULT_BYTES + POSTERIOR_BYTES * options.posterior
    need = n * per_answer / 1e9
    with workspace(options.folder) as folder:
        free = shutil.disk_usage(folder).free / 1e9
        print(
            f"{n:,} answers, {n // PER_TASK:,} tasks, {options.workers:,} workers,"
            f" {options.classes} classes, {os.cpu_count()} cores; about {need:.1f} GB of disk in"
            f" {folder} ({free:.0f} GB are free)",
            flush=True,
        )
        if need > free:
            raise SystemExit("not enough room: choose another --folder or fewer --answers")
        began = time.perf_counter()
        simulate_shards(folder, n, options.workers, options.classes)
        shards = size_of(folder) / 1e9
        print(f"simulated in {time.perf_counter() - began:.0f} s, {shards:.2f} GB", flush=True)
        spec = f"{options.strategy}[max_iter={options.iterations},tol=0]"
        arguments = ["--child-fit", folder, spec, *(["--posterior"] * options.posterior)]
        report = run_child(*arguments)
        report |= {"answers": n, "shards_gb": shards}
        for phase, seconds in report["phases"].items():
            print(f"{phase:12} {seconds:8.1f} s ({report['cpu'][phase]:.1f} s of processor)")
        each = report["phases"]["iterating"] / report["iterations"]
        print(
            f"{report['iterations']} iterations, {each:.2f} s each (the start counted in),"
            f" {each / n * 1e9:.1f} ns an answer; peak {report['peak_mb'] / 1024:.2f} GB,"
            f" own {report['own_mb'] / 1024:.2f} GB; scratch {report['scratch_gb']:.2f} GB,"
            f" result {report['result_gb']:.2f} GB; accuracy {report['accuracy']:.4f}"
        )
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")


def large_k(options: argparse.Namespace) -> None:
    with workspace(options.folder) as folder:
        print(", ".join(f"{n:,} {what}" for what, n in LARGE.items()), "(simulated)", flush=True)
        path = folder / "large.npz"
        simulate_large(path)
        print(f"{'':30}{'seconds':>10}{'peak GB':>10}{'accuracy':>10}{'decided':>10}")
        reports = {}
        for spec in options.only or STRATEGIES:
            found = reports[spec] = run_child("--child-large", path, spec)
            print(
                f"{spec:30}{found['seconds']:10.1f}{found['peak_mb'] / 1024:10.2f}"
                f"{found['accuracy']:10.4f}{found['decided']:10.4f}",
                flush=True,
            )
        if options.json:
            options.json.write_text(json.dumps(reports, indent=1) + "\n")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--answers", type=float, default=5e6)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--strategy", default="DS")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--posterior", action="store_true", help="write the posterior as well")
    parser.add_argument("--large-k", action="store_true", help="11,000 classes instead")
    parser.add_argument("--only", nargs="+", help="strategies of --large-k")
    parser.add_argument("--folder", type=Path, help="where to work; default: the temporary folder")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    parser.add_argument("--child-fit", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--child-large", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child_fit:
        fit_child(Path(options.child_fit[0]), options.child_fit[1], options.posterior)
    elif options.child_large:
        large_child(Path(options.child_large[0]), options.child_large[1])
    elif options.large_k:
        large_k(options)
    else:
        scale(options)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
