"""Tasks on which workers disagree more than their skills allow."""

from __future__ import annotations

from dataclasses import replace
from math import comb, exp, log

import numpy as np
import pytest

from peerannot.aggregation import MajorityVote, OneCoin, Result
from peerannot.allocation import plan
from peerannot.allocation.hopeless import log_chance
from peerannot.answers import Answers
from peerannot.errors import ParameterError


def crowd(agree: list[int], n: int = 10, skill: float = 0.8) -> tuple[Answers, Result]:
    """Tasks of n answers, so many of them class 0, which is the label of all."""
    said = [[0] * a + [1] * (n - a) for a in agree]
    task = np.repeat(np.arange(len(agree)), n)
    worker = np.tile(np.arange(n), len(agree))
    answers = Answers.from_arrays(task, worker, np.ravel(said), classes=2)
    result = OneCoin(tol=0.01).fit(answers)
    return answers, replace(
        result, labels=np.zeros(len(agree), np.int32), skill=np.full(n, skill), confusion=None
    )


def test_the_bound_holds_and_is_hoeffdings():
    agree = list(range(11))
    chance = np.exp(log_chance(*reversed(crowd(agree))))
    exact = [sum(comb(10, i) * 0.8**i * 0.2 ** (10 - i) for i in range(a + 1)) for a in agree]
    assert (chance >= np.array(exact) - 1e-12)[:8].all()
    assert chance[8:] == pytest.approx(1)
    by_hand = exp(-10 * (0.3 * log(0.3 / 0.8) + 0.7 * log(0.7 / 0.2)))
    assert chance[3] == pytest.approx(by_hand)
    assert chance[0] == pytest.approx(0.2**10)


def test_confusions_count_by_class():
    answers, result = crowd([3, 3])
    confusion = np.tile([[0.8, 0.2], [0.4, 0.6]], (10, 1, 1))
    found = log_chance(replace(result, confusion=confusion), answers)
    assert found == pytest.approx(log_chance(result, answers))
    other = replace(result, confusion=confusion, labels=np.array([0, 1], np.int32))
    assert log_chance(other, answers)[1] == 0  # seven of ten agree, six are to be expected


def test_hopeless_tasks_are_done_and_not_asked():
    answers, result = crowd([3, 9, 8, 2])
    stop = {"sure": None, "hopeless": 0.005}
    found = plan(result, 4, ["eve"], answers=answers, policy="round-robin", stop=stop)
    assert found.done_table() == {
        "task": ["0", "3"],
        "reason": ["hopeless: workers disagree more than their skills allow"] * 2,
    }
    assert {pick.task for pick in found.picks} == {1, 2}


def test_without_label_or_answers_there_is_hope():
    answers, result = crowd([0, 0])
    assert (log_chance(replace(result, labels=np.full(2, -1, np.int32)), answers) == 0).all()
    more = Answers.from_arrays(
        answers.task, answers.worker, answers.label, tasks=["0", "1", "2"], classes=2
    )
    assert log_chance(OneCoin().fit(more), more)[2] == 0


def test_of_a_crowd_as_the_model_says_few_are_hopeless():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 3000)
    right = rng.random((3000, 12)) < 0.75
    label = np.where(right, truth[:, None], 1 - truth[:, None]).ravel()
    answers = Answers.from_arrays(
        np.repeat(np.arange(3000), 12), np.tile(np.arange(12), 3000), label, classes=2
    )
    found = log_chance(OneCoin().fit(answers), answers)
    assert (found <= log(0.05)).mean() <= 0.05


def test_what_it_needs_is_said():
    answers, result = crowd([3])
    with pytest.raises(ParameterError, match="hopeless looks at the answers; give answers="):
        plan(result, 1, stop={"hopeless": 0.01}, mask=np.ones((1, 10), np.bool_))
    with pytest.raises(ParameterError, match="hopeless needs skills of workers, which majority"):
        plan(MajorityVote().fit(answers), 1, answers=answers, policy="entropy",
             stop={"hopeless": 0.01})  # fmt: skip
