"""What to label next: seconds at a million tasks, and labels right at equal budgets.

    python benchmarks/allocation.py speed [POLICY...]
    python benchmarks/allocation.py replay [POLICY...]

Replay: a crowd whose answers to all pairs are drawn beforehand; each policy starts from two answers
a task and asks in rounds of 5 % of the tasks, the strategy is fitted again after each. A policy
sees what was asked alone.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from peerannot.aggregation import OneCoin
from peerannot.allocation import POLICIES, build, plan
from peerannot.answers import Answers, Ids

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


if __name__ == "__main__":
    {"speed": speed, "replay": replay}[sys.argv[1]](sys.argv[2:] or list(POLICIES))
