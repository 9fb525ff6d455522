"""Whose probabilities may decide when to stop."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.misfits import coin_crowd
from peerannot.aggregation import OneCoin
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.predictive import check_model, trusted


def biased() -> Answers:
    """Odd workers know one class much better than the other."""
    return coin_crowd(108, 12, 12, seed=4, biased=0.35, skill=(0.55, 0.75))[0]


def test_a_model_that_fits_decides_as_it_is():
    answers, _ = coin_crowd(120, 12, 8, seed=4)
    found = trusted(answers, "one-coin")
    assert found.checked is True and found.calibration is None and found.failing == ()
    assert found.sentence == "one-coin passes the check"
    np.testing.assert_array_equal(found.result.posterior, OneCoin().fit(answers).posterior)


def test_one_that_fails_is_replaced_and_tempered():
    answers = biased()
    found = trusted(answers, "one-coin")
    assert found.checked is False and found.failing
    assert found.result.strategy != "one-coin" and found.calibration is not None
    assert found.sentence.startswith("one-coin fails the check (")
    assert "tempered by answers that it has not seen" in found.sentence
    again = trusted(answers, "one-coin")
    np.testing.assert_array_equal(found.result.posterior, again.result.posterior)


def test_a_stored_check_is_taken():
    answers = biased()
    stored = check_model(answers, "one-coin", replicates=39, tolerance=0.01).as_dict()
    found = trusted(answers, "one-coin", stored=stored)
    assert found.checked is False and found.failing == trusted(answers, "one-coin").failing
    with pytest.raises(DataError, match="one of one-coin, not of glad"):
        trusted(answers, "glad", stored=stored)
    with pytest.raises(DataError, match="not one that 'peerannot check --output' wrote"):
        trusted(answers, "one-coin", stored={"passed": True})


def test_what_cannot_be_checked_is_tempered_or_told():
    answers = biased()
    found = trusted(answers, "MV")
    assert found.checked is None and found.calibration is not None
    assert found.sentence.startswith("majority-vote has no model of answers")
    alone, _ = coin_crowd(20, 5, 1)
    found = trusted(alone, "one-coin")
    assert found.checked is None and "no task has answers of two workers" in found.sentence
    assert trusted(alone, "MV").calibration is None


def test_of_many_answers_some_are_looked_at():
    answers, _ = coin_crowd(200, 12, 8, seed=4)
    found = trusted(answers, "one-coin", most_answers=400)
    assert "on 400 of 1,600 answers" in found.sentence
