"""A check finds the assumption that fails, where it fails, and nothing where nothing does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from helpers.misfits import coin_crowd
from helpers.real_crowds import real_crowd
from peerannot.aggregation import STRATEGIES, OneCoin, build
from peerannot.aggregation.drawing.base import beta_prior
from peerannot.aggregation.drawing.coins import Coins
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.predictive import ModelCheck, check_model
from peerannot.predictive.check import some_tasks
from peerannot.predictive.discrepancies import Layout, measure
from peerannot.predictive.replicates import _narrowed, fit_quietly
from peerannot.predictive.significance import _step_down, item_tests

CHECKED = [name for name in STRATEGIES if STRATEGIES[name].models_answers()]


@cache
def checked(strategy: str = "one-coin", replicates: int = 59, **crowd: Any) -> ModelCheck:
    return check_model(coin_crowd(**crowd)[0], strategy, replicates=replicates)


def test_a_crowd_of_the_model_passes():
    found = [checked(seed=seed) for seed in (3, 4, 5)]
    assert all(one.passed and one.votes_worth > 0.85 for one in found)
    assert not any(a.matters for one in found for a in one.assumptions)
    # One in twenty is rejected by chance.
    fitting = [one for one in found if one.fits]
    assert len(fitting) >= 2
    assert fitting[0].verdict() == "passes: no assumption is rejected"


def test_difficulty_is_found_and_its_tasks():
    found = checked(hard=0.25, n_tasks=200, n_classes=4, seed=1)
    assert found["difficulty"].rejected and found["difficulty"].relaxed_by == "glad"
    hard = set(map(str, coin_crowd(hard=0.25, n_tasks=200, n_classes=4, seed=1)[1]["hard"]))
    worst = found.task_table["task"][:10]
    assert len(hard & set(worst)) >= 9
    assert found.votes_worth < 0.8


def test_copies_are_found_and_who():
    found = checked(copies=2, per_task=12, seed=2)
    assert found["dependence"].rejected
    assert not found["skill"].rejected
    worst = set(zip(found.pair_table["first"][:3], found.pair_table["second"][:3], strict=True))
    assert worst == {("0", "10"), ("0", "11"), ("10", "11")}
    assert found.pair_table["flagged"][:3].all()


def test_skill_that_depends_on_the_class_is_found_and_whose():
    found = checked(biased=0.3, per_task=12, seed=4)
    assert found["skill"].rejected and found["skill"].relaxed_by == "class-one-coin"
    flagged = found.worker_table["flagged"]
    who = [int(w) for w, f in zip(found.worker_table["worker"], flagged, strict=True) if f]
    assert len(who) >= 5 and np.mean([j % 2 for j in who]) > 0.8


def test_a_model_that_relaxes_it_fits_again():
    assert not checked("class-one-coin", biased=0.3, per_task=12, seed=4)["skill"].rejected
    plain = checked(hard=0.25, n_tasks=200, n_classes=4, seed=1)
    relaxed = checked("glad", hard=0.25, n_tasks=200, n_classes=4, seed=1)
    assert abs(relaxed.together) < plain.together / 5


def test_what_changes_few_labels_does_not_matter():
    found = checked(biased=0.3, per_task=12, seed=4)
    assert found.passed and not found.fits
    assert "though it does not fit (" in found.verdict()
    strict = check_model(
        coin_crowd(biased=0.3, per_task=12, seed=4)[0], replicates=19, tolerance=0.0
    )
    assert strict["skill"].relaxed_error > strict.stated_error
    assert strict["skill"].matters and not strict.passed


@pytest.mark.parametrize("name", CHECKED)
def test_every_model_can_be_checked(name):
    answers, _ = coin_crowd(40, 6, 4, 3, seed=5)
    found = check_model(answers, name, replicates=19)
    assert len(found.sentences()) == 3
    assert all(1 / 20 <= s.p_value <= 1 for s in found.statistics)
    assert all(s.p_adjusted >= s.p_value for s in found.statistics)
    json.dumps(found.as_dict(), allow_nan=False)


def test_what_dawid_skene_fits_exactly_is_not_tested():
    # Its M-step makes expected label counts those that were seen.
    found = checked("dawid-skene", seed=3)
    assert found["skill"].p_value is None and not found["skill"].rejected
    assert "cannot be measured" in found["skill"].sentence


def test_same_seed_same_bytes(tmp_path):
    answers, _ = coin_crowd(60, 8, 5, seed=6)
    found = [check_model(answers, replicates=19, seed=seed) for seed in (0, 0, 1)]
    pages = [
        [path.read_bytes() for path in check.save(tmp_path / str(at))]
        for at, check in enumerate(found[:2])
    ]
    assert pages[0] == pages[1]
    assert found[0].statistic_table() != found[2].statistic_table()


def test_frames_come_back_as_they_came():
    import pandas as pd
    import polars as pl

    answers, _ = coin_crowd(40, 6, 4, seed=7)
    frame = pd.DataFrame(
        {"task": answers.task, "worker": answers.worker, "label": answers.label + 5}
    )
    found = check_model(frame, replicates=19)
    tasks = found.to_frame("tasks")
    assert isinstance(tasks, pd.DataFrame) and tasks.index.name == "task"
    assert set(tasks.index) == set(range(40))
    assert isinstance(found.to_frame("statistics", kind="polars"), pl.DataFrame)
    assert list(found.to_frame("pairs").columns)[-1] == "flagged"
    with pytest.raises(ParameterError, match="of must be one of"):
        found.to_frame("nothing")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no assumption"):
        found["luck"]


def test_what_cannot_be_checked_is_refused():
    answers, _ = coin_crowd(20, 5, 3)
    for name, why in (("majority-vote", "no answer has a probability"), ("wds", "dawid-skene")):
        with pytest.raises(ParameterError, match=why):
            check_model(answers, name)
    with pytest.raises(DataError, match="weight"):
        check_model(answers.weighted(np.full(60, 2.0)))
    with pytest.raises(DataError, match="no task has answers of two"):
        check_model(Answers.from_arrays([0, 1, 2], [0, 1, 0], [0, 1, 1]))
    for options in ({"replicates": 18}, {"level": 0.0}, {"tolerance": 1.5}, {"min_shared": 1}):
        with pytest.raises(ParameterError, match=next(iter(options))):
            check_model(answers, **options)


def test_of_many_answers_some_tasks_are_drawn():
    answers, _ = coin_crowd(100, 10, 5, seed=8)
    found = check_model(answers, replicates=19, most_answers=203)
    assert (found.n_answers, found.n_tasks, found.of_answers, found.of_tasks) == (200, 40, 500, 100)
    few = some_tasks(answers, 10, 0)
    assert few.n_answers == 10 and few.n_tasks == 2 and few.answers_per_worker.min() == 1
    # Unanswered tasks and idle workers are left out, without any draw.
    idle = Answers(
        answers.task, answers.worker, answers.label, answers.tasks,
        type(answers.workers)([*answers.workers, "idle"]), answers.classes,
    )  # fmt: skip
    assert some_tasks(idle, 500, 0).n_workers == 10


def test_repeats_of_a_worker_are_no_pair():
    answers = Answers.from_arrays(
        [0, 0, 0, 1, 1, 1] * 10, [0, 0, 1] * 20, [0, 1, 0, 1, 1, 1] * 10, duplicates="all"
    )
    found = check_model(answers, replicates=19, min_shared=2)
    assert len(found.pair_table["first"]) == 1


def test_no_pairs_leave_the_rest():
    found = check_model(coin_crowd(30, 30, 3, seed=9)[0], replicates=19, min_shared=30)
    assert found["dependence"].p_value is None
    assert {s.assumption for s in found.statistics} == {"difficulty", "skill"}


@dataclass(frozen=True, kw_only=True)
class Mine(OneCoin):
    """A strategy of someone else."""


def test_a_subclass_is_checked_as_its_family():
    assert Mine.models_answers()
    assert check_model(coin_crowd(30, 6, 4)[0], Mine(), replicates=19).strategy == Mine.name


def test_corrected_p_values_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 4)) + np.array([2.5, 0, 1, 0]) * (np.arange(40) == 0)[:, None]
    got, worst = _step_down(table), 0.0
    left = sorted(range(4), key=lambda s: -table[0, s])
    for place, s in enumerate(left):
        share = np.mean([max(row[left[place:]]) >= table[0, s] for row in table])
        worst = max(worst, share)
        assert got[s] == pytest.approx(worst)


def test_items_are_tested_against_the_pool():
    rng = np.random.default_rng(1)
    value = rng.normal(3.0, 2.0, size=(60, 30)).astype(np.float32)
    value[0, 4] = 3.0 + 2.0 * 8
    found = item_tests(value)
    assert found.worst_first[0] == 4
    assert found.p_value[4] == pytest.approx(1 / (1 + 59 * 30))
    assert (found.q_value <= 0.05).sum() == 1
    low = item_tests(-value, low_is_bad=True)
    np.testing.assert_allclose(low.p_value, found.p_value)


def test_what_a_worker_cannot_tell_apart_is_no_difficulty():
    rng = np.random.default_rng(3)
    truth, task, worker = rng.integers(2, size=400), np.repeat(np.arange(400), 8), [*range(8)] * 400
    right = rng.random(3200) < np.where(truth[task] == 0, 0.95, 0.55)
    label = np.where(right, truth[task], 1 - truth[task])
    answers = Answers.from_arrays(task, worker, label, classes=2)
    model = Coins(answers, np.eye(2)[truth], np.full(8, 0.75))
    found = measure(Layout.of(answers, 10, 100), model, answers.label.astype(np.int64))
    # Residuals from .75 alone would have a correlation of .2^2 / (.75 x .25) = .21.
    assert abs(found.together) < 0.02
    assert np.abs(found.pair).max() < 4
    # Label 0 is given 190 + 90 times in 400 tasks, where 150 + 50 are expected.
    assert found.label[0] > 5 and (found.worker > 1).all()


def test_empirical_prior_tells_skill_from_luck():
    rng = np.random.default_rng(2)
    total = np.full((4000, 1), 12.0)
    rate = rng.beta(8.0, 2.0, size=4000)
    right = rng.binomial(12, rate)[:, None].astype(float)
    a, b = beta_prior(right, total)
    assert a[0] / (a[0] + b[0]) == pytest.approx(0.8, abs=0.01)
    assert a[0] + b[0] == pytest.approx(10.0, rel=0.2)
    # Rates that differ by chance alone are one rate.
    right = rng.binomial(12, 0.8, size=4000)[:, None].astype(float)
    assert sum(beta_prior(right, total))[0] > 100


def test_one_coin_on_two_real_crowds(real_data):
    answers, _ = real_crowd(real_data / "answers" / "bluebird")
    found = check_model(answers, "one-coin", replicates=99)
    assert not found.passed and found["skill"].matters
    assert found["skill"].relaxed_error > 0.15
    answers, _ = real_crowd(real_data / "answers" / "rte")
    found = check_model(answers, "one-coin", replicates=99)
    assert found.passed


def few_binary_votes(seed: int) -> Answers:
    return coin_crowd(150, 50, 3, 2, seed=seed, skill=(0.5, 0.95))[0]


def test_fitted_skills_of_few_answers_are_known_to_lie_too_far_apart():
    """Three binary votes a task, nine answers a worker: skills have a variance of .13^2."""
    rule = OneCoin()

    def drawn(answers: Answers) -> tuple[float, float]:
        model = rule.answer_model(answers, fit_quietly(rule, answers))
        part = _narrowed(rule, answers, model, 99, 0)
        assert part.shape == (99,) and part.min() >= 0.03 and part.max() <= 1
        return model.differ(), float(part.mean())

    found = np.array([drawn(few_binary_votes(seed)) for seed in range(4)])
    truth = 0.13**2 / 0.2
    assert found[:, 0].mean() > 2.5 * truth
    assert truth / 3 < (found[:, 0] * found[:, 1]).mean() < 2 * truth
    _, part = drawn(coin_crowd(200, 15, 15, 4, seed=1)[0])
    assert part > 0.6  # classes are known, so that hardly anything is overstated
    glad = build("glad")
    answers = few_binary_votes(0)
    model = glad.answer_model(answers, fit_quietly(glad, answers))
    assert (_narrowed(glad, answers, model, 3, 0) == 1).all()  # its prior is part of the model


def test_level_holds_with_three_binary_votes():
    """Of 12 crowds more than 3 are rejected once in 500 times."""
    found = [
        check_model(few_binary_votes(200 + seed), replicates=39, seed=seed) for seed in range(12)
    ]
    assert sum(not one.fits for one in found) <= 3


@pytest.mark.slow
def test_level_holds():
    """Under the model 5 % of the crowds are rejected: more than 9 of 60 are under 1 in 1,000."""
    rejected = 0
    for seed in range(60):
        answers, _ = coin_crowd(80, 20, 6, seed=100 + seed)
        rejected += not check_model(answers, replicates=59, seed=seed).fits
    assert rejected <= 9
