"""Replayed campaigns: only answers that exist, the same start, curves to all answers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from helpers.real_crowds import real_crowd
from peerannot.aggregation import OneCoin, build
from peerannot.allocation import build as build_policy
from peerannot.answers import Answers, Ids
from peerannot.errors import DataError, ParameterError
from peerannot.replay import Replay, draw_replay, replay
from peerannot.replay import campaign as rounds
from peerannot.replay.campaign import Pool, Run, campaign
from peerannot.selection import evaluate


def crowd(n: int = 60, w: int = 12, per_task: int = 6, seed: int = 0) -> tuple[Answers, np.ndarray]:
    """Workers of very different skill, so that who is asked matters."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    who = np.argsort(rng.random((n, w)), axis=1)[:, :per_task].ravel()
    task = np.repeat(np.arange(n), per_task)
    right = rng.random(task.size) < np.linspace(0.55, 0.97, w)[who]
    label = np.where(right, truth[task], 1 - truth[task])
    columns = (a.astype(np.int32) for a in (task, who, label))
    return Answers.from_codes(*columns, Ids(n), Ids(w), Ids(2)), truth


@cache
def small() -> Replay:
    answers, truth = crowd()
    return replay(answers, truth, ["mutual-information", "entropy"], seeds=3, batch=12)


def test_curves_go_from_the_start_to_all_answers():
    answers, truth = crowd()
    found = small()
    assert found.policies == ("mutual-information", "entropy", "uniform")
    assert found.accuracy == pytest.approx(evaluate(OneCoin().fit(answers), truth).accuracy)
    for run in found.runs:
        assert run.asked[0] == 120 and run.asked[-1] == 360
        assert (np.diff(run.asked) > 0).all() and (np.diff(run.asked) <= 12).all()
        assert run.accuracy[-1] == pytest.approx(found.accuracy, abs=0.02)
    starts = {(run.seed, run.accuracy[0]) for run in found.runs}
    assert len(starts) == 3  # policies of a seed begin alike


def test_it_is_the_same_each_time():
    answers, truth = crowd()
    again = replay(answers, truth, ["mutual-information"], seeds=3, batch=12)
    for a, b in zip(small().runs[:3], again.runs, strict=False):
        assert np.array_equal(a.asked, b.asked) and np.array_equal(a.accuracy, b.accuracy)


def test_only_answers_that_exist_are_asked_for_and_each_once(monkeypatch):
    answers, truth = crowd()
    seen: list[np.ndarray] = []
    original = rounds._ask

    def watched(pool, asked, *rest):
        rows = original(pool, asked, *rest)
        assert not asked[rows].any() and len(set(rows.tolist())) == len(rows)
        seen.append(rows)
        return rows

    monkeypatch.setattr(rounds, "_ask", watched)
    pool = Pool(answers, truth[:, None].astype(np.int32))
    policy = build_policy("thompson")
    rule = build("one-coin")
    campaign(pool, rule, policy, 0, batch=20, start=2, stop=rounds.NEVER)
    assert sum(map(len, seen)) <= 240 and seen


def test_of_several_answers_of_a_worker_the_last_counts():
    columns = (np.array(c, np.int32) for c in ([0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 1, 0]))
    answers = Answers.from_codes(*columns, Ids(2), Ids(2), Ids(2), duplicates="all")
    pool = Pool(answers, np.zeros((2, 1), np.int32))
    assert pool.answers.label.tolist() == [1, 1, 0]
    assert pool.rows(np.array([0, 1]), np.array([1, 0])).tolist() == [1, 2]


def test_better_workers_first_beats_chance():
    rows = {row.policy: row for row in small().summary}
    assert rows["mutual-information"].area > rows["uniform"].area


def by_hand(*curves: list[float], tolerance: float = 0.0) -> Replay:
    asked = np.array([10, 20, 30, 40])
    runs = tuple(
        Run("entropy", i, asked, np.array(c), np.array(c), 1) for i, c in enumerate(curves)
    )
    return Replay("one-coin", 40, 10, 10, 1, 10, 0.8, tolerance, runs)


def test_activelab_asks_where_the_classifier_is_unsure(monkeypatch):
    answers, truth = crowd()
    knows = np.where(np.eye(2)[truth] > 0, 0.99, 0.01)
    picked, plan = [], rounds.plan

    def spy(*args, **options):
        found = plan(*args, **options)
        if found.policy.name == "activelab":
            picked.append(np.array([pick.task for pick in found.picks]))
        return found

    monkeypatch.setattr(rounds, "plan", spy)
    shares = []
    for sure in (np.arange(60) >= 30, np.arange(60) < 30):
        picked.clear()
        said = np.where(sure[:, None], knows, 0.5)
        found = replay(answers, truth, ["activelab"], seeds=1, batch=12, probabilities=said)
        assert found.policies == ("activelab", "uniform")
        shares.append((picked[0] < 30).mean())
    assert shares[0] > shares[1] + 0.1


def test_area_and_answers_saved_by_hand():
    row = by_hand([0.6, 0.7, 0.9, 0.8]).summary[0]
    assert row.area == pytest.approx((0.65 + 0.8 + 0.85) / 3)
    assert row.reached == pytest.approx(25) and row.saved == pytest.approx(1 - 25 / 40)
    assert row.area_interval is None and row.saved_interval is None
    assert (row.stopped, row.stopped_accuracy) == (20, pytest.approx(0.7))
    row = by_hand([0.6, 0.7, 0.75, 0.8]).summary[0]
    assert row.reached is None and row.saved == 0  # only with all
    row = by_hand([0.6, 0.7, 0.75, 0.8], tolerance=0.1).summary[0]
    assert row.reached == pytest.approx(20)
    row = by_hand([0.6, 0.7, 0.9, 0.8], [0.5, 0.6, 0.7, 0.8]).summary[0]
    assert row.reached == pytest.approx(30)  # of the mean, not the mean of both
    low, high = row.area_interval
    assert low < row.area < high
    assert row.saved_interval == (0.0, pytest.approx(1 - 25 / 40))


def test_a_policy_that_stops_goes_on_without_rules():
    answers, truth = crowd()
    found = replay(
        answers, truth, ["entropy"], seeds=1, batch=30, stop={"sure": None, "answers": 3}
    )
    run = found.runs[0]
    assert run.asked[run.stop] == 180 and run.asked[-1] == 360


def test_tables_and_facts():
    found = small()
    table = found.table()
    assert len({len(column) for column in table.values()}) == 1
    assert set(table["policy"]) == set(found.policies)
    facts = found.as_dict()
    assert facts["seeds"] == 3 and len(facts["policies"]) == 3
    assert len(facts["answers"]) == len(facts["accuracy"]["entropy"])


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_figure_is_written(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    path = draw_replay(small(), tmp_path / f"curves{suffix}")
    assert path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"seeds": 0}, ParameterError, "seeds must be"),
        ({"batch": 0}, ParameterError, "batch must be"),
        ({"start": 6}, DataError, "fewer to start with"),
        ({"tolerance": 1.0}, ParameterError, "tolerance must be"),
        ({"policies": "entropy"}, ParameterError, "must be a list"),
        ({"policies": ["entropy", "entropy"]}, ParameterError, "twice"),
        ({"policies": ["entrpy"]}, ParameterError, "did you mean"),
        ({"strategy": "majority_voting"}, ParameterError, "needs skills"),
        ({"policies": ["activelab"]}, ParameterError, "--probabilities FILE"),
        ({"probabilities": np.ones((60, 2)) / 2}, ParameterError, "activelab alone"),
        ({"policies": ["activelab"], "probabilities": np.ones((3, 2))}, DataError, "shape"),
    ],
)
def test_what_cannot_be_is_refused(change, error, text):
    answers, truth = crowd()
    with pytest.raises(error, match=text) as caught:
        replay(answers, truth, **change)
    assert "\n" not in str(caught.value)


def test_truth_of_other_tasks_and_one_answer_a_task_are_refused():
    answers, _ = crowd()
    with pytest.raises(DataError, match="no task that has answers"):
        replay(answers, np.full(60, -1))
    with pytest.raises(DataError, match="nothing to choose"):
        replay(crowd(per_task=1)[0], np.zeros(60, int), start=1)


def test_a_real_crowd_needs_half_its_answers(real_data):
    answers, truth = real_crowd(real_data / "answers" / "CF_amt", "last")
    found = replay(answers, truth, seeds=2, batch=300, strategy="hierarchical-dawid-skene")
    row = found.summary[0]
    assert row.saved >= 0.45
    assert row.stopped_accuracy >= found.accuracy - 0.01 and row.stopped < 0.55 * found.n_answers


def test_a_curve_ends_where_a_fit_of_all_answers_is(real_data):
    answers, truth = real_crowd(real_data / "answers" / "bluebird")
    found = replay(answers, truth, ["uniform"], strategy=OneCoin(), seeds=2, batch=500)
    assert [run.accuracy[-1] for run in found.runs] == pytest.approx([found.accuracy] * 2)
