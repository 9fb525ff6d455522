"""Drawings: of the size asked, with the probabilities that are written down, and nested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerannot.audit import doubt, draw
from peerannot.errors import ParameterError


@given(st.integers(1, 60), st.integers(0, 99), st.booleans(), st.data())
def test_a_drawing_is_of_the_size_asked_and_goes_on(n_tasks, seed, equal, data):
    n = data.draw(st.integers(1, n_tasks))
    sizes = None if equal else doubt(np.random.default_rng(seed).random(n_tasks))
    all_of_them = draw(n_tasks, n_tasks, seed=seed, sizes=sizes)
    some = draw(n_tasks, n, seed=seed, sizes=sizes)
    assert len(set(some.tasks.tolist())) == n
    assert some.begins(all_of_them)
    assert sorted(all_of_them.tasks) == list(range(n_tasks))
    np.testing.assert_allclose(all_of_them.probability, 1)
    assert ((some.probability > 0) & (some.probability <= 1)).all()
    if equal:
        np.testing.assert_allclose(some.probability, n / n_tasks)
    # The first of them have the probabilities of a drawing of so few.
    np.testing.assert_allclose(some.first(1).probability, draw(n_tasks, 1, seed=seed,
                               sizes=sizes).probability)  # fmt: skip


def test_probabilities_of_all_tasks_sum_to_n():
    """Also where some are certain: of ten tasks three are so heavy that c p > 1."""
    sizes = np.array([9.0, 8, 7, 1, 1, 1, 1, 1, 1, 1])
    of_task = np.zeros(10)
    for seed in range(200):
        drawing = draw(10, 6, seed=seed, sizes=sizes)
        of_task[drawing.tasks] = drawing.probability
    assert of_task.sum() == pytest.approx(6)
    assert (of_task[:3] == 1).all()
    np.testing.assert_allclose(of_task[3:], 3 / 7)


def test_tasks_are_drawn_with_the_probability_that_is_written():
    confidence = np.random.default_rng(1).beta(3, 1, 120)
    sizes = doubt(confidence)
    drawn, written = np.zeros(120), np.zeros(120)
    runs = 20_000
    for seed in range(runs):
        drawing = draw(120, 30, seed=seed, sizes=sizes)
        drawn[drawing.tasks] += 1
        written[drawing.tasks] = drawing.probability
    error = np.sqrt(written * (1 - written) / runs)
    # Ohlsson's method is off by about p/n of itself, which is under half a percent here.
    assert (np.abs(drawn / runs - written) < 4.5 * error + 0.005 * written).all()


def test_a_drawing_has_nothing_to_do_with_what_a_seed_simulated():
    truth = np.random.default_rng(0).random(1000)
    assert truth[draw(1000, 100, seed=0).tasks].mean() == pytest.approx(0.5, abs=0.1)


def test_doubt_favours_tasks_that_a_model_is_not_sure_of():
    sizes = doubt(np.array([1.0, 0.9, 0.5]))
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes.mean() == pytest.approx(1)
    assert sizes[0] == 0.5
    np.testing.assert_array_equal(doubt(np.ones(4)), np.ones(4))


@pytest.mark.parametrize("n", [0, 11, -1])
def test_more_tasks_than_there_are(n):
    with pytest.raises(ParameterError, match="10"):
        draw(10, n)
