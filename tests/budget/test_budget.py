"""Forecasts of accuracy: curves continued, models asked, targets, and half the answers hidden."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from helpers.real_crowds import accuracy, real_crowd
from peerannot.aggregation import build
from peerannot.answers import Answers, Ids
from peerannot.budget import Curve, Forecast, forecast
from peerannot.budget.thinning import continued, thinned
from peerannot.errors import DataError, ParameterError


def crowd(per_task: int = 4, n: int = 60, seed: int = 0) -> tuple[Answers, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth, w = rng.integers(0, 2, n), 12
    who = np.argsort(rng.random((n, w)), axis=1)[:, :per_task].ravel()
    task = np.repeat(np.arange(n), per_task)
    right = rng.random(task.size) < np.linspace(0.55, 0.85, w)[who]
    label = np.where(right, truth[task], 1 - truth[task])
    columns = (a.astype(np.int32) for a in (task, who, label))
    return Answers.from_codes(*columns, Ids(n), Ids(w), Ids(2)), truth


@pytest.fixture(scope="module")
def found() -> Forecast:
    answers, truth = crowd()
    return forecast(answers, target=0.9, truth=truth, policies=["MI", "uniform"], seeds=3)


def test_thinned_answers_keep_every_task_and_are_nested_shares():
    answers, _ = crowd(per_task=8)
    sizes, _ = thinned(answers, 3, lambda some: float((some.answers_per_task > 0).mean()))
    assert sizes == pytest.approx([2, 2.8, 4, 5.2, 6.4], abs=0.2)
    _, there = thinned(answers, 2, lambda some: float((some.answers_per_task > 0).all()))
    assert (there == 1).all()


@pytest.mark.parametrize(("level", "slope", "shape"), [(0.1, 0.4, 1.0), (0.0, 0.3, 0.5)])
def test_a_curve_of_the_family_is_continued(level, slope, shape):
    sizes = np.array([1.0, 1.5, 2.0, 3.0, 4.0])
    curve = 1 - (level + slope * sizes**-shape)
    now = 5.0, 1 - (level + slope * 5.0**-shape)
    more = np.array([0.0, 500.0])
    got = continued(sizes, np.tile(curve, (3, 1)), now, more, 100)
    assert got.accuracy[0] == pytest.approx(now[1])
    assert got.accuracy[1] == pytest.approx(1 - (level + slope * 10.0**-shape), abs=0.01)
    assert got.low[1] < got.accuracy[1] < got.high[1]
    assert got.high[1] - got.low[1] > got.high[0] - got.low[0]


def test_a_flat_curve_stays_flat():
    sizes = np.array([1.0, 2.0, 3.0])
    got = continued(sizes, np.full((3, 3), 0.7), (4.0, 0.7), np.array([0.0, 900.0]), 100)
    assert got.accuracy == pytest.approx(0.7)


def test_answers_needed_between_points():
    x = np.array([0.0, 100.0, 200.0])
    curve = Curve("thinning", x, x / 1000 + 0.7, x / 1000 + 0.65, x / 1000 + 0.8)
    assert curve.needed(0.85) == (pytest.approx(150), pytest.approx(50), pytest.approx(200))
    assert curve.needed(0.95)[0] is None
    assert curve.at(50) == pytest.approx((0.75, 0.7, 0.85))


def test_curves_begin_at_what_is_and_the_model_expects_gains(found):
    assert [curve.by for curve in found.curves] == ["thinning", "mutual-information", "uniform"]
    for curve in found.curves:
        assert curve.accuracy[0] == pytest.approx(found.accuracy)
        assert (curve.low <= curve.accuracy).all()
        assert (curve.accuracy <= curve.high).all()
    by = {curve.by: curve for curve in found.curves}
    assert by["mutual-information"].accuracy[-1] > found.accuracy
    facts = found.as_dict()
    assert facts["curves"][1]["needed"] is not None and facts["by"] == "truth"
    assert "0.9 needs" in found.sentence() and "\n" not in found.sentence()
    assert len({len(column) for column in found.table().values()}) == 1


def test_without_truth_the_claim_is_calibrated():
    answers, _ = crowd(per_task=6)
    got = forecast(answers, policies=[], seeds=2)
    claimed = float(build("one-coin").fit(answers).confidence.mean())
    assert got.by == "calibration" and got.accuracy < claimed
    assert "with 360 more" in got.sentence()


def test_where_everybody_answered_others_like_them_are_asked():
    answers, truth = crowd(per_task=12, n=20)
    got = forecast(answers, truth=truth, policies=["entropy"], seeds=2, more=100)
    assert got.curves[1].more[-1] == 100


def test_a_target_that_is_there_or_out_of_reach_is_said(found):
    answers, truth = crowd()
    got = forecast(answers, target=0.3, truth=truth, policies=[], seeds=2)
    assert "already: no more are needed" in got.sentence()
    assert got.as_dict()["curves"][0]["needed"] == 0
    got = forecast(answers, target=1.0, truth=truth, policies=[], seeds=2, more=5)
    assert "over 5 more as until now" in got.sentence()
    assert got.as_dict()["curves"][0]["needed"] is None


def test_many_tasks_are_sampled_those_with_truth_first(monkeypatch):
    monkeypatch.setattr(sys.modules["peerannot.budget.forecast"], "MOST_TASKS", 20)
    answers, truth = crowd()
    known = np.where(np.arange(60) < 10, truth, -1)
    got = forecast(answers, truth=known, policies=["uniform"], seeds=2)
    assert (got.n_used, got.n_tasks, got.n_truth) == (20, 60, 10)
    assert got.curves[1].more[-1] == 240  # of all tasks, not of the sample


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_figure_is_written(tmp_path, found, suffix):
    pytest.importorskip("matplotlib")
    assert found.draw(tmp_path / f"budget{suffix}").stat().st_size > 5000


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"target": 1.2}, ParameterError, "target must be"),
        ({"more": 0}, ParameterError, "more must be"),
        ({"price": 0.0}, ParameterError, "price must be"),
        ({"seeds": 1}, ParameterError, "seeds must be"),
        ({"strategy": "majority_voting"}, ParameterError, "needs skills"),
        ({"truth": np.full(60, -1)}, DataError, "no task that has answers"),
        ({"answers": crowd(per_task=1)[0]}, DataError, "no task has two"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(change, error, text):
    given = {"answers": crowd()[0], "truth": crowd()[1], **change}
    with pytest.raises(error, match=text) as caught:
        forecast(given.pop("answers"), **given)
    assert "\n" not in str(caught.value)


def test_of_real_crowds_half_the_answers_foretell_all(real_data):
    """Each set with half the answers of each task hidden, twice."""
    covered = []
    for name in ("rte", "CF_amt", "face", "bluebird"):
        answers, truth = real_crowd(real_data / "answers" / name, "last")
        there = accuracy(build("one-coin").fit(answers), truth)
        codes = np.full(answers.n_tasks, -1)
        for task, label in truth.items():
            codes[answers.tasks.index_of[task]] = label
        for seed in range(2):
            rng = np.random.default_rng(seed)
            order = np.lexsort((rng.random(len(answers)), answers.task))
            place = np.arange(len(answers)) - answers.task_ptr[answers.task]
            kept = np.zeros(len(answers), np.bool_)
            kept[order[place < (answers.answers_per_task // 2)[answers.task]]] = True
            half = answers.rows(kept)
            got = forecast(
                half, truth=codes, policies=[], seeds=4, more=len(answers) - len(half)
            ).curves[0]
            covered.append(got.low[-1] <= there <= got.high[-1])
            assert got.high[-1] - got.low[-1] < 0.35
    assert np.mean(covered) >= 0.75
