"""What to label next: seconds at a million tasks, and labels right at equal budgets.

    python benchmarks/allocation.py speed [POLICY...]
    python benchmarks/allocation.py replay [POLICY...]
    python benchmarks/allocation.py real FOLDER [SET...]
    python benchmarks/allocation.py peers [--peers PYTHON] [CROWD...]

Replay: a crowd whose answers to all pairs are drawn beforehand; each policy starts from two answers
a task and asks in rounds of 5 % of the tasks, the strategy is fitted again after each. A policy
sees what was asked alone. Real: `peerannot.replay` on FOLDER/SET with answers.csv and truth.csv,
by default those of at least five answers a task. Peers: see allocation_peers.py.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from allocation_peers import peers
from peerannot.aggregation import OneCoin
from peerannot.allocation import POLICIES, build, plan
from peerannot.answers import Answers, Ids
from peerannot.io import read
from peerannot.replay import replay as run
from peerannot.selection import read_truth

SEEDS = 5


def crowd(n: int, w: int, k: int, per_task: int, seed: int) -> tuple[Answers, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    task = np.repeat(np.arange(n), per_task)
    worker = (rng.integers(0, w, n)[:, None] + np.arange(per_task) * (w // per_task)) % w
    right = rng.random(task.size) < rng.beta(6, 3, w)[worker.ravel()]
    label = np.where(right, truth[task], rng.integers(0, k, task.size))
    codes = (a.astype(np.int32) for a in (task, worker.ravel(), label))
    return Answers.from_codes(*codes, Ids(n), Ids(w), Ids(k)), truth


def speed(policies: list[str], n: int = 1_000_000, w: int = 10_000) -> None:
    print(
        "| policy | classes | asked | seconds of CPU | most for one worker |\n|---|---|---|---|---|"
    )
    for k in (2, 10):
        answers, _ = crowd(n, w, k, 3, 0)
        result = OneCoin(max_iter=10, tol=1.0).fit(answers)
        for name in policies:
            more = {}
            if "probabilities" in POLICIES[name].needs:
                more["probabilities"] = np.random.default_rng(0).dirichlet(np.ones(k), n)
            for budget in (10_000, 100_000):
                fresh = replace(result)  # without what was computed of it
                start = time.process_time()
                found = plan(fresh, budget, answers=answers, per_worker=20, policy=name, **more)
                seconds = time.process_time() - start
                asked = np.unique([p.worker for p in found.picks], return_counts=True)[1]
                row = [name, k, f"{len(found.picks):,}", f"{seconds:.1f}", asked.max()]
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


def one_replay(name: str, seed: int, n: int = 400, w: int = 20, k: int = 4) -> list[float]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    right = rng.random((n, w)) < rng.beta(4, 3, w)
    said = np.where(right, truth[:, None], rng.integers(0, k, (n, w)))
    first = np.argsort(rng.random((n, w)), axis=1)[:, :2]
    pairs = [(i, int(j)) for i in range(n) for j in first[i]]
    policy = build(name)
    scores = []
    for _ in range(41):
        t, j = np.array(pairs, np.int32).T
        label = said[t, j].astype(np.int32)
        answers = Answers.from_codes(t, j, label, Ids(n), Ids(w), Ids(k))
        result = OneCoin().fit(answers)
        scores.append(float((result.labels == truth).mean()))
        most = int(np.ceil(4 * n / w))  # the mean of workers at the end
        some = answers.answers_per_worker < most
        found = plan(
            result, n // 20, [str(i) for i in np.flatnonzero(some)], answers=answers,
            policy=policy, stop={"sure": None, "gain": 0.0}, per_worker=max(1, most // 10),
        )  # fmt: skip
        pairs += [(p.task, int(found.crowd.ids[p.worker])) for p in found.picks]
    return [scores[i] for i in (0, 10, 20, 30, 40)]


def replay(policies: list[str]) -> None:
    policies = [name for name in policies if not POLICIES[name].needs]
    print("| policy | 2.0 answers a task | 2.5 | 3.0 | 3.5 | 4.0 |\n|---|---|---|---|---|---|")
    for name in policies:
        found = np.array([one_replay(name, seed) for seed in range(SEEDS)])
        cells = " | ".join(f"{m:.3f}" for m in found.mean(0))
        print(f"| {name} | {cells} |", flush=True)


SETS = ("bluebird", "rte", "CF_amt", "face", "MS", "web", "SP", "adult")
STRATEGY, POLICIES_OF_REAL, REAL_SEEDS = "hierarchical-dawid-skene", ("MI", "entropy"), 2


def real(arguments: list[str]) -> None:
    folder, names = Path(arguments[0]), arguments[1:] or SETS
    print("| set | policy | all | area | saved | when done: saved | accuracy | claimed | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        answers = read(folder / name / "answers.csv").answers
        truth = read_truth(folder / name / "truth.csv", answers).classes
        start = time.process_time()
        found = run(answers, truth, POLICIES_OF_REAL, strategy=STRATEGY, seeds=REAL_SEEDS)
        seconds = time.process_time() - start
        for row in found.summary:
            done = ("never", "", "")
            if row.stopped is not None:
                share = 1 - row.stopped / found.n_answers
                done = f"{share:.0%}", f"{row.stopped_accuracy:.3f}", f"{row.stopped_expected:.3f}"
            print(
                f"| {name} | {row.policy} | {found.accuracy:.3f} | {row.area:.3f} |"
                f" {row.saved:.0%} | {' | '.join(done)} | {seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1] == "peers":
        peers(sys.argv[2:])
    else:
        {"speed": speed, "replay": replay, "real": real}[sys.argv[1]](
            sys.argv[2:] or list(POLICIES)
        )
