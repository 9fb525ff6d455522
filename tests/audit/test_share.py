"""Shares: the estimate of PPI++, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot.audit import Whole, doubt, draw, estimate_share, ppi_tuning
from peerannot.errors import ParameterError

Y = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1.0])
F = np.array([0.9, 0.3, 0.8, 0.6, 0.4, 0.7, 0.95, 0.5, 0.2, 0.85])
REST = np.array([0.1, 0.9, 0.4, 0.7, 0.65, 0.3, 0.55, 0.8, 0.35, 0.25, 0.6, 0.45])
ALL = Whole.of(np.concatenate((F, REST)))
EQUAL = np.full(10, 10 / 22)


def test_values_of_ppi_python():
    """``ppi_mean_pointestimate(Y, F, REST)`` of ppi-python 0.2.3, and of all tasks with weights."""
    tuned = estimate_share(Y, F, EQUAL, ALL, tuning=ppi_tuning(Y, F, ALL))
    assert tuned.value == pytest.approx(0.603245921450151, abs=1e-12)
    weight = np.array([1, 2, 1, 1, 3, 1, 1, 2, 1, 1.0])
    theirs = {0: 0.5714285714285714, 0.5: 0.5712662337662336, 1: 0.571103896103896}
    for tuning, value in theirs.items():
        # Of 22 tasks 14 are the weights' sum: none is raised to count for less than itself.
        ours = estimate_share(Y, F, 10 / 22 / weight, ALL, tuning=tuning)
        assert ours.value == pytest.approx(value, abs=1e-12)


def test_equal_to_ppi_python_itself():
    ppi = pytest.importorskip("ppi_py")
    rng = np.random.default_rng(3)
    f = rng.beta(3, 1, 400_000)
    y = (rng.random(f.size) < f**0.6).astype(float)
    at = draw(f.size, 400, seed=3).tasks
    rest = np.setdiff1d(np.arange(f.size), at)
    tuning = ppi_tuning(y[at], f[at], Whole.of(f))
    ours = estimate_share(y[at], f[at], np.full(400, 1e-3), Whole.of(f), tuning=tuning)
    theirs = ppi.ppi_mean_pointestimate(y[at], f[at], f[rest])
    assert ours.value == pytest.approx(float(theirs[0]), abs=1e-12)
    low, high = ppi.ppi_mean_ci(y[at], f[at], f[rest], alpha=0.05)
    assert ours.width == pytest.approx(float(high[0] - low[0]), rel=0.02)


def test_the_plain_interval_is_wilsons():
    """Five of twenty of very many, by the formula of Brown, Cai and DasGupta with n - 1."""
    y = np.repeat([1.0, 0.0], [5, 15])
    found = estimate_share(y, np.zeros(20), np.full(20, 1e-9), Whole(20 * 10**9, 0.0, 0.0))
    z, n, p = 1.959963984540054, 19, 0.25
    middle = (n * p + z * z / 2) / (n + z * z)
    half = z * np.sqrt(n * p * (1 - p) + z * z / 4) / (n + z * z)
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-7)
    assert found.error == pytest.approx(np.sqrt(p * (1 - p) / 19), rel=1e-6)


def test_the_variance_is_that_of_a_simple_random_sample():
    """(1 - n/N) s^2 / n of y - lambda f."""
    y, f = np.tile(Y, 7), np.tile(F, 7)
    whole = Whole.of(np.concatenate((f, np.tile(REST, 7))))
    found = estimate_share(y, f, np.full(70, 70 / 154), whole)
    assert 0 < found.tuning < 154 / 84
    rest = y - found.tuning * f
    assert found.error**2 == pytest.approx((1 - 70 / 154) * rest.var(ddof=1) / 70)
    # The best lambda of these.
    for other in (found.tuning - 0.05, found.tuning + 0.05):
        assert (y - other * f).var() > rest.var()


def test_a_census_is_certain():
    found = estimate_share(Y, F, np.ones(10), Whole.of(F))
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.7, 0.7))


def test_few_or_none_judged():
    none = estimate_share(np.full(10, np.nan), F, EQUAL, ALL)
    assert (none.value, none.low, none.high, none.n, none.error) == (None, 0, 1, 0, None)
    assert none.more(0.1) is None
    one = estimate_share(Y[:1], F[:1], EQUAL[:1], ALL)
    assert (one.low, one.high) == pytest.approx((1 / 22, 1))
    assert one.too_few and one.tuning == 0
    nothing = estimate_share(np.empty(0), np.empty(0), np.empty(0), Whole.of(np.empty(0)))
    assert nothing.value is None


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.floats(0, 1)), min_size=1,
             max_size=90),
    st.integers(0, 60),
    st.booleans(),
)  # fmt: skip
def test_what_is_certain_bounds_the_interval(pairs, rest, equal):
    y, f = np.array(pairs).T
    p = np.full(y.size, 0.5) if equal else np.linspace(0.1, 0.9, y.size)
    size = y.size + rest
    found = estimate_share(y, f, p, Whole(size, float(f.mean()), float(f.var())))
    seen, known = np.nansum(y), int((~np.isnan(y)).sum())
    if not known:
        assert found.value is None
        return
    judgeable = size - (y.size - known)
    assert 0 <= found.low <= found.value + 1e-12 and found.value <= found.high + 1e-12 <= 1 + 1e-9
    assert found.low >= seen / judgeable - 1e-12
    assert found.high <= 1 - (known - seen) / judgeable + 1e-12


def test_what_cannot_be_said_counts_among_predictions_only():
    """Left out of both, it would bias the estimate: the hardest are left out here."""
    rng = np.random.default_rng(5)
    f = rng.beta(2, 1, 4000)
    y = np.where(f < 0.4, np.nan, (rng.random(4000) < f).astype(float))
    values, naive = [], []
    for seed in range(300):
        at = draw(4000, 200, seed=seed).tasks
        p = np.full(200, 0.05)
        values.append(estimate_share(y[at], f[at], p, Whole.of(f)).value)
        can = ~np.isnan(y[at])
        naive.append(estimate_share(y[at][can], f[at][can], p[can], Whole.of(f), tuning=1).value)
    assert np.mean(values) == pytest.approx(np.nanmean(y), abs=0.008)
    assert abs(np.mean(naive) - np.nanmean(y)) > 0.03


def test_predictions_that_are_wrong_change_no_expectation():
    rng = np.random.default_rng(6)
    y = (rng.random(3000) < 0.8).astype(float)
    f = np.where(y == 1, rng.beta(4, 4, 3000), 1 - rng.beta(1, 9, 3000))
    values = [
        estimate_share(y[at], f[at], np.full(80, 80 / 3000), Whole.of(f), tuning=1.0).value
        for at in (draw(3000, 80, seed=s).tasks for s in range(400))
    ]
    assert np.mean(values) == pytest.approx(y.mean(), abs=0.01)
    at = draw(3000, 80, seed=1).tasks
    assert estimate_share(y[at], f[at], np.full(80, 80 / 3000), Whole.of(f)).tuning == 0


@pytest.mark.parametrize("design", ["random", "doubt"])
@pytest.mark.parametrize("rate", [0.8, 0.97])
def test_intervals_hold_where_the_model_is_too_sure(design, rate):
    rng = np.random.default_rng(7)
    holds = []
    for seed in range(500):
        p = rng.beta(10 * rate, 10 * (1 - rate), 1500)
        y, f = (rng.random(1500) < p).astype(float), p**0.2
        drawing = draw(1500, 100, seed=seed, sizes=doubt(f) if design == "doubt" else None)
        at = drawing.tasks
        found = estimate_share(y[at], f[at], drawing.probability, Whole.of(f))
        holds.append(found.low <= y.mean() <= found.high)
    # .93 to .97, and three standard errors of 500 crowds to either side.
    assert 0.90 < np.mean(holds) < 0.995


def test_how_many_more():
    y, f = np.tile(Y, 10), np.tile(F, 10)
    whole = Whole(20_000, 0.6, 0.06)
    found = estimate_share(y, f, np.full(100, 0.005), whole)
    more = found.more(0.05)
    n = 100 + more
    again = estimate_share(np.tile(y, n // 100 + 1)[:n], np.tile(f, n // 100 + 1)[:n],
                           np.full(n, n / 20_000), whole)  # fmt: skip
    assert again.width == pytest.approx(0.05, rel=0.04)
    assert found.more(found.width + 0.01) == 0
    assert found.more(1e-9) == 20_000 - 100
    with pytest.raises(ParameterError, match="width"):
        found.more(0)
    with pytest.raises(ParameterError, match="level"):
        estimate_share(y, f, np.full(100, 0.005), whole, level=1.0)
