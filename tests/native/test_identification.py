"""The loops of worker cards and copied pairs against their twins, and what they must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.one_pair import one_pair
from native.twins import agreement as twin_pairs
from native.twins import identification as twin
from peerannot._loops import native

Array = NDArray[Any]
N_WORKERS = 6
usual = examples(60)
how = {"seed": st.integers(0, 10**6), "k": st.integers(1, 5), "threads": st.integers(1, 3)}


class Votes:
    """At most one answer of a worker for a task; workers without any, tasks without any."""

    def __init__(self, seed: int, k: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        n_tasks = int(rng.integers(0, 12))
        task, worker = np.nonzero(rng.random((n_tasks, N_WORKERS)) < rng.random(N_WORKERS))
        self.task, self.worker = task.astype(np.int32), worker.astype(np.int32)
        self.label = rng.integers(k, size=task.size).astype(np.int32)
        self.task_ptr = np.searchsorted(task, np.arange(n_tasks + 1))
        self.order = np.argsort(worker, kind="stable")
        self.worker_ptr = np.searchsorted(worker[self.order], np.arange(N_WORKERS + 1))
        self.confusion = rng.dirichlet(np.ones(k), (N_WORKERS, k))


@usual
@given(**how)
def test_evidence(seed: int, k: int, threads: int) -> None:
    v = Votes(seed, k)
    said = twin_pairs.said(v.task, v.worker, v.label, N_WORKERS)
    pairs = np.array(twin_pairs.pairs(said, 1), np.int32).reshape(-1, 3)
    ptr = np.searchsorted(pairs[:, 0], np.arange(N_WORKERS + 1))
    log_prior, share = np.log(v.rng.dirichlet(np.ones(k))), np.array([0.1, 0.7])
    agreements, expected = np.empty(len(pairs), np.int64), np.empty(len(pairs))
    log_ratio = np.empty((len(pairs), 2))
    native.identification_evidence(
        v.task_ptr, v.task, v.worker, v.label, v.order, v.worker_ptr, np.array([0, 2, N_WORKERS]),
        ptr, pairs[:, 1].copy(), log_prior, v.confusion, np.log(v.confusion), share, agreements,
        expected, log_ratio, threads=threads,
    )  # fmt: skip
    for p, (a, b, _) in enumerate(pairs.tolist()):
        slow = twin.evidence(said, a, b, log_prior, v.confusion, share)
        assert agreements[p] == slow[0]
        assert expected[p] == pytest.approx(slow[1], rel=1e-9)
        np.testing.assert_allclose(log_ratio[p], slow[2], rtol=1e-7, atol=1e-10)


@usual
@given(**how)
def test_repeats(seed: int, k: int, threads: int) -> None:
    v = Votes(seed, k)
    posterior = v.rng.dirichlet(np.ones(k), v.task_ptr.size - 1)
    posterior[posterior < 0.2] = 0.0
    task, label = v.task[v.order], v.label[v.order]
    whole = [np.empty(N_WORKERS, np.int64) for _ in range(2)]
    sums = [np.empty(N_WORKERS) for _ in range(2)]
    native.identification_repeats(
        v.worker_ptr, task, label, posterior, v.confusion, *whole, *sums, threads=threads
    )
    for j in range(N_WORKERS):
        rows = slice(v.worker_ptr[j], v.worker_ptr[j + 1])
        slow = twin.repeats(task[rows], label[rows], posterior, v.confusion[j])
        assert (whole[0][j], whole[1][j]) == slow[:2]
        assert (sums[0][j], sums[1][j]) == pytest.approx(slow[2:], rel=1e-12)


def of_pair() -> dict[str, Array]:
    """One task that two workers answered."""
    return {
        **one_pair(),
        "log_prior": np.zeros(1),
        "confusion": np.ones((2, 1, 1)),
        "log_confusion": np.zeros((2, 1, 1)),
        "share": np.ones(1),
        "agreements": np.empty(1, np.int64),
        "expected": np.empty(1),
        "log_ratio": np.empty((1, 1)),
    }


def of_runs() -> dict[str, Array]:
    """One worker with two answers."""
    return {
        "ptr": np.array([0, 2]),
        "task": np.zeros(2, np.int32),
        "label": np.zeros(2, np.int32),
        "posterior": np.ones((1, 1)),
        "confusion": np.ones((1, 1, 1)),
        "longest": np.empty(1, np.int64),
        "repeats": np.empty(1, np.int64),
        "expected": np.empty(1),
        "spread": np.empty(1),
    }


CALLS: dict[str, tuple[Any, Any]] = {
    "evidence": (native.identification_evidence, of_pair),
    "repeats": (native.identification_repeats, of_runs),
}
RUNS = ("task_ptr", "task", "worker", "order", "worker_ptr", "bounds", "ptr", "second")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (call, name)
        for call, (_, made) in CALLS.items()
        for name in made()
        if name in RUNS or (name, call) == ("label", "evidence")
    ],
)
def test_indices_out_of_range_are_refused(call: str, name: str) -> None:
    loop, made = CALLS[call]
    loop(**made(), threads=2)
    for place in range(made()[name].size):
        for value in (-1, 3):
            given_ = made()
            given_[name][place] = value
            with pytest.raises(ValueError, match=r"range|bounds"):
                loop(**given_, threads=2)
                pytest.fail(f"{name}[{place}] = {value} is taken")


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, (_, made) in CALLS.items() for name in made()]
)
def test_arrays_that_differ_are_refused(call: str, name: str) -> None:
    loop, made = CALLS[call]
    for shape in ((0,), (4,)):
        if shape == (4,) and name in ("task_ptr", "posterior"):
            continue  # more tasks without answers
        given_ = made()
        given_[name] = np.ones((*shape, *given_[name].shape[1:]), given_[name].dtype)
        with pytest.raises(ValueError):
            loop(**given_, threads=1)
    given_ = made()
    given_[name] = given_[name].astype(np.float32)
    with pytest.raises(TypeError):
        loop(**given_, threads=1)
