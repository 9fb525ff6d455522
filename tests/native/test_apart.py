"""Passes in which no task meets its own counts, and types of workers, against their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.slot_votes import SlotVotes, made
from native.twins import apart as twin
from native.twins import types as twin_types
from peerannot._loops import native

Array = NDArray[Any]
NONE = np.empty(0)
usual = examples(60)


def near(found: Array, expected: Array, scale: float = 0.0) -> None:
    atol = 3e-6 * scale if scale else 1e-11
    np.testing.assert_allclose(found, expected, rtol=0 if scale else 1e-10, atol=atol)


class Models:
    """Tables of some models, and what they make of their posteriors."""

    def __init__(self, v: SlotVotes, n: int) -> None:
        rng, w, k = np.random.default_rng(v.n), v.n_workers, v.k
        self.table = np.log(rng.dirichlet(np.full(k, 2.0), (n, w)))
        self.slope = -rng.random((n, w, k))
        self.log_prior = np.log(rng.dirichlet(np.full(k, 2.0), n))
        self.own = [v.rng.dirichlet(np.ones(k), v.n_tasks) for _ in range(n)]

    def of(self, v: SlotVotes, these: slice, *, over: bool = False, **how: Any) -> list[Array]:
        """Counts, class sums, changes and posteriors of some of them, in one pass."""
        own = [each.copy() for each in self.own[these]]
        n, none = len(own), [np.empty((0, v.k))] * (2 - len(own))
        after = own if over else [np.full_like(each, np.nan) for each in own]
        counts, mass = np.full((n, v.n_workers, v.k), np.nan), np.full((n, v.k), np.nan)
        change = np.full(n, np.nan)
        native.apart_em(
            v.ptr, v.worker, v.weight, v.gold, self.table[these], self.slope[these],
            self.log_prior[these], *own, *none, v.bounds, counts, mass, *after, *none, change,
            **{"single": False, "threads": 2, **how},
        )  # fmt: skip
        return [counts, mass, change, np.array(after)]


@usual
@given(v=made, n=st.integers(1, 2), single=st.booleans(), over=st.booleans())
def test_em(v: SlotVotes, n: int, single: bool, over: bool) -> None:
    models = Models(v, n)
    found = zip(*models.of(v, slice(n), single=single, over=over), strict=True)
    for m, (counts, mass, change, posterior) in enumerate(found):
        tables = models.table[m], models.slope[m], models.log_prior[m]
        slow = twin.em(v.task, v.worker, v.ones, v.gold, *tables, models.own[m])
        near(counts, slow[0], single * max(v.ones.sum(), 1.0))
        near(mass, slow[1], single * max(v.n_tasks, 1))
        # A sum of hundreds of logarithms, each within 1e-7 of it.
        near(posterior, slow[2], single * 20.0)
        assert change == pytest.approx(slow[3], rel=1e-4 if single else 1e-10, abs=1e-9)


@usual
@given(v=made, threads=st.integers(1, 5))
def test_em_gives_the_same_bits_for_any_number_of_threads(v: SlotVotes, threads: int) -> None:
    models = Models(v, 2)
    one, other = (models.of(v, slice(2), threads=n) for n in (1, threads))
    assert [a.tobytes() for a in one] == [b.tobytes() for b in other]


@usual
@given(v=made, single=st.booleans())
def test_em_of_two_models_gives_the_same_bits_as_of_each(v: SlotVotes, single: bool) -> None:
    models = Models(v, 2)
    both = models.of(v, slice(2), single=single)
    each = zip(*(models.of(v, slice(m, m + 1), single=single) for m in range(2)), strict=True)
    assert [a.tobytes() for a in both] == [np.concatenate(b).tobytes() for b in each]


@usual
@given(v=made, sparse=st.booleans(), threads=st.integers(1, 3))
def test_coin(v: SlotVotes, sparse: bool, threads: int) -> None:
    bonus = v.rng.normal(0, 1, (v.n_workers, 3))
    prior, own = v.rng.dirichlet(np.full(v.k, 2.0)), v.rng.random(v.n)
    total, after = np.full(v.n_workers + v.k, np.nan), np.full(v.n, np.nan)
    # The loop over slots is that of many classes, and of shares.
    share, rest = (np.zeros(v.n), np.zeros(v.n_tasks)) if sparse else (NONE, NONE)
    posterior = np.full((v.n_tasks, v.k), np.nan)
    change = native.apart_coin(
        *v.slots, v.label, v.worker, v.weight, v.gold, bonus, prior, np.log(prior), own, v.bounds,
        total, after, share, rest, posterior, threads=threads,
    )  # fmt: skip
    slow = twin.coin(v.task, v.label, v.worker, v.ones, v.gold, bonus, prior, own)
    near(total[: v.n_workers], slow[0])
    near(total[v.n_workers :], slow[1])
    near(posterior, slow[2])
    near(after, slow[3])
    assert change == pytest.approx(slow[4], rel=1e-9, abs=1e-9)
    if sparse:
        free = (np.diff(v.ptr) > 0) & (v.gold < 0)
        near(v.dense(share, rest[:, None] * prior)[free], slow[2][free])


class Crowd:
    """Counts of pairs from nothing to a million, of workers of whom some have none."""

    def __init__(self, seed: int, n_workers: int, k: int, n_types: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        has = rng.random((n_workers, k)) < 0.6
        has[rng.random(n_workers) < 0.2] = False
        self.worker, self.label = (a.astype(np.int32) for a in np.nonzero(has))
        self.ptr = np.concatenate(([0], np.cumsum(has.sum(1)))).astype(np.int64)
        self.counts = 10.0 ** rng.uniform(-9, 6, (self.label.size, k))
        self.counts[rng.random(self.counts.shape) < 0.2] = 0.0
        self.rows = 10.0 ** rng.uniform(-3, 3, (n_types, k, k))
        self.n_workers, self.k, self.n_types = n_workers, k, n_types


crowds = st.builds(
    Crowd, st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 20), st.integers(1, 4)
)


@usual
@given(c=crowds, learns=st.booleans(), threads=st.integers(1, 3))
def test_membership(c: Crowd, learns: bool, threads: int) -> None:
    log_share = np.log(c.rng.dirichlet(np.ones(c.n_types)))
    member = np.full((c.n_workers, c.n_types), np.nan)
    met = np.full((c.n_types * learns, c.k, c.k), np.nan)
    spent = np.full((c.n_types * learns, c.k), np.nan)
    cuts = np.sort(c.rng.integers(c.n_workers + 1, size=2))
    native.types_membership(
        c.ptr, c.label, c.counts, c.rows, log_share,
        np.concatenate(([0], cuts, [c.n_workers])).astype(np.int64), member, met, spent,
        threads=threads,
    )  # fmt: skip
    slow = twin_types.membership(c.worker, c.label, c.counts, c.rows, log_share, c.n_workers)
    # Logarithms of up to 1e8 are told to 16 digits.
    np.testing.assert_allclose(member, slow[0], rtol=0, atol=1e-6)
    if learns:
        for found, expected in ((met, slow[1]), (spent, slow[2])):
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@usual
@given(c=crowds, threads=st.integers(1, 3))
def test_tables(c: Crowd, threads: int) -> None:
    member = c.rng.dirichlet(np.ones(c.n_types), c.n_workers)
    table, slope = np.full(c.counts.shape, np.nan), np.full(c.counts.shape, np.nan)
    native.types_tables(c.ptr, c.label, c.counts, c.rows, member, table, slope, threads=threads)
    slow = twin_types.tables(c.worker, c.label, c.counts, c.rows, member)
    near(table, slow[0])
    np.testing.assert_allclose(slope, slow[1], rtol=1e-9, atol=1e-9)
