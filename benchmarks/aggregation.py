"""Speed and memory of aggregation, side by side with crowd-kit, Polars and SciPy.

    python benchmarks/aggregation.py                        500,000 answers, a few minutes
    python benchmarks/aggregation.py --full                 5,000,000 answers
    python benchmarks/aggregation.py --quick                5,000,000, but crowd-kit's DS only
    python benchmarks/aggregation.py --parts fits --only DS --repeat 3

Four parts: ``starts``, first and warm commands over a small table (`starting.py`); ``files``, whole
commands from a file to labels in a file, beside Polars (`reading.py`); ``fits`` of answers in
memory, beside crowd-kit and SciPy; ``roofline``, what a pass does of what the machine can
(`roofline.py`).

Every fit is a process of its own on the same simulated answers (one-coin workers). ``MB`` is its
peak memory beyond that of the process with the answers loaded; ``cpu`` the seconds of all cores,
which other work on the machine disturbs less. ``first`` is the first fit of the process,
``seconds`` the best. crowd-kit is needed for the comparison only, here or in another environment:
pip install crowd-kit==1.4.2; --crowd-kit /path/to/its/python.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import reading
import starting

# What is compared: our strategy, and crowd-kit's class with its options. Numbers of iterations are
# the same on both sides where the method has them, and tolerances are 0, so none stops early.
OURS = {
    "MV": "MV",
    "Wawa": "wawa",
    "ZBS": "zero-based-skill",
    "DS": "DS[max_iter=20,tol=0]",
    "one-coin": "one-coin[max_iter=20,tol=0]",
    "GLAD": "GLAD[max_iter=10,tol=0]",
    "MACE": "MACE[max_iter=10,tol=0,restarts=1]",
    "M-MSR": "m-msr",
}
THEIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "MV": ("MajorityVote", {}),
    "Wawa": ("Wawa", {}),
    "ZBS": ("ZeroBasedSkill", {"n_iter": 100}),
    "DS": ("DawidSkene", {"n_iter": 20, "tol": 0.0}),
    "one-coin": ("OneCoinDawidSkene", {"n_iter": 20, "tol": 0.0}),
    "GLAD": ("GLAD", {"n_iter": 10, "tol": 0.0, "silent": True}),
    "MACE": ("MACE", {"n_iter": 10, "n_restarts": 1}),
    "M-MSR": ("MMSR", {"n_iter": 50, "tol": 0.0}),
}


PARTS = ("starts", "files", "fits", "roofline")


def simulate(n_answers: int, n_workers: int, n_classes: int, folder: Path) -> None:
    """Five answers a task, workers right with .4 to .95."""
    rng = np.random.default_rng(0)
    n_tasks = n_answers // 5
    truth = rng.integers(n_classes, size=n_tasks, dtype=np.int32)
    task = np.repeat(np.arange(n_tasks, dtype=np.int32), 5)
    worker = rng.integers(n_workers, size=task.size, dtype=np.int32)
    right = rng.random(task.size) < rng.uniform(0.4, 0.95, n_workers)[worker]
    label = np.where(right, truth[task], rng.integers(n_classes, size=task.size, dtype=np.int32))
    for name, array in (("task", task), ("worker", worker), ("label", label), ("truth", truth)):
        np.save(folder / f"{name}.npy", array)


def scipy_dawid_skene(task: Any, worker: Any, label: Any, n_iter: int) -> Any:
    """Dawid-Skene with one sparse incidence matrix: what a careful user would write."""
    from scipy.sparse import csr_array

    k = int(label.max()) + 1
    n_tasks, n_pairs = int(task.max()) + 1, (int(worker.max()) + 1) * k
    votes = csr_array(
        (np.ones(task.size), (task, worker.astype(np.int64) * k + label)), (n_tasks, n_pairs)
    )
    back = csr_array(votes.T)
    z = np.stack([np.bincount(task[label == c], minlength=n_tasks) for c in range(k)], axis=1)
    z = z / z.sum(1, keepdims=True)
    for _ in range(n_iter):
        counts = back @ z
        by_worker = counts.reshape(-1, k, k).sum(1).repeat(k, axis=0)
        table = np.log(np.maximum(counts / np.maximum(by_worker, 1e-300), 1e-10))
        logit = votes @ table + np.log(z.mean(0))
        z = np.exp(logit - logit.max(1, keepdims=True))
        z /= z.sum(1, keepdims=True)
    return z.argmax(1)


def prepare(who: str, what: str, data: dict[str, Any]) -> Callable[[], Any]:
    """A call that fits; everything before it is not measured."""
    task, worker, label = data["task"], data["worker"], data["label"]
    if who == "ours":
        from peerannot.aggregation import build
        from peerannot.answers import Answers, Ids

        strategy = build(OURS[what])
        sizes = (int(array.max()) + 1 for array in (task, worker, label))
        answers = Answers(task, worker, label, *map(Ids, sizes))
        return lambda: strategy.fit(answers).labels
    if who == "scipy":
        return lambda: scipy_dawid_skene(task, worker, label, 20)
    import crowdkit.aggregation as crowdkit
    import pandas as pd

    frame = pd.DataFrame({"task": task, "worker": worker, "label": label})
    for module in list(sys.modules):
        # Its check before predict fails with scikit-learn 1.6 and later.
        if module.startswith("crowdkit") and hasattr(sys.modules[module], "check_is_fitted"):
            vars(sys.modules[module])["check_is_fitted"] = lambda *args, **kwargs: None
    name, options = THEIRS[what]
    return lambda: getattr(crowdkit, name)(**options).fit_predict(frame).sort_index().to_numpy()


def child(who: str, what: str, folder: Path, repeat: int) -> None:
    """Measure one fit in this process and print it as JSON."""
    warnings.simplefilter("ignore")
    data = {n: np.load(folder / f"{n}.npy") for n in ("task", "worker", "label", "truth")}
    call = prepare(who, what, data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, used = time.perf_counter(), time.process_time()
    found = call()
    first = best = time.perf_counter() - began
    cpu = time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(repeat if who != "crowd-kit" else 0):
        began, used = time.perf_counter(), time.process_time()
        call()
        best = min(best, time.perf_counter() - began)
        cpu = min(cpu, time.process_time() - used)
    accuracy = float((np.asarray(found) == data["truth"]).mean())
    report = {"first": first, "seconds": best, "cpu": cpu, "extra_mb": (peak - before) / 1024,
              "peak_mb": peak / 1024, "accuracy": accuracy}  # fmt: skip
    print(json.dumps(report))


def measure(
    who: str, what: str, folder: Path, limit: float, repeat: int, python: str = sys.executable
) -> dict[str, Any]:
    command = [python, __file__, "--child", who, what, str(folder), "--repeat", str(repeat)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(os.cpu_count())}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"fault": f"over {limit:.0f} s", "seconds": limit}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return {"fault": last[:60], "seconds": None}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def cell(run: dict[str, Any], key: str, form: str) -> str:
    if key == "seconds" and "fault" in run:
        return str(run["fault"])
    return form.format(run[key]) if run.get(key) is not None else "-"


def fits(options: argparse.Namespace, n_answers: int, crowd_kit: str | None) -> dict[str, Any]:
    """Print a line for each fit."""
    print(
        f"{n_answers} answers, {n_answers // 5} tasks, {options.workers} workers,"
        f" {options.classes} classes; memory beyond the answers\n"
    )
    heads = ("seconds", "cpu", "first", "MB", "accuracy", "times faster", "memory")
    print(f"{'':10}{'who':11}" + "".join(f"{head:>13}" for head in heads))
    numbers: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulate(n_answers, options.workers, options.classes, folder)
        for what in options.only:
            ours = measure("ours", what, folder, options.limit, options.repeat)
            numbers[what] = {"ours": ours}
            rivals = ["scipy"] if what == "DS" else []
            if crowd_kit is not None and (what == "DS" or not options.quick):
                rivals.append("crowd-kit")
            for who in ["ours", *rivals]:
                python = crowd_kit if crowd_kit and who == "crowd-kit" else sys.executable
                run = ours if who == "ours" else measure(
                    who, what, folder, options.limit, options.repeat, python
                )  # fmt: skip
                numbers[what][who] = run
                ratio = memory = "-"
                if who != "ours" and run.get("seconds") and ours.get("seconds"):
                    ratio = f"{'>' * ('fault' in run)}{run['seconds'] / ours['seconds']:.1f}"
                if who != "ours" and run.get("extra_mb") and ours.get("extra_mb"):
                    memory = f"{run['extra_mb'] / ours['extra_mb']:.1f}"
                cells = (
                    cell(run, "seconds", "{:.3f}"),
                    cell(run, "cpu", "{:.3f}"),
                    cell(run, "first", "{:.2f}"),
                    cell(run, "extra_mb", "{:.0f}"),
                    cell(run, "accuracy", "{:.4f}"),
                    ratio,
                    memory,
                )
                print(f"{what:10}{who:11}" + "".join(f"{c:>13}" for c in cells), flush=True)
    return numbers


def files(n_answers: int, workers: int, repeat: int) -> None:
    """Print what whole commands take from a Parquet file with string ids."""
    with tempfile.TemporaryDirectory() as name:
        reading.make(Path(name), n_answers, n_answers // 5, workers, 0)
        reading.compare(reading.tables(Path(name))[0], Path(name), repeat)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--answers", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--full", action="store_true", help="5,000,000 answers")
    parser.add_argument("--quick", action="store_true", help="5,000,000, crowd-kit for DS only")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--only", nargs="+", choices=list(OURS), default=list(OURS))
    parser.add_argument("--limit", type=float, default=240.0, help="most seconds of a fit")
    parser.add_argument("--repeat", type=int, default=3, help="further runs; the best counts")
    parser.add_argument("--crowd-kit", help="Python that has crowd-kit; default: this one")
    parser.add_argument("--json", type=Path, help="write the numbers of fits here as well")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        who, what, folder = options.child
        child(who, what, Path(folder), options.repeat)
        return
    crowd_kit = options.crowd_kit or starting.crowd_kit_here()
    n_answers = 5_000_000 if options.full or options.quick else options.answers
    for part in options.parts:
        print(f"\n{part}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        if part == "starts":
            starting.starts(8_000, options.repeat, crowd_kit)
        elif part == "files":
            files(n_answers, options.workers, options.repeat)
        elif part == "fits":
            numbers = fits(options, n_answers, crowd_kit)
            if options.json:
                options.json.write_text(json.dumps(numbers, indent=1) + "\n")
        else:
            # In a process of its own: what it loads would count in the memory of other processes.
            roofline = str(Path(__file__).with_name("roofline.py"))
            words = [roofline, "--answers", str(n_answers), "--repeat", str(3 * options.repeat)]
            subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()
