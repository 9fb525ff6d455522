"""The loops of models where all wrong classes of an answer are alike against their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.slot_votes import SlotVotes, made
from native.twins import coin as twin
from peerannot._loops import native

Array = NDArray[Any]
NONE, NO_ROWS = np.empty(0), np.empty((0, 0))
usual = examples(60)


def near(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def step(
    v: SlotVotes, bonus: Array, prior: Array, share: Array = NONE, rest: Array = NONE,
    posterior: Array = NO_ROWS, threads: int = 2,
) -> tuple[Array, Array, float]:  # fmt: skip
    total = np.full(bonus.size + v.k, np.nan)
    gain = native.coin_step(
        *v.slots, v.worker, v.weight, v.gold, v.label, bonus, prior, np.log(prior), v.bounds,
        total, share, rest, posterior, threads=threads,
    )  # fmt: skip
    return total[: bonus.size], total[bonus.size :], gain


@usual
@given(v=made, told=st.booleans())
def test_start(v: SlotVotes, told: bool) -> None:
    right = np.full(v.n_workers, np.nan)
    mass, own = (np.full(n * told, np.nan) for n in (v.k, v.n))
    native.coin_start(*v.slots, v.worker, v.weight, v.gold, v.bounds, right, mass, own, threads=2)
    slow = twin.start(v.task, v.label, v.worker, v.ones, v.gold, v.n_workers, v.k)
    near(right, slow[0])
    if told:
        near(mass, slow[1])
        near(own, slow[2])


@usual
@given(v=made, sparse=st.booleans())
def test_step(v: SlotVotes, sparse: bool) -> None:
    bonus = v.rng.normal(1, 2, v.n_workers)
    prior = v.rng.dirichlet(np.full(v.k, 2.0))
    # The loop over slots is that of many classes, and of shares.
    share, rest = (np.zeros(v.n), np.zeros(v.n_tasks)) if sparse else (NONE, NONE)
    posterior = np.full((v.n_tasks, v.k), np.nan)
    right, mass, gain = step(v, bonus, prior, share, rest, posterior)
    slow = twin.step(v.task, v.label, v.worker, v.ones, v.gold, bonus, prior)
    near(right, slow[0])
    near(mass, slow[1])
    near(posterior, slow[2])
    assert gain == pytest.approx(slow[3], rel=1e-11, abs=1e-9)
    if sparse:
        free = (np.diff(v.ptr) > 0) & (v.gold < 0)
        near(v.dense(share, rest[:, None] * prior)[free], slow[2][free])


@usual
@given(v=made, threads=st.integers(1, 5))
def test_step_gives_the_same_bits_for_any_number_of_threads(v: SlotVotes, threads: int) -> None:
    bonus, prior = v.rng.normal(1, 2, v.n_workers), v.rng.dirichlet(np.full(v.k, 2.0))
    for one, other in zip(
        step(v, bonus, prior, threads=1), step(v, bonus, prior, threads=threads), strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("strongest", [30.0, 39.9, 40.1, np.inf])
@pytest.mark.parametrize("least_prior", [0.1, 1e-200, 1e-300])
@pytest.mark.parametrize("ones", [False, True])
def test_odds_that_leave_the_range_are_no_products(
    strongest: float, least_prior: float, ones: bool
) -> None:
    """Tasks of 1 to 60 answers, as odds, as logarithms, and next to the last odds that are."""
    size, k = np.arange(1, 61).repeat(10), 3
    v = SlotVotes(0, 1, 4, k, False)
    v.n_tasks, v.n = size.size, int(size.sum())
    v.ptr = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    v.task = np.repeat(np.arange(size.size), size).astype(np.int32)
    v.label = v.rng.integers(k, size=v.n).astype(np.int32)
    v.worker = v.rng.integers(4, size=v.n).astype(np.int32)
    v.gold = v.rng.integers(-3, k, size.size).clip(-1).astype(np.int32)
    v.slot_label, v.slot, v.size = v.label, np.zeros(v.n, np.int32), np.minimum(size, 1)
    v.weight = np.ones(v.n) if ones else NONE
    v.bounds = np.array([0, 200, size.size])
    bonus = np.array([-1.0, 2.0, 0.5, 1.0]) * min(strongest, 30.0)
    bonus[1] = min(strongest, 1e3)
    prior = np.array([0.5, 0.5 - least_prior, least_prior])
    posterior = np.full((v.n_tasks, k), np.nan)
    right, mass, gain = step(v, bonus, prior, posterior=posterior)
    slow = twin.step(v.task, v.label, v.worker, np.ones(v.n), v.gold, bonus, prior)
    near(right, slow[0])
    near(mass, slow[1])
    near(posterior, slow[2])
    assert gain == pytest.approx(slow[3], rel=1e-11)


@usual
@given(v=made)
def test_what_is_certain_is_one_to_the_last_bit(v: SlotVotes) -> None:
    posterior = np.full((v.n_tasks, v.k), np.nan)
    step(v, v.rng.uniform(0, 9, v.n_workers), v.rng.dirichlet(np.ones(v.k)), posterior=posterior)
    sure = (v.gold >= 0) & (np.diff(v.ptr) > 0)
    assert (posterior[sure] == np.eye(v.k)[v.gold[sure]]).all()
    single = SlotVotes(int(v.rng.integers(99)), 200, 3, 1, False)
    certain = np.full((200, 1), np.nan)
    step(single, v.rng.uniform(0, 9, 3), np.ones(1), posterior=certain)
    assert (certain == 1).all()


@pytest.mark.parametrize("k", [2, 16, 40])
def test_step_does_not_underflow(k: int) -> None:
    v = SlotVotes(0, 1, 2, k, False)
    n = 100_000
    v.ptr, v.size, v.bounds = np.array([0, n]), np.array([1]), np.array([0, 1])
    v.slot_label, v.slot = np.full(n, 1, np.int32), np.zeros(n, np.int32)
    v.label, v.worker, v.gold = v.slot_label, v.slot, np.full(1, -1, np.int32)
    for bonus, right in ((20.0, n), (-20.0, 0.0)):
        sums, mass, gain = step(v, np.array([bonus]), np.full(k, 1 / k))
        assert sums[0] == pytest.approx(right) and mass.sum() == pytest.approx(1.0)
        most = n * bonus - np.log(k) if bonus > 0 else np.log1p(-1 / k)
        assert gain == pytest.approx(most, rel=1e-12)


def class_inputs(v: SlotVotes) -> tuple[Array, Array, Array]:
    """Where entries start, their units (worker * K + class), and room for sums."""
    entry = np.concatenate(([0], np.cumsum(np.diff(v.ptr) * v.size))).astype(np.int64)
    code = np.full(entry[-1], -1)
    native.coin_entries(*v.slots, v.worker, entry, code, n_classes=v.k, threads=2)
    return entry, code, np.full((2 * v.n_workers + 1) * v.k, np.nan)


@usual
@given(v=made, is_given=st.booleans())
def test_class_step(v: SlotVotes, is_given: bool) -> None:
    entry, code, total = class_inputs(v)
    assert (code == twin.entries(v.task, v.label, v.worker, v.n_tasks, v.k)).all()
    p = v.rng.uniform(0.1, 0.9, (v.n_workers, v.k))
    hit, miss, log_prior = np.log(p), np.log1p(-p), np.log(v.rng.dirichlet(np.full(v.k, 2.0)))
    share = v.rng.random(v.n)
    shares = v.dense(share) if is_given else None
    gain = native.coin_class_step(
        *v.slots, entry, code.astype(np.int32), v.weight, v.gold, hit.ravel(), miss.ravel(),
        log_prior, v.bounds, total, share, given=is_given, threads=2,
    )  # fmt: skip
    slow = twin.class_step(v.task, v.label, v.worker, v.ones, v.gold, hit, miss, log_prior, shares)
    near(total, np.concatenate([part.ravel() for part in slow[:3]]))
    near(v.dense(share), slow[3])
    assert gain == pytest.approx(slow[4], rel=1e-11, abs=1e-9)


BAD = {
    "slot": ("slot", 1, 99), "slot label": ("slot_label", 0, 99), "size": ("size", 0, 99),
    "unit": ("worker", 2, 99), "no unit": ("worker", 2, -1), "gold": ("gold", 1, 99),
    "ptr": ("ptr", 1, -5), "end": ("ptr", 3, 99),
}  # fmt: skip


@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("what", BAD)
def test_what_is_out_of_range_is_refused(what: str, k: int) -> None:
    v = SlotVotes(0, 3, 2, k, False)
    v.ptr, v.bounds = np.array([0, 2, 4, 6]), np.array([0, 3])
    v.size, v.slot = np.ones(3, np.int64), np.zeros(6, np.int32)
    v.label = v.slot_label = np.ones(6, np.int32)
    v.worker, v.gold = np.zeros(6, np.int32), np.full(3, -1, np.int32)
    v.n, v.n_tasks = 6, 3
    entry, code, total = class_inputs(v)
    name, at, value = BAD[what]
    wrong = getattr(v, name).copy()
    wrong[at] = value
    setattr(v, name, wrong)
    bonus, prior = np.ones(2), np.full(k, 1 / k)
    unit = code.astype(np.int32) if name != "worker" else np.full(code.size, value, np.int32)
    share, rest = np.zeros(6), np.zeros(3)
    with pytest.raises(ValueError, match="out of range"):
        step(v, bonus, prior, share, rest)
    if name not in ("slot", "slot_label", "size"):  # few classes need no slots
        with pytest.raises(ValueError, match="out of range"):
            step(v, bonus, prior)
    with pytest.raises(ValueError, match="out of range"):
        ones = np.ones(2 * k)
        native.coin_class_step(
            *v.slots, entry, unit, v.weight, v.gold, ones, ones, np.ones(k), v.bounds, total,
            share, given=False, threads=1,
        )  # fmt: skip
    if name not in ("gold", "slot_label"):
        with pytest.raises(ValueError, match="out of range"):
            native.coin_start(
                *v.slots, v.worker, v.weight, v.gold, v.bounds, np.empty(2), NONE, NONE, threads=1
            )
    if name != "worker":
        with pytest.raises(ValueError, match="out of range"):
            native.coin_start(
                *v.slots, v.worker, v.weight, v.gold, v.bounds, np.empty(2), np.empty(k), NONE,
                threads=1,
            )  # fmt: skip


def test_sizes_that_differ_are_refused() -> None:
    v = SlotVotes(1, 20, 3, 4, False)
    right = np.empty(3)
    for bad in (
        (v.ptr[:-1], *v.slots[1:], v.worker, v.weight, v.gold),
        (*v.slots[:2], v.slot_label[:-1], v.slot, v.worker, v.weight, v.gold),
        (*v.slots, v.worker[:-1], v.weight, v.gold),
        (*v.slots, v.worker, np.ones(1), v.gold),
        (*v.slots, v.worker, v.weight, v.gold[:-1]),
    ):
        with pytest.raises(ValueError, match=r"one|as many"):
            native.coin_start(*bad, v.bounds, right, NONE, NONE, threads=1)
    wide: Any = v.worker.astype(np.int64)
    with pytest.raises(TypeError):
        native.coin_start(*v.slots, wide, v.weight, v.gold, v.bounds, right, NONE, NONE, threads=1)
    with pytest.raises(ValueError, match="total"):
        native.coin_step(
            *v.slots, v.worker, v.weight, v.gold, v.label, np.ones(3), np.ones(4), np.ones(4),
            v.bounds, np.empty(6), NONE, NONE, NO_ROWS, threads=1,
        )  # fmt: skip
