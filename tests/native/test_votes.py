"""The loops of weighted votes, and LA's reading of tasks, against their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.twins import stream as stream_twin
from native.twins import votes as twin
from peerannot._loops import native

Array = NDArray[Any]
NONE = np.empty(0)


class Votes:
    """Votes made at random, with many ties: tasks without answers and with dozens, zero weights."""

    def __init__(self, seed: int, n_tasks: int, k: int, weighing: str) -> None:
        rng = self.rng = np.random.default_rng(seed)
        count = rng.choice([0, 1, 2, 4, 9, 40], n_tasks)
        self.k, self.n_tasks, n = k, n_tasks, int(count.sum())
        self.n_workers = 7
        self.ptr = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
        self.task = np.repeat(np.arange(n_tasks), count).astype(np.int32)
        self.worker = rng.integers(self.n_workers, size=n).astype(np.int32)
        self.label = rng.integers(k, size=n).astype(np.int32)
        whole = rng.integers(0, 3, n).astype(float)
        self.by_answer = {"none": NONE, "whole": whole, "real": whole * rng.random(n)}[weighing]
        of_worker = rng.uniform(0, 2, self.n_workers) * (rng.random(self.n_workers) < 0.8)
        self.by_worker = of_worker if weighing == "real" else NONE
        self.weight = twin.weights(
            self.worker,
            self.by_worker if self.by_worker.size else None,
            self.by_answer if self.by_answer.size else None,
        )
        used = [np.unique(self.label[a:b]) for a, b in zip(self.ptr, self.ptr[1:], strict=False)]
        self.size = np.array([own.size for own in used], np.int64)
        self.slots = np.full(n, 999, np.int32)  # what is unused is not looked at
        self.slot = np.empty(n, np.int32)
        for first, last, own in zip(self.ptr, self.ptr[1:], used, strict=False):
            self.slots[first : first + own.size] = own
            self.slot[first:last] = np.searchsorted(own, self.label[first:last])
        self.draw = rng.random(n_tasks)

    def room(self) -> Array:
        return np.full(self.label.size, np.nan)

    def score(self, low: float) -> Array:
        """Scores on slots, many of them equal."""
        return self.rng.integers(low, 4, self.label.size) / 3.0

    def used(self, slots: Array) -> list[Array]:
        return [slots[a : a + n] for a, n in zip(self.ptr, self.size, strict=False)]


made = st.builds(
    Votes,
    st.integers(0, 10**6),
    st.integers(0, 60),
    st.sampled_from([1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 60]),
    st.sampled_from(["none", "whole", "real"]),
)
usual = examples(60)


def near(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def run_vote(v: Votes, draw: Array, threads: int = 2, **how: bool) -> tuple[Array, ...]:
    found = (
        np.full((v.n_tasks, v.k), np.nan), np.full(v.n_tasks, -9, np.int32),
        np.full(v.n_tasks, np.nan), np.full(v.n_tasks, np.nan),
    )  # fmt: skip
    native.votes_vote(
        v.ptr, v.label, v.worker, v.by_worker, v.by_answer, draw, *found, threads=threads, **how
    )
    return found


@usual
@given(v=made, first=st.booleans(), abstain=st.booleans(), hard=st.booleans(), one=st.booleans())
def test_vote(v: Votes, first: bool, abstain: bool, hard: bool, one: bool) -> None:
    draw = np.zeros(v.n_tasks) if first else v.draw
    how = {"abstain": abstain, "hard": hard, "decided": one}
    found = run_vote(v, NONE if first else draw, **how)
    slow = twin.vote(v.ptr, v.label, v.weight, draw, v.k, **how)
    assert (found[1] == slow[1]).all()
    for one_, other in zip(found, slow, strict=True):
        near(one_, other)


def test_a_vote_is_the_same_bits_for_any_number_of_threads_and_instruction_set(isa: str) -> None:
    # Enough answers that they are cut into pieces.
    rng = np.random.default_rng(0)
    n_tasks, k, n_workers = 100_000, 10, 50
    ptr = np.arange(n_tasks + 1) * 5
    worker = rng.integers(n_workers, size=5 * n_tasks).astype(np.int32)
    label = rng.integers(k, size=5 * n_tasks).astype(np.int32)
    skill, draw = rng.random(n_workers), rng.random(n_tasks)
    runs = []
    for name, threads in ((isa, 1), (isa, 3), (native.isas()[0], 2)):
        native.use(name)
        found = (
            np.empty((n_tasks, k)), np.empty(n_tasks, np.int32), np.empty(n_tasks),
            np.empty(n_tasks),
        )  # fmt: skip
        native.votes_vote(
            ptr, label, worker, skill, NONE, draw, *found, abstain=False, hard=False,
            decided=False, threads=threads,
        )  # fmt: skip
        runs.append([array.tobytes() for array in found])
    native.use(isa)
    assert runs[0] == runs[1] == runs[2]


@usual
@given(v=made)
def test_scores(v: Votes) -> None:
    out = v.room()
    native.votes_scores(v.ptr, v.slot, v.worker, v.by_worker, v.by_answer, out, threads=2)
    assert (out == twin.scores(v.ptr, v.slot, v.weight)).all()


@usual
@given(v=made, shares=st.booleans(), absent=st.booleans(), low=st.integers(-4, 0))
def test_winners(v: Votes, shares: bool, absent: bool, low: int) -> None:
    score, out = v.score(low), v.room()
    how: Any = {"n_classes": v.k if absent else 0, "zero": 1e-12 if absent else 0.0}
    native.votes_winners(v.ptr, v.size, score, out, shares=shares, threads=2, **how)
    near(out, twin.winners(v.ptr, v.size, score, *how.values(), shares=shares))


@usual
@given(v=made)
def test_one_hot_and_values(v: Votes) -> None:
    chosen = v.rng.integers(-1, v.k, v.n_tasks).astype(np.int32)
    out = v.room()
    native.votes_one_hot(v.ptr, v.size, v.slots, chosen, out, threads=2)
    assert (out == twin.one_hot(v.ptr, v.size, v.slots, chosen)).all()
    posterior = v.rng.random((v.n_tasks, v.k))
    native.votes_values(v.ptr, v.size, v.slots, posterior, out, threads=2)
    assert (out == twin.values(v.ptr, v.size, v.slots, posterior)).all()


@usual
@given(v=made, blocks=st.integers(1, 4))
def test_worker_sums(v: Votes, blocks: int) -> None:
    value, runs = v.score(-2), []
    bounds = np.linspace(0, v.label.size, blocks + 1).astype(np.int64)
    for threads in (1, 3):
        out = np.full(v.n_workers, np.nan)
        native.votes_worker_sums(
            v.ptr, v.slot, v.task, v.worker, v.by_answer, value, bounds, out, threads=threads
        )
        runs.append(out.tobytes())
    assert runs[0] == runs[1]
    weight = v.by_answer if v.by_answer.size else np.ones(v.label.size)
    near(out, twin.worker_sums(v.ptr, v.slot, v.task, v.worker, weight, value, v.n_workers))


@usual
@given(v=made, decided=st.booleans(), majority=st.booleans())
def test_right(v: Votes, decided: bool, majority: bool) -> None:
    gold = np.where(v.rng.random(v.n_tasks) < 0.2, v.rng.integers(v.k, size=v.n_tasks), -1)
    skill = v.rng.integers(0, 3, v.n_workers) / 2.0
    bounds = np.array([0, v.n_tasks // 3, v.n_tasks])
    how: Any = {"decided": decided, "majority": majority}
    runs = []
    for threads in (1, 3):
        out = np.full(v.n_workers, np.nan)
        native.votes_right(
            v.ptr, v.label, v.worker, skill, v.by_answer, v.draw, gold.astype(np.int32), bounds,
            out, n_classes=v.k, threads=threads, **how,
        )  # fmt: skip
        runs.append(out.tobytes())
    assert runs[0] == runs[1]
    own = v.by_answer if v.by_answer.size else np.ones(v.label.size)
    near(out, twin.right(v.ptr, v.label, v.worker, skill, own, v.draw, gold, **how))


@usual
@given(v=made)
def test_confidence(v: Votes) -> None:
    share, winner = v.rng.random(v.label.size), v.score(0)
    sure, surprise = np.full(v.n_tasks, np.nan), np.full(v.n_tasks, np.nan)
    native.votes_confidence(v.ptr, v.size, share, winner, sure, surprise, threads=2)
    slow = twin.confidence(v.ptr, v.size, share, winner)
    near(sure, slow[0])
    near(surprise, slow[1])


@usual
@given(v=made, with_rest=st.booleans())
def test_dense(v: Votes, with_rest: bool) -> None:
    share, prior = v.rng.random(v.label.size), v.rng.random(v.k)
    rest = v.rng.random(v.n_tasks) if with_rest else NONE
    out = np.full((v.n_tasks, v.k), np.nan)
    native.votes_dense(v.ptr, v.size, v.slots, share, rest, prior, out, threads=2)
    slow = twin.dense(v.ptr, v.size, v.slots, share, rest if with_rest else None, prior)
    assert (out == slow).all()


@usual
@given(v=made, abstain=st.booleans(), low=st.integers(-4, 0))
def test_pick(v: Votes, abstain: bool, low: int) -> None:
    score, out = v.score(low), np.full(v.n_tasks, -9, np.int32)
    native.votes_pick(v.ptr, v.size, v.slots, score, v.draw, out, abstain=abstain, threads=2)
    slow = twin.pick(v.used(score), v.used(v.slots), v.draw, abstain=abstain)
    assert (out == slow).all()


@usual
@given(v=made, abstain=st.booleans())
def test_pick_of_equal_rows(v: Votes, abstain: bool) -> None:
    table = v.rng.integers(0, 3, (v.n_tasks, v.k)) / 3.0
    out, no = np.full(v.n_tasks, -9, np.int32), np.empty(0, np.int64)
    native.votes_pick(
        no, no, np.empty(0, np.int32), table.ravel(), v.draw, out, abstain=abstain, threads=2
    )
    places = [np.arange(v.k)] * v.n_tasks
    assert (out == twin.pick(list(table), places, v.draw, abstain=abstain)).all()


@usual
@given(v=made, one=st.booleans(), some=st.booleans())
def test_stream(v: Votes, one: bool, some: bool) -> None:
    order = v.rng.permutation(np.flatnonzero(v.size))
    gold = np.where(v.rng.random(v.n_tasks) < 0.2, v.rng.integers(v.k, size=v.n_tasks), -1)
    gold = gold.astype(np.int32)
    fresh = v.rng.random(v.label.size) < 0.7 if some else np.ones(v.label.size, np.bool_)
    before = v.rng.random(v.label.size)
    right = v.rng.integers(0, 3, v.n_workers) * 1.0
    seen = right + v.rng.integers(0, 2, v.n_workers)
    credit, hit = before.copy(), np.zeros(v.label.size)
    after = right.copy(), seen.copy()
    native.stream_read(
        order, v.ptr, v.label, v.worker, v.by_answer, gold, v.draw,
        fresh if some else np.empty(0, np.bool_), credit, hit, *after, n_classes=v.k, one=one,
    )  # fmt: skip
    weight = v.by_answer if v.by_answer.size else np.ones(v.label.size)
    slow = stream_twin.read(
        order, v.ptr, v.label, v.worker, weight, gold, v.draw, fresh, before, right, seen, one=one
    )
    for found, expected in zip((credit, hit, *after), slow, strict=True):
        assert (found == expected).all()


@pytest.mark.parametrize("wrong", [np.iinfo(np.int32).max, np.iinfo(np.int32).min])
@pytest.mark.parametrize("k", [3, 40])
def test_indices_out_of_range_are_refused(k: int, wrong: int) -> None:
    v = Votes(3, 60, k, "real")
    gold = np.full(v.n_tasks, -1, np.int32)
    bounds, of_slots = np.array([0, v.label.size]), np.zeros(v.label.size)
    a, b, labels = np.empty(v.n_tasks), np.empty(v.n_tasks), np.zeros(v.n_tasks, np.int32)
    table, of_workers, order = np.zeros((v.n_tasks, k)), np.ones(7), np.flatnonzero(v.size)
    slots = (v.ptr, v.size, v.slots)
    one: Any = {"threads": 1}
    # Function, arguments, options, and which arguments hold indices.
    calls: list[tuple[Any, tuple[Array, ...], dict[str, Any], tuple[int, ...]]] = [
        (native.votes_vote,
         (v.ptr, v.label, v.worker, v.by_worker, NONE, NONE, table, labels, a, b),
         one | {"abstain": False, "hard": False, "decided": False}, (0, 1, 2)),
        (native.votes_scores, (v.ptr, v.slot, v.worker, v.by_worker, NONE, of_slots), one,
         (0, 1, 2)),
        (native.votes_winners, (v.ptr, v.size, of_slots, of_slots),
         one | {"n_classes": 0, "zero": 0.0, "shares": False}, (0, 1)),
        (native.votes_one_hot, (*slots, labels, of_slots), one, (0, 1)),
        (native.votes_values, (*slots, table, of_slots), one, (0, 1, 2)),
        (native.votes_worker_sums,
         (v.ptr, v.slot, v.task, v.worker, NONE, of_slots, bounds, of_workers), one, (0, 1, 2, 3)),
        (native.votes_right,
         (v.ptr, v.label, v.worker, NONE, NONE, NONE, gold, np.array([0, v.n_tasks]), of_workers),
         one | {"n_classes": k, "decided": False, "majority": False}, (0, 1, 2)),
        (native.votes_confidence, (v.ptr, v.size, of_slots, of_slots, a, b), one, (0, 1)),
        (native.votes_dense, (*slots, of_slots, NONE, np.ones(k), table), one, (0, 1, 2)),
        (native.votes_pick, (*slots, of_slots, NONE, labels), one | {"abstain": False}, (0, 1)),
        (native.stream_read,
         (order, v.ptr, v.label, v.worker, NONE, gold, NONE, np.empty(0, np.bool_), of_slots, NONE,
          of_workers, of_workers),
         {"n_classes": k, "one": True}, (0, 1, 2, 3)),
    ]  # fmt: skip
    for call, given_, options, places in calls:
        call(*given_, **options)
        for place in places:
            spoilt = given_[place].copy()
            # The first answer, or slot, of a task, or what there is one of a task.
            task = order[9]
            at = v.ptr[task] if spoilt.size == v.label.size else min(task, spoilt.size - 1)
            spoilt[at] = wrong
            with pytest.raises(ValueError, match="out of range"):
                call(*given_[:place], spoilt, *given_[place + 1 :], **options)


def test_sizes_and_types_that_do_not_fit_are_refused() -> None:
    v = Votes(3, 20, 3, "none")
    labels, per_task = np.empty(20, np.int32), np.empty(20)
    how: Any = {"abstain": False, "hard": False, "decided": False, "threads": 1}
    rest: Any = (v.worker, NONE, NONE, NONE, np.empty((20, 3)), labels, per_task, per_task)
    with pytest.raises(ValueError, match="label"):
        native.votes_vote(v.ptr, v.label[1:].copy(), *rest, **how)
    with pytest.raises(TypeError):
        native.votes_vote(v.ptr, v.label.astype(np.int64), *rest, **how)
    with pytest.raises(TypeError):
        native.votes_vote(v.ptr, np.repeat(v.label, 2)[::2], *rest, **how)
    with pytest.raises(ValueError, match="ptr"):
        native.votes_scores(v.ptr[:9].copy(), v.slot, v.worker, NONE, NONE, v.room(), threads=1)
    read_only = v.room()
    read_only.flags.writeable = False
    with pytest.raises(TypeError):
        native.votes_scores(v.ptr, v.slot, v.worker, NONE, NONE, read_only, threads=1)
    with pytest.raises(ValueError, match="bounds"):
        native.votes_worker_sums(
            v.ptr, v.slot, v.task, v.worker, NONE, v.room(), np.array([0, v.label.size + 1]),
            np.empty(7), threads=1,
        )  # fmt: skip
