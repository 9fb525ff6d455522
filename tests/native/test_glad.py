"""The loops of GLAD against their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.examples import examples
from native.slot_votes import SlotVotes, made
from native.twins import glad as twin
from peerannot._loops import native

Array = NDArray[Any]
NONE = np.empty(0)
usual = examples(60)


def near(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def step(
    v: SlotVotes, alpha: Array, beta: Array, steps: int, share: Array = NONE, rest: Array = NONE,
    shares: Array = NONE, threads: int = 2,
) -> tuple[Array, float]:  # fmt: skip
    total = np.full((3, alpha.size), np.nan)
    gain = native.glad_step(
        *v.slots, v.worker, v.weight, v.gold, shares, alpha, v.bounds, beta, total, share, rest,
        beta_mean=0.7, n_classes=v.k, steps=steps, threads=threads,
    )  # fmt: skip
    return total, gain


def parameters(v: SlotVotes) -> tuple[Array, Array]:
    return v.rng.normal(1, 1, v.n_workers), v.rng.normal(0, 1, v.n_tasks)


@usual
@given(v=made)
def test_posterior(v: SlotVotes) -> None:
    alpha, beta = parameters(v)
    share, rest = np.zeros(v.n), np.zeros(v.n_tasks)
    total, gain = step(v, alpha, beta, 0, share, rest)
    z, right, slow = twin.posterior(
        v.task, v.label, v.worker, v.ones, v.gold, alpha, beta, 0.7, v.k
    )
    near(total[0], right)
    free = (np.diff(v.ptr) > 0) & (v.gold < 0)
    near(v.dense(share, np.repeat(rest[:, None], v.k, axis=1))[free], z[free])
    assert gain == pytest.approx(slow, rel=1e-11, abs=1e-9)


@usual
@given(v=made, steps=st.integers(1, 3), is_given=st.booleans())
def test_steps(v: SlotVotes, steps: int, is_given: bool) -> None:
    alpha, beta = parameters(v)
    shares = v.rng.random(v.n) if is_given else NONE
    z = twin.posterior(v.task, v.label, v.worker, v.ones, v.gold, alpha, beta, 0.7, v.k)[0]
    q = z[v.task, v.label]
    if is_given:
        q = np.where(v.gold[v.task] >= 0, q, shares[v.ptr[v.task] + v.slot])
    there = beta.copy()
    for i in np.flatnonzero(np.diff(v.ptr)):
        a = slice(v.ptr[i], v.ptr[i + 1])
        there[i] = twin.newton(v.worker[a], v.ones[a], q[a], alpha, beta[i], 0.7, steps)
    total, _ = step(v, alpha, beta, steps, shares=shares)
    # Which of two steps under 1e-6 rises, rounding tells.
    np.testing.assert_allclose(beta, there, rtol=0, atol=2e-6)
    near(total, twin.derivatives(v.task, v.worker, v.ones, q, alpha, beta))


@usual
@given(v=made, threads=st.integers(1, 5))
def test_steps_give_the_same_bits_for_any_number_of_threads(v: SlotVotes, threads: int) -> None:
    alpha, beta = parameters(v)
    runs = []
    for n in (1, threads):
        moved = beta.copy()
        runs.append((*step(v, alpha, moved, 2, threads=n), moved))
    for one, other in zip(*runs, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("ability", [-200.0, 0.0, 200.0])
def test_extremes_stay_finite(ability: float) -> None:
    v = SlotVotes(3, 60, 4, 5, False)
    alpha, beta = np.full(v.n_workers, ability), v.rng.choice([-30.0, 0.0, 30.0], v.n_tasks)
    total, gain = step(v, alpha, beta, 5)
    assert np.isfinite(total).all() and np.isfinite(gain) and np.isfinite(beta).all()
    assert (np.abs(beta) <= 30.0).all()


@pytest.mark.parametrize("name", ["slot", "slot_label", "size", "worker", "gold"])
def test_what_is_out_of_range_is_refused(name: str) -> None:
    v = SlotVotes(5, 40, 3, 4, False)
    alpha, beta = parameters(v)
    wrong = getattr(v, name).copy()
    wrong[np.argmax(v.size > 0) if name in ("size", "gold") else 0] = 999
    setattr(v, name, wrong)
    with pytest.raises(ValueError, match="out of range"):
        step(v, alpha, beta, 2)


def test_a_short_step_does_not_lead_beyond_the_top() -> None:
    """Of a hard task, whose second derivative is larger than Fisher's."""
    n = 6
    half = np.repeat(0.5, n)
    worker, alpha = np.arange(n, dtype=np.int32), np.full(n, 0.1)
    ptr, size = np.array([0, n]), np.array([2])
    label = np.array([0, 1, 0, 0, 0, 0], np.int32)
    slot = np.array([0, 0, 0, 1, 1, 1], np.int32)

    def stepped(beta: float, steps: int) -> float:
        at = np.array([beta])
        native.glad_step(
            ptr, size, label, slot, worker, NONE, np.array([-1], np.int32), half, alpha,
            np.array([0, 1]), at, np.empty((3, n)), NONE, NONE, beta_mean=3.0, n_classes=2,
            steps=steps, threads=1,
        )  # fmt: skip
        return float(at[0])

    top = stepped(0.0, 200)
    assert top < 2.5
    for ahead in (3e-7, -3e-7, 3e-5, -3e-5):
        assert abs(stepped(top + ahead, 1) - top) < 0.1 * abs(ahead)
