"""Campaigns on simulated crowds: our policies beside cleanlab's and scikit-activeml's in one run.

    python benchmarks/allocation.py peers [--peers PYTHON] [--seeds N] [CROWD...]

PYTHON has cleanlab and scikit-activeml (allocation_peer.py runs there); without it, ours alone.

All begin with the same two answers a task and ask in rounds of a tenth of the tasks (a fifth, where
a classifier is fitted), to four answers a task. Workers give at most half more than their share of
the answers, so that nobody does all the work. Labels come from one strategy whatever the policy:
one-coin, or CROWDLAB where there is a classifier, which is fitted again each round, out of sample,
on these labels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerannot.aggregation import CROWDLAB, OneCoin, Result
from peerannot.allocation import build, plan
from peerannot.answers import Answers, Ids
from peerannot.simulation import simulate

START, END = 2, 4  # answers a task
OURS = ("mutual-information", "expected-accuracy", "thompson", "entropy", "uniform")
SEEDED = ("thompson", "uniform")
CROWDS = ("steady", "spammers", "drift", "arrival", "digits")
PAIRS = "0-6,3-8,4-9,1-7,2-5"


@dataclass(frozen=True)
class World:
    """A crowd that answers whatever it is asked.

    Attributes
    ----------
    truth : int array (n,)
    said, noise : int arrays (n, w)
        Answers of workers as they are, and at random.
    tired : float array (n, w)
        Where in its work, 0 to 1, a worker would begin to answer this task at random.
    arrives : int array (w,)
        Round from which a worker is there.
    features : float array (n, d) or None
    """

    truth: NDArray[Any]
    said: NDArray[Any]
    noise: NDArray[Any]
    tired: NDArray[Any]
    arrives: NDArray[Any]
    features: NDArray[Any] | None


def world(name: str, seed: int) -> World:
    rng = np.random.default_rng(seed)
    n, w, k, features, truth = 400, 20, 4, None, None
    more: dict[str, Any] = {"spammers": 0.4 if name == "spammers" else 0.1}
    if name == "digits":
        from sklearn.datasets import load_digits

        data = load_digits()
        n, w, k = 400, 30, 10
        at = rng.permutation(len(data.target))[:n]
        features, truth = data.data[at] / 16, data.target[at]
        more = {"spammers": 0.2, "accuracy": 0.65, "pairs": PAIRS}
    drawn = simulate(
        "mixed-crowd", truth=truth, n_worker=w, n_task=n, n_classes=k, seed=seed, **more
    )
    said = np.empty((n, w), int)
    said[drawn.answers.task, drawn.answers.worker] = drawn.answers.label
    # Drift by the order in which a worker is asked, which only the campaign knows: an answer at
    # time t is a guess with probability .8 t.
    tired = rng.random((n, w)) / 0.8 if name == "drift" else np.ones((n, w))
    arrives = np.zeros(w, int)
    if name == "arrival":  # half are there, then one more a round
        arrives[rng.permutation(w)] = np.maximum(0, np.arange(w) - w // 2 + 1)
    return World(drawn.truth, said, rng.integers(0, k, (n, w)), tired, arrives, features)


class Peer:
    """The other process, asked in lines of JSON."""

    def __init__(self, python: str) -> None:
        script = str(Path(__file__).with_name("allocation_peer.py"))
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, **asked: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def out_of_sample(features: NDArray[Any], labels: NDArray[Any], k: int) -> NDArray[np.float64]:
    """Probabilities of a logistic regression that did not see the task's label, (n, k)."""
    from sklearn.linear_model import LogisticRegression

    n = len(labels)
    found = np.full((n, k), 1e-6)
    for fold in range(5):
        held = np.arange(n) % 5 == fold
        model = LogisticRegression(C=0.3, max_iter=30).fit(features[~held], labels[~held])
        found[np.ix_(held, model.classes_)] += model.predict_proba(features[held])
    return found / found.sum(1, keepdims=True)


def campaign(name: str, w: World, seed: int, peer: Peer | None) -> tuple[list[float], float]:
    """Share of labels right after each round, and seconds of choosing."""
    (n, m), k = w.said.shape, int(w.noise.max()) + 1
    rng = np.random.default_rng(seed)
    share = 0.1 if w.features is None else 0.2
    most, batch = int(1.5 * END * n / m), int(share * n)
    labels = np.full((n, m), -1)
    count = np.zeros(m, int)
    probabilities: NDArray[np.float64] | None = None

    def ask(t: int, j: int) -> None:
        fresh = count[j] / most <= w.tired[t, j]
        labels[t, j] = w.said[t, j] if fresh else w.noise[t, j]
        count[j] += 1

    for t in rng.permutation(n):
        free = np.flatnonzero((w.arrives == 0) & (count < most))
        for j in rng.choice(free, START, replace=False):
            ask(t, j)
    scores: list[float] = []
    seconds = 0.0
    judged: Result | None = None
    rounds = round((END - START) / share)
    for turn in range(rounds + 1):
        t, j = np.nonzero(labels >= 0)
        codes = (a.astype(np.int32) for a in (t, j, labels[t, j]))
        answers = Answers.from_codes(*codes, Ids(n), Ids(m), Ids(k))
        result: Result = OneCoin().fit(answers)
        more: dict[str, Any] = {}
        if w.features is not None:
            before = result.labels if judged is None else judged.labels
            probabilities = out_of_sample(w.features, np.asarray(before), k)
            judged = CROWDLAB().fit(answers, init=probabilities)
        else:
            judged = result
        scores.append(float((judged.labels == w.truth).mean()))
        if turn == rounds:
            break
        room = np.where(w.arrives <= turn, np.minimum(most - count, max(1, most // 8)), 0)
        begin = time.perf_counter()
        if name.startswith(("cleanlab", "skactiveml")):
            assert peer is not None
            p = None if probabilities is None else probabilities.tolist()
            picks = peer(
                policy=name, labels=labels.tolist(), room=room.tolist(), budget=batch, classes=k,
                probabilities=p, seed=1000 * seed + turn,
                features=None if w.features is None else w.features.tolist(),
            )  # fmt: skip
        else:
            here = rng.permutation(np.flatnonzero(room > 0))
            if name.startswith("activelab"):
                more["probabilities"] = probabilities
            policy = build(f"{name}[seed={1000 * seed + turn}]" if name in SEEDED else name)
            found = plan(
                judged if name == "entropy" else result, batch, [str(i) for i in here],
                answers=answers, policy=policy, per_worker=room[here],
                stop={"sure": None, "gain": 0.0}, **more,
            )  # fmt: skip
            picks = [(pick.task, int(found.crowd.ids[pick.worker])) for pick in found.picks]
        seconds += time.perf_counter() - begin
        for task, worker in picks:
            ask(task, worker)
    return scores, seconds


def peers(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="allocation.py peers")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("crowds", nargs="*", metavar="CROWD")
    given = parser.parse_args(arguments)
    peer = Peer(given.peers) if given.peers else None
    print("| crowd | policy | 2.0 | 3.0 | 4.0 | mean | beside uniform | s a round |")
    print("|---|---|---|---|---|---|---|---|")
    for name in given.crowds or CROWDS:
        worlds = [world(name, seed) for seed in range(given.seeds)]
        names = [*OURS]
        if name == "digits":
            names += ["activelab", "activelab[temperature=cleanlab]"]
        if peer:
            names += ["skactiveml-entropy", "skactiveml-entropy-interval"]
            names += ["cleanlab-activelab"] if name == "digits" else []
        runs = {
            policy: [campaign(policy, one, seed, peer) for seed, one in enumerate(worlds)]
            for policy in names
        }
        base = np.array([scores for scores, _ in runs["uniform"]])
        for policy, found in runs.items():
            curves = np.array([scores for scores, _ in found])
            rounds = curves.shape[1] - 1
            at = [f"{curves[:, i * rounds // 2].mean():.3f}" for i in (0, 1)]
            seconds = sum(s for _, s in found) / rounds / len(found)
            cells = [*at, told(curves[:, -1]), told(curves.mean(1)),
                     told((curves - base).mean(1), "+"), f"{seconds:.2f}"]  # fmt: skip
            print(f"| {name} | {policy} | {' | '.join(cells)} |", flush=True)


def told(values: NDArray[np.float64], sign: str = "") -> str:
    """Mean and its standard error over seeds."""
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():{sign}.3f} ± {error:.3f}"
