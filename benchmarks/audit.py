"""Do the intervals of an audit hold, and how much narrower are they than without the crowd?

Crowds are simulated in ways that the model fits and in ways that it does not. From each an expert
judges some tasks, drawn at random or by doubt; counted is how many 95 % intervals hold what is
true of all tasks, and how wide they are beside classical ones: the same interval of the same
number of tasks drawn at random, without the crowd's labels (``tuning=0``).

    python benchmarks/audit.py [--crowds 1000] [--n 100 --n 300] [--scenario NAME ...] [--json FILE]
    python benchmarks/audit.py --real FOLDER [--crowds 1000] [--n 200]

The second draws again and again from real crowds, of which FOLDER holds one a folder.

With ppi-python installed (``pip install ppi-python``) it also tells how far our estimates are from
its own.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerannot import Answers
from peerannot.aggregation import build
from peerannot.audit import (
    Labelled,
    Sheet,
    Whole,
    doubt,
    draw,
    estimate,
    estimate_share,
    ppi_tuning,
)
from peerannot.audit.estimate import Audit
from peerannot.io import read_answers
from peerannot.selection import read_truth

N, WORKERS, EACH = 2000, 30, 5
PARTS = ("labels right", "shares of classes", "errors of workers")


@dataclass
class Crowd:
    """Votes, the truth, and the tasks that the expert cannot judge."""

    answers: Answers
    truth: np.ndarray
    unsaid: np.ndarray


def crowd(
    rng: np.random.Generator,
    truth: np.ndarray,
    k: int,
    says: Callable[[np.ndarray, np.ndarray], np.ndarray],
    each: int = EACH,
    workers: int = WORKERS,
    unsaid: np.ndarray | None = None,
) -> Crowd:
    """``each`` workers answer each task, right with probability ``says(task, worker)``."""
    n = truth.size
    who = np.argsort(rng.random((n, workers)), axis=1)[:, :each].ravel()
    task = np.repeat(np.arange(n), each)
    p = says(task, who)
    right = rng.random(task.size) < p
    other = (truth[task] + rng.integers(1, k, task.size)) % k
    label = np.where(right, truth[task], other)
    return _votes(task, who, label, truth, k, workers, unsaid)


def _votes(task, who, label, truth, k, workers, unsaid=None) -> Crowd:
    from peerannot.answers import Ids

    answers = Answers.from_codes(
        task.astype(np.int32), who.astype(np.int32), label.astype(np.int32),
        Ids(truth.size), Ids(workers), Ids(k),
    )  # fmt: skip
    return Crowd(answers, truth, np.zeros(truth.size, bool) if unsaid is None else unsaid)


def _truth(rng: np.random.Generator, shares: list[float], n: int = N) -> np.ndarray:
    return rng.choice(len(shares), n, p=shares)


def right_model(rng: np.random.Generator) -> Crowd:
    """Each worker right at a rate of their own, whatever the task: what Dawid-Skene assumes."""
    skill = rng.beta(8, 3, WORKERS)
    return crowd(rng, _truth(rng, [0.4, 0.3, 0.2, 0.1]), 4, lambda t, w: skill[w])


def wrong_model(rng: np.random.Generator) -> Crowd:
    """Tasks differ in difficulty, and of a sixth nearly all workers see the same wrong class."""
    truth, k = _truth(rng, [0.4, 0.3, 0.2, 0.1]), 4
    ease = np.where(rng.random(N) < 1 / 6, 0.12, rng.beta(6, 1.5, N))
    skill = rng.beta(8, 2, WORKERS)
    made = crowd(rng, truth, k, lambda t, w: ease[t] * skill[w] ** 0.3)
    a = made.answers
    trap = (truth + 1) % k
    label = np.where(a.label == truth[a.task], a.label, trap[a.task])
    return _votes(a.task, a.worker, label, truth, k, WORKERS)


def drift(rng: np.random.Generator) -> Crowd:
    """Workers tire from .9 to .45, and classes change, from the first task to the last."""
    when = np.linspace(0, 1, N)
    truth = np.where(rng.random(N) < when, _truth(rng, [0.1, 0.2, 0.3, 0.4]),
                     _truth(rng, [0.6, 0.2, 0.1, 0.1]))  # fmt: skip
    skill = rng.normal(0, 0.05, WORKERS)
    return crowd(rng, truth, 4, lambda t, w: np.clip(0.9 - 0.45 * when[t] + skill[w], 0.05, 0.99))


def collusion(rng: np.random.Generator) -> Crowd:
    """A third of the workers hand in the answers of one of them, right at .4."""
    truth, k = _truth(rng, [0.4, 0.3, 0.2, 0.1]), 4
    skill = rng.beta(8, 3, WORKERS)
    made = crowd(rng, truth, k, lambda t, w: skill[w])
    a, gang = made.answers, WORKERS // 3
    shared = np.where(rng.random(N) < 0.4, truth, (truth + rng.integers(1, k, N)) % k)
    label = np.where(a.worker < gang, shared[a.task], a.label)
    return _votes(a.task, a.worker, label, truth, k, WORKERS)


def nearly_right(rng: np.random.Generator) -> Crowd:
    """Labels about 98 % right and classes down to 1 %."""
    skill = rng.beta(16, 2, WORKERS)
    return crowd(rng, _truth(rng, [0.9, 0.06, 0.03, 0.01]), 4, lambda t, w: skill[w])


def passes(rng: np.random.Generator) -> Crowd:
    """Difficulty as in the wrong model, and the expert cannot judge most of the hardest tasks."""
    ease = rng.beta(4, 1.3, N)
    unsaid = rng.random(N) < np.where(ease < 0.45, 0.7, 0.02)
    truth = _truth(rng, [0.4, 0.3, 0.2, 0.1])
    return crowd(rng, truth, 4, lambda t, w: np.clip(ease[t], 0.1, 1), unsaid=unsaid)


def galaxies(rng: np.random.Generator) -> Crowd:
    """Shares as of Galaxy Zoo 2: smooth, with features, an artifact; 40 volunteers each, whose
    votes are split on faint galaxies, and few of which see faint features."""
    n = 5000
    truth = _truth(rng, [0.62, 0.35, 0.03], n)
    clear = np.where(truth == 0, rng.beta(7, 2, n), np.where(truth == 1, rng.beta(3.2, 1.5, n),
                     rng.beta(3, 1.5, n)))  # fmt: skip
    return crowd(rng, truth, 3, lambda t, w: clear[t], each=40, workers=200)


SCENARIOS: dict[str, tuple[Callable[[np.random.Generator], Crowd], str]] = {
    "right model": (right_model, "DS"),
    "wrong model": (wrong_model, "DS"),
    "drift": (drift, "DS"),
    "collusion": (collusion, "DS"),
    "nearly all right": (nearly_right, "DS"),
    "expert passes": (passes, "MV"),
    "galaxies": (galaxies, "NaiveSoft"),
}


def _sheet(made: Crowd, n: int, seed: int, sizes: np.ndarray | None) -> Sheet:
    drawing = draw(made.truth.size, n, seed=seed, sizes=sizes)
    said = {str(t): "?" if made.unsaid[t] else str(made.truth[t]) for t in drawing.tasks}
    return Sheet(Path("audit.csv"), drawing, "", seed, "", said)


def _without_crowd(labelled: Labelled) -> Labelled:
    """The same labels without what is thought of them: all estimates are classical."""
    flat = np.zeros_like(labelled.posterior)
    return Labelled("", labelled.label, np.zeros_like(labelled.confidence), flat)


def _true(made: Crowd, labelled: Labelled) -> tuple[float, np.ndarray, dict[str, float]]:
    """What the estimates are of, among the tasks that can be judged."""
    can, a = ~made.unsaid, made.answers
    has = can & (labelled.label >= 0)
    right = float((labelled.label == made.truth)[has].mean())
    shares = np.bincount(made.truth[can], minlength=a.n_classes) / can.sum()
    rows = can[a.task]
    wrong = np.bincount(a.worker[rows], (a.label != made.truth[a.task])[rows], a.n_workers)
    answers = np.bincount(a.worker[rows], minlength=a.n_workers)
    return (
        right,
        shares,
        {a.workers[j]: wrong[j] / answers[j] for j in range(a.n_workers) if answers[j]},
    )


def _compare(audit: Audit, true: tuple[float, np.ndarray, dict[str, float]]) -> dict[str, list]:
    right, shares, errors = true
    pairs = {
        PARTS[0]: [(audit.right, right)],
        PARTS[1]: list(zip(audit.classes.values(), shares, strict=True)),
        PARTS[2]: [(e, errors[j]) for j, e in audit.errors.items()],
    }
    # What is exactly at an end of its interval is in it, whatever the last bit says.
    return {
        part: [(e.low - 1e-9 <= t <= e.high + 1e-9, e.width, (e.value or 0.0) - t) for e, t in each]
        for part, each in pairs.items()
    }


def one_scenario(name: str, crowds: int, sizes: list[int], seed: int) -> list[dict[str, Any]]:
    """Rows of coverage and width."""
    make, strategy = SCENARIOS[name]
    found: dict[tuple[int, str, str], list] = defaultdict(list)
    accuracy = []
    for i in range(crowds):
        made = make(np.random.default_rng([seed, i]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labelled = Labelled.of(build(strategy).fit(made.answers))
        true = _true(made, labelled)
        accuracy.append(true[0])
        for n in sizes:
            by_design = {
                "random": (labelled, None),
                "doubt": (labelled, doubt(labelled.confidence)),
                "classical": (_without_crowd(labelled), None),
            }
            for design, (used, size) in by_design.items():
                audit = estimate(made.answers, used, _sheet(made, n, i, size))
                for part, each in _compare(audit, true).items():
                    found[n, design, part] += each
    rows = []
    for (n, design, part), each in found.items():
        holds, width, off = (np.array(column, float) for column in zip(*each, strict=True))
        plain = np.mean([w for _, w, _ in found[n, "classical", part]])
        rows.append(
            {
                "scenario": name, "accuracy": float(np.mean(accuracy)), "n": n, "design": design,
                "of": part, "intervals": len(each), "coverage": float(holds.mean()),
                "width": float(width.mean()), "ratio": float(width.mean() / plain),
                "bias": float(off.mean()),
            }
        )  # fmt: skip
    return rows


def real_crowd(folder: Path) -> Crowd:
    """Votes of people on the tasks whose truth is known."""
    k = json.loads((folder / "metadata.json").read_text())["n_classes"]
    answers = read_answers(folder / "answers.csv", classes=k)
    truth = read_truth(folder / "truth.csv", answers).codes
    known = np.flatnonzero(truth >= 0)
    a = answers.of_tasks(known)
    return _votes(a.task, a.worker, a.label, truth[known], k, a.n_workers)


def real_sets(folder: Path, n: int, drawings: int) -> None:
    """Coverage and width over drawings from real crowds, whose models are all wrong somehow."""
    for place in sorted(p for p in folder.iterdir() if (p / "truth.csv").exists()):
        made = real_crowd(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labelled = Labelled.of(build("DS").fit(made.answers))
        true, size = _true(made, labelled), doubt(labelled.confidence)
        judged = min(n, made.truth.size // 2)
        for design in ("random", "doubt", "classical"):
            used = _without_crowd(labelled) if design == "classical" else labelled
            found: dict[str, list] = defaultdict(list)
            for i in range(drawings):
                sheet = _sheet(made, judged, i, size if design == "doubt" else None)
                for part, each in _compare(estimate(made.answers, used, sheet), true).items():
                    found[part] += each
            cells = "".join(
                f"  {part} {np.mean([h for h, _, _ in each]):.3f}"
                f" {np.mean([w for _, w, _ in each]):.3f}"
                for part, each in found.items()
            )
            print(f"{place.name:12} {true[0]:.3f} {judged:4} {design:9}{cells}", flush=True)


def beside_wald(seed: int, n: int = 100, repeats: int = 2000) -> list[dict[str, Any]]:
    """The usual interval, value +- 1.96 standard errors, and the published lambda, beside ours.

    Of a class that 2 % of 2,000 tasks have: where the model has some idea of it, and where it is
    nearly always right.
    """
    rows = []
    for name in ("some idea", "nearly always right"):
        holds: dict[str, list] = defaultdict(list)
        for i in range(repeats):
            rng = np.random.default_rng([seed, i])
            y = (rng.random(N) < 0.02).astype(float)
            if name == "some idea":
                f = 1 / (1 + np.exp(-rng.normal(np.where(y == 1, 1.0, -3.0), 1.5)))
            else:
                f = np.where(rng.random(N) < np.where(y == 1, 0.9, 0.002), 0.99, 0.001)
            drawn = draw(N, n, seed=i)
            at, whole = drawn.tasks, Whole.of(f)
            ours = estimate_share(y[at], f[at], drawn.probability, whole)
            wald = 1.96 * (ours.error or 0.0)
            published = estimate_share(
                y[at], f[at], drawn.probability, whole, tuning=ppi_tuning(y[at], f[at], whole)
            )
            t, v = y.mean(), ours.value or 0.0
            holds["ours"].append(ours.low - 1e-9 <= t <= ours.high + 1e-9)
            holds["wald"].append(v - wald <= t <= v + wald)
            holds["bias"].append(v - t)
            holds["bias, published lambda"].append((published.value or 0.0) - t)
        rows.append({"model": name, **{k: float(np.mean(v)) for k, v in holds.items()}})
    return rows


def beside_ppi_python(seed: int, repeats: int = 200) -> dict[str, float]:
    """Largest differences from ppi-python, where both do the same."""
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    rng = np.random.default_rng(seed)
    far: dict[str, float] = defaultdict(float)
    for i in range(repeats):
        size, n = (3000, 150) if i % 2 else (400_000, 400)
        f = rng.beta(3, 1, size)
        y = (rng.random(size) < f**0.6).astype(float)
        drawn = draw(size, n, seed=i)
        rest = np.setdiff1d(np.arange(size), drawn.tasks)
        at, p = drawn.tasks, drawn.probability
        whole = Whole.of(f)
        tuning = ppi_tuning(y[at], f[at], whole)
        ours = estimate_share(y[at], f[at], p, whole, tuning=tuning)
        theirs = float(ppi_mean_pointestimate(y[at], f[at], f[rest])[0])
        own = estimate_share(y[at], f[at], p, whole)
        far["value, our lambda, in widths"] = max(
            far["value, our lambda, in widths"], abs(own.value - theirs) / own.width
        )
        far["value, tuned"] = max(far["value, tuned"], abs(ours.value - theirs))
        if size > 10_000:
            # Of very many tasks ours is, as theirs, an estimate of an unlimited stream.
            low, high = ppi_mean_ci(y[at], f[at], f[rest], alpha=0.05)
            error = float(high[0] - low[0]) / 2 / 1.959963984540054
            bessel = np.sqrt((n - 1) / n)
            off = abs(ours.error * bessel / error - 1)
            far["standard error, relative"] = max(far["standard error, relative"], off)
        weighted = draw(size, n, seed=i, sizes=doubt(f))
        at, p = weighted.tasks, weighted.probability
        for lam in (0.0, 0.5, 1.0):
            ours = estimate_share(y[at], f[at], p, Whole.of(f), tuning=lam)
            theirs = ppi_mean_pointestimate(y[at], f[at], f, lam=lam, w=1 / p)
            off = abs(ours.value - float(np.ravel(theirs)[0]))
            far["value, weighted, lambda given"] = max(far["value, weighted, lambda given"], off)
    return dict(far)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crowds", type=int, default=1000)
    parser.add_argument("--n", type=int, action="append")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--real", type=Path, help="folder of sets with answers.csv and truth.csv")
    args = parser.parse_args()
    if args.real:
        real_sets(args.real, (args.n or [200])[0], args.crowds)
        return
    rows: list[dict[str, Any]] = []
    print(f"{'scenario':17} labels    n {'design':9} {'of':18} coverage width  ratio")
    for name in args.scenario or SCENARIOS:
        for row in one_scenario(name, args.crowds, args.n or [100, 300], args.seed):
            rows.append(row)
            print(
                f"{row['scenario']:17} {row['accuracy']:6.3f} {row['n']:4} {row['design']:9}"
                f" {row['of']:18} {row['coverage']:8.3f} {row['width']:.3f} {row['ratio']:5.2f}"
                f"  bias {row['bias']:+.4f}",
                flush=True,
            )
    for row in beside_wald(args.seed):
        print(
            f"a class of 2 %, 100 labels, a model of {row['model']}: holds {row['ours']:.3f},"
            f" Wald {row['wald']:.3f}; bias {row['bias']:+.4f}, with the published lambda"
            f" {row['bias, published lambda']:+.4f}"
        )
    try:
        far = beside_ppi_python(args.seed)
    except ImportError:
        print("ppi-python is not installed: no comparison with it")
    else:
        for what, off in far.items():
            print(f"largest difference from ppi-python, {what}: {off:.1e}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
