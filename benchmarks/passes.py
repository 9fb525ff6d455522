"""Passes to convergence with extrapolation and without, on real answers, as Markdown tables.

    python benchmarks/passes.py FOLDER [--strategy NAME ...] [--tol TOL ...]

FOLDER holds one folder a set with ``answers.csv`` and ``metadata.json``; no truth is read. By
default once to convergence (1e-11) and once to the tolerance that strategies have by themselves.
Every pass over the answers counts, also that of a leap in vain.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peerannot.aggregation import Result, build
from peerannot.aggregation.confusion.map_dawid_skene import MAPDawidSkene
from peerannot.answers import Answers
from peerannot.io import read_answers

NAMES = ["dawid-skene", "map-dawid-skene", "ibcc", "one-coin", "class-one-coin", "glad"]
CONVERGED, USUAL = 1e-11, 2e-6
MANY = 20  # sets that need more passes than this are summed up
TIMES = 3


@dataclass(frozen=True)
class Run:
    """A fit: its result, what its passes raise, and processor time."""

    result: Result
    merit: float
    seconds: float

    @property
    def passes(self) -> int:
        return self.result.diagnostics.n_iter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--strategy", action="append")
    parser.add_argument("--tol", action="append", type=float)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sets = {
        folder.name: read_answers(
            folder / "answers.csv",
            classes=json.loads((folder / "metadata.json").read_text())["n_classes"],
        )
        for folder in sorted(given.folder.iterdir())
        if (folder / "metadata.json").exists()
    }
    for tol in given.tol or [CONVERGED, USUAL]:
        print(f"\n### tol={tol:g}\n")
        rows = {
            name: {of: compared(name, answers, tol) for of, answers in sets.items()}
            for name in given.strategy or NAMES
        }
        for name, row in rows.items():
            print(f"\n**{name}**\n")
            print("| set | passes | accelerated | in vain | objective | labels | time |")
            print("|---|---|---|---|---|---|---|")
            for of, (plain, leaping) in row.items():
                print(f"| {of} | {' | '.join(cells(plain, leaping))} |")
        print(f"\nSets that need more than {MANY} passes:\n")
        print("| strategy | sets | median of passes / accelerated | least | other labels | time |")
        print("|---|---|---|---|---|---|")
        for name, row in rows.items():
            print(f"| {name} | {' | '.join(summary(list(row.values())))} |")


def compared(name: str, answers: Answers, tol: float) -> tuple[Run, Run]:
    """The fit as it is, and with leaps."""
    rule: Any = replace(build(name), tol=tol, max_iter=20_000)  # type: ignore[type-var]
    return fitted(rule, answers), fitted(replace(rule, accelerate=True), answers)


def fitted(rule: Any, answers: Answers) -> Run:
    seconds = []
    for _ in range(TIMES):
        began = time.process_time()
        result = rule.fit(answers)
        seconds.append(time.process_time() - began)
    if not isinstance(rule, MAPDawidSkene):
        return Run(result, result.diagnostics.objective[-1], min(seconds))
    heard.clear()
    Heard(**rule.get_params()).fit(answers)
    return Run(result, heard[-1], min(seconds))


heard: list[float] = []


class Heard(MAPDawidSkene):
    """Its objective is without the prior, so it does not tell which end is better."""

    name = "heard"

    def next_counts(self, em: Any, counts: Any, mass: Any, hard: bool) -> Any:
        done = super().next_counts(em, counts, mass, hard)
        heard.append(self.merit(em.pairs, counts, done[2]))
        return done


def cells(plain: Run, leaping: Run) -> list[str]:
    return [
        str(plain.passes),
        str(leaping.passes),
        str(leaping.result.diagnostics.notes["leaps_in_vain"]),
        f"{(leaping.merit - plain.merit) / abs(plain.merit):+.0e}",
        str(others(plain, leaping)),
        f"{leaping.seconds / plain.seconds:.2f}",
    ]


def others(plain: Run, leaping: Run) -> int:
    """Tasks with another label."""
    return int((plain.result.labels != leaping.result.labels).sum())


def summary(row: list[tuple[Run, Run]]) -> list[str]:
    long = [(plain, leaping) for plain, leaping in row if plain.passes > MANY]
    if not long:
        return ["0", "-", "-", "-", "-"]
    ratios = [plain.passes / leaping.passes for plain, leaping in long]
    time_ratio = statistics.median(leaping.seconds / plain.seconds for plain, leaping in long)
    return [
        str(len(long)),
        f"{statistics.median(ratios):.1f}",
        f"{min(ratios):.1f}",
        str(sum(others(plain, leaping) for plain, leaping in row)),
        f"{time_ratio:.2f}",
    ]


if __name__ == "__main__":
    main()
