"""The first and every further `peerannot aggregate` of a small table, beside a crowd-kit script.

    python benchmarks/starting.py [--answers 8000] [--repeat 5]

Whole processes, from start to end: those that have their bytecode, and those that compile every
module anew, their libraries' too (``first``: nothing was ever run, and the installer compiled
nothing). ``x`` is the median of the ratios to crowd-kit in the same round, of seconds and of
seconds of all cores. crowd-kit is needed for the comparison only, in this environment or in
another one: ``--crowd-kit /path/to/its/python``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reading import Cost, rounds, run, show

CROWD_KIT = """
import sys
import pandas as pd
from crowdkit.aggregation import DawidSkene
frame = pd.read_csv(sys.argv[1])
DawidSkene(n_iter=100).fit_predict(frame).to_csv(sys.argv[2])
"""


def make(path: Path, answers: int, seed: int) -> None:
    """Five answers a task of 80 workers, right with .4 to .95, over four classes."""
    rng = random.Random(seed)
    skill = [rng.uniform(0.4, 0.95) for _ in range(80)]
    lines = ["task,worker,label"]
    for task in range(answers // 5):
        truth = rng.randrange(4)
        for worker in rng.sample(range(80), 5):
            label = truth if rng.random() < skill[worker] else rng.randrange(4)
            lines.append(f"t{task},w{worker},c{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def starts(answers: int, repeat: int, crowd_kit: str | None) -> None:
    """Print what starts cost, first ones and warm ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "votes.csv", answers, 0)
        words = [str(folder / "votes.csv"), str(folder / "labels.csv")]
        ours = [sys.executable, "-m", "peerannot", "aggregate", words[0], "-o", words[1]]
        ways = {s: [*ours, "--force", "-s", s] for s in ("MV", "DS", "GLAD")}
        ways["--help"] = [sys.executable, "-m", "peerannot", "--help"]
        if crowd_kit is not None:
            ways = {"crowd-kit DS": [crowd_kit, "-c", CROWD_KIT, *words], **ways}

        def first(command: list[str]) -> Callable[[], Cost]:
            def call() -> Cost:
                with tempfile.TemporaryDirectory() as empty:
                    return run(command, {"PYTHONPYCACHEPREFIX": empty})

            return call

        firsts = {f"{name}, first": first(command) for name, command in ways.items()}
        show("first", rounds(firsts, max(repeat // 2, 1), spare=0), "crowd-kit DS, first")
        warm = {name: (lambda words=words: run(words)) for name, words in ways.items()}
        show("warm", rounds(warm, repeat), "crowd-kit DS")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, default=8_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--crowd-kit", help="Python that has crowd-kit; default: this one")
    args = parser.parse_args()
    print(f"{args.answers} answers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    starts(args.answers, args.repeat, args.crowd_kit or crowd_kit_here())


def crowd_kit_here() -> str | None:
    """This Python, if it has crowd-kit."""
    if importlib.util.find_spec("crowdkit") is None:
        print("crowd-kit is not installed, so it is left out: pip install crowd-kit==1.4.2")
        return None
    return sys.executable


if __name__ == "__main__":
    main()
