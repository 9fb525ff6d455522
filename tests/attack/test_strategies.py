"""Crowds that nobody would wish for, through every strategy of the registry.

A strategy gives probabilities, or refuses in one line that says why; it never crashes, never gives
NaN, and never takes memory for all pairs of classes or for tasks x workers x classes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.needed import needed_to_fit, ready
from peerannot._threads import with_threads
from peerannot.aggregation import STRATEGIES, Result
from peerannot.answers import Answers
from peerannot.errors import ConvergenceWarning, DataError, ParameterError

NAMES = list(STRATEGIES)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with with_threads(1):
        yield


def votes(task: Any, worker: Any, label: Any, k: int, weight: Any = None) -> Answers:
    return Answers.from_arrays(
        np.asarray(task), np.asarray(worker), np.asarray(label), weight=weight, classes=k
    )


def fit(name: str, answers: Answers, options: dict[str, Any] | None = None, **kw: Any) -> Result:
    """Fit with what the strategy needs, and check what every result promises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        needed = {} if "gold" in kw else needed_to_fit(name, answers)
        result = ready(name, answers, **(options or {})).fit(answers, **{**needed, **kw})
    posterior: Any = result.posterior
    assert posterior.shape == (answers.n_tasks, answers.n_classes)
    held = posterior if isinstance(posterior, np.ndarray) else posterior.data
    assert np.isfinite(held).all() and (held >= 0).all()
    np.testing.assert_allclose(np.asarray(posterior.sum(1)).ravel(), 1.0, atol=1e-9)
    for column in result.worker_table().values():
        values = np.asarray(column)
        assert values.dtype.kind != "f" or not np.isinf(values).any()
    return result


def square(n: int = 40, m: int = 6) -> tuple[Any, Any, Any]:
    """Tasks and workers of answers of all to all, and the truth of 3 classes."""
    return np.repeat(np.arange(n), m), np.tile(np.arange(m), n), np.arange(n) % 3


@pytest.mark.parametrize("name", NAMES)
def test_a_hundred_thousand_answers_on_one_task(name: str) -> None:
    n, rng = 100_000, np.random.default_rng(0)
    label = np.where(rng.random(n) < 0.6, 1, 0)
    answers = votes(
        np.concatenate((np.zeros(n, int), [1, 1, 2, 2])),
        np.concatenate((np.arange(n), [0, 1, 0, 1])),
        np.concatenate((label, [0, 0, 1, 1])),
        2,
    )
    if name == "m-msr":
        with pytest.raises(ParameterError, match="takes 4000 at most, not 100000; use one-coin"):
            fit(name, answers)
    else:
        fit(name, answers)


@pytest.mark.parametrize("name", NAMES)
def test_identical_workers(name: str) -> None:
    task, worker, truth = square()
    assert (fit(name, votes(task, worker, truth[task], 3)).labels == truth).all()
    assert (fit(name, votes(task, worker, 0 * task, 3)).labels == 0).all()


ADVERSARIES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "all wrong by one": lambda task, worker, truth: (truth[task] + 1) % 3,
    "permuting": lambda task, worker, truth: (truth[task] + worker // 2) % 3,
    "each its own class": lambda task, worker, truth: worker % 3,
    "noise": lambda task, worker, truth: np.random.default_rng(0).integers(3, size=task.size),
    "half against half": lambda task, worker, truth: (truth[task] + (worker % 2)) % 3,
}


@pytest.mark.parametrize("kind", ADVERSARIES)
@pytest.mark.parametrize("name", NAMES)
def test_adversaries(name: str, kind: str) -> None:
    task, worker, truth = square()
    answers = votes(task, worker, ADVERSARIES[kind](task, worker, truth), 3)
    assert fit(name, answers).labels.tobytes() == fit(name, answers).labels.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_gold_against_everybody(name: str) -> None:
    task, worker, truth = square()
    answers = votes(task, worker, truth[task], 3)
    gold = {str(i): str((truth[i] + 1) % 3) for i in range(truth.size)}
    if not STRATEGIES[name].takes_gold:
        with pytest.raises(ParameterError, match="cannot use gold"):
            fit(name, answers, gold=gold)
        return
    result = fit(name, answers, gold=gold)
    if name != "gold-majority-vote":  # its gold weighs workers and stands for no label
        assert (result.labels == (truth + 1) % 3).all()


WEIGHTS = {"nothing": 0.0, "tiny": 1e-300, "small": 1e-12, "huge": 1e12}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", NAMES)
def test_weights(name: str, kind: str) -> None:
    task, worker, truth = square()
    weight = np.ones(task.size)
    weight[::5] = WEIGHTS[kind]
    label = (truth[task] + (worker == 5)) % 3
    fit(name, votes(task, worker, label, 3, weight))
    fit(name, votes(task, worker, label, 3, np.full(task.size, WEIGHTS[kind])))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, -np.inf, 1e13, 1e300])
def test_weights_that_are_none(weight: float) -> None:
    task, worker, truth = square()
    with pytest.raises(DataError, match="weight") as error:
        votes(task, worker, truth[task], 3, np.where(task == 7, weight, 1.0))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [n for n in NAMES if STRATEGIES[n].takes_init])
def test_starts(name: str) -> None:
    task, worker, truth = square()
    answers = votes(task, worker, truth[task], 3)
    for value in (np.nan, np.inf, -1.0, 0.0):
        start = np.full((truth.size, 3), 1 / 3)
        start[5] = value
        with pytest.raises(DataError, match="init: rows must be finite, not negative and not all"):
            fit(name, answers, init=start)
    start[5] = [1e300, 1e300, 0.0]
    fit(name, answers, init=start)


# --- very many classes ------------------------------------------------------------------------

K = 50_000
# What the strategies hold for a few answers: about 100 MB each, where K x K alone is 19 GiB.
MOST_MIB = 1500


def few_of_many(n: int) -> Answers:
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(n), 3)
    worker = np.tile(np.arange(3), n) + 3 * (task % 200)
    truth = rng.integers(K, size=n)
    right = rng.random(task.size) < 0.6
    return votes(task, worker, np.where(right, truth[task], rng.integers(K, size=task.size)), K)


def once(name: str) -> dict[str, Any]:
    """One iteration, where there are any."""
    known = {field.name for field in fields(STRATEGIES[name])}
    wanted = {"max_iter": 1, "restarts": 1, "subtypes": 2}
    return {key: value for key, value in wanted.items() if key in known}


def fit_or_refuse(n: int) -> list[str]:
    """Names of the strategies that fit n tasks of `K` classes; the others name one that can."""
    answers, can = few_of_many(n), []
    for name in NAMES:
        # The tests' own makers of gold and classifiers hold all tasks and classes.
        if name in ("gold-majority-vote", "crowdlab") and n > 100:
            continue
        try:
            fit(name, answers, once(name))
            can.append(name)
        except (ParameterError, DataError) as error:
            text = str(error)
            assert "\n" not in text and ("use " in text or "such as " in text), text
    return can


def within(memory_mib: int, n: int) -> set[str]:
    """`fit_or_refuse` in a process that gets no more than so much memory above its imports."""
    code = (
        "import resource, sys; import test_strategies as t\n"
        "import peerannot._loops, polars, scipy.sparse, scipy.special\n"
        "t.fit('majority-vote', t.votes([0, 1], [0, 0], [0, 1], 2))\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "most = pages * resource.getpagesize() + (int(sys.argv[1]) << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "print(*t.fit_or_refuse(int(sys.argv[2])))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, str(memory_mib), str(n)],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path, "PEERANNOT_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="needs limits of memory")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_fifty_thousand_classes() -> None:
    assert within(MOST_MIB, 20) == set(NAMES) - {"dawid-skene-clust", "wds"}
    refused = set(NAMES) - within(MOST_MIB, 20_000) - {"gold-majority-vote", "crowdlab"}
    # Each has a confusion matrix a worker, or a dense posterior by its model.
    assert refused == {
        "bwa", "dawid-skene", "dawid-skene-clust", "ebcc", "fast-dawid-skene",
        "hybrid-dawid-skene", "ibcc", "latent-factor", "map-dawid-skene", "wds",
    }  # fmt: skip
