"""May a judge stand for a human, and which judge is the best?"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_1samp

from helpers.crowds import crowd_of, diagonal
from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.identification import METHODS, Evidence
from peerannot.identification.ranking import ranked_judges
from peerannot.identification.replacement import replacement_trials, yekutieli

Array = Any


def panel(skills: list[float], n: int = 300, seed: int = 0, k: int = 3) -> tuple[Answers, Array]:
    return crowd_of([diagonal(k, s) for s in skills], n, len(skills), seed=seed)


def slow(answers: Answers, judge: int, humans: Array, epsilon: float) -> dict[int, Any]:
    """The definitions, task by task."""
    said: dict[int, dict[int, int]] = {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        said.setdefault(int(i), {})[int(j)] = int(y)
    out = {}
    for h in np.flatnonzero(humans):
        w_f, w_h = [], []
        for votes in said.values():
            others = [y for j, y in votes.items() if humans[j] and j != h]
            if h not in votes or judge not in votes or not others:
                continue
            s_f = np.mean([y == votes[judge] for y in others])
            s_h = np.mean([y == votes[h] for y in others])
            w_f.append(float(s_f >= s_h))
            w_h.append(float(s_h >= s_f))
        lead = np.array(w_h) - np.array(w_f) - epsilon
        p = ttest_1samp(lead, 0, alternative="less").pvalue
        out[int(h)] = (len(w_f), np.mean(w_f), np.mean(w_h), p)
    return out


def test_trials_are_their_definitions() -> None:
    answers, _ = crowd_of([diagonal(3, s) for s in (0.8, 0.7, 0.9, 0.6, 0.75)], 200, 4, seed=4)
    humans = np.array([True, True, False, True, True])
    found = replacement_trials(answers, 2, humans, epsilon=0.15)
    expected = slow(answers, 2, humans, 0.15)
    assert found.human.tolist() == list(expected)
    for i, (n, f, h, p) in enumerate(expected.values()):
        assert found.tasks[i] == n
        assert found.judge_share[i] == pytest.approx(f)
        assert found.human_share[i] == pytest.approx(h)
        assert found.p_value[i] == pytest.approx(p)
    assert found.advantage == pytest.approx(np.mean([row[1] for row in expected.values()]))


def test_intervals_of_the_advantage_hold() -> None:
    """200 crowds; what is true is the mean of very many tasks."""
    skills, humans = [0.85, 0.75, 0.8, 0.7], np.array([True, True, True, False])
    truth = replacement_trials(panel(skills, n=40_000, seed=99)[0], 3, humans).advantage
    inside = 0
    for seed in range(200):
        trials = replacement_trials(panel(skills, n=60, seed=seed)[0], 3, humans)
        low, high = trials.interval()
        assert low < trials.advantage < high and trials.met == 60
        inside += int(low <= truth <= high)
    assert 180 <= inside <= 199
    sure = replacement_trials(panel([1.0] * 4, n=60)[0], 3, humans)
    assert sure.advantage == 1 and sure.interval()[1] == 1 and 0.9 < sure.interval()[0] < 1


def test_able_judges_pass_and_weak_ones_do_not() -> None:
    answers, _ = panel([0.7] * 4 + [0.95, 0.4])
    kinds = ["human"] * 4 + ["model"] * 2
    found = METHODS["replacement"]().run(Evidence(answers, kinds=kinds))
    assert found.table["judge"] == ["5", "4"]
    assert found.table["passes"].tolist() == [False, True]
    assert found.table["winning_rate"].tolist() == [0.0, 1.0]
    assert found.summary["n_pass"] == 1
    pairs = found.files["identification/replacement_pairs.csv"]
    assert len(pairs["judge"]) == 8


def test_a_judge_that_is_no_better_than_allowed_seldom_passes() -> None:
    """False discoveries among many judges who are all worse by more than epsilon."""
    passed = 0
    for seed in range(10):
        answers, _ = panel([0.9] * 3 + [0.6] * 8, n=150, seed=seed)
        kinds = ["human"] * 3 + ["model"] * 8
        found = METHODS["replacement"]().run(Evidence(answers, kinds=kinds))
        passed += int(found.table["wins"].sum())
    assert passed == 0


def test_yekutieli_is_its_definition() -> None:
    p = np.array([0.001, 0.2, 0.01, 0.04])
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    sharp = np.array([0.004, 0.2, 0.02, 0.04 * 4 / 3])
    np.testing.assert_allclose(yekutieli(p), np.minimum(sharp * harmonic, 1))


def test_what_is_missing_is_said() -> None:
    answers, _ = panel([0.7] * 3, n=20)
    with pytest.raises(DataError, match="no worker is of kind model"):
        METHODS["replacement"]().run(Evidence(answers))
    kinds = ["human", "human", "model"]
    with pytest.raises(DataError, match="no human answered 30 tasks beside another human"):
        METHODS["replacement"]().run(Evidence(answers, kinds=kinds))
    small = METHODS["replacement"](min_tasks=10).run(Evidence(answers, kinds=kinds))
    assert small.table["n_humans"].tolist() == [2]


def test_ranks_have_intervals_that_hold_the_truth() -> None:
    skills = np.array([0.9, 0.6, 0.75, 0.74])
    inside = 0
    for seed in range(20):
        answers, truth = panel(skills.tolist(), n=300, seed=seed)
        table = ranked_judges(answers, np.eye(3)[truth], np.arange(4), n_boot=200, seed=seed)
        order = table["judge"]
        assert (np.diff(table["accuracy"]) <= 0).all()
        low, high = table["accuracy_low"], table["accuracy_high"]
        inside += int(((low <= skills[order]) & (skills[order] <= high)).sum())
        assert (table["rank_low"] <= table["rank"]).all()
        assert (table["rank"] <= table["rank_high"]).all()
        assert table["p_best"].sum() == pytest.approx(1)
        assert order[0] == 0 and table["rank_high"][0] == 1
    assert inside >= 70  # of 80, at 95 %


def test_who_says_what_is_right() -> None:
    answers, truth = panel([0.95] * 5 + [0.9, 0.6], n=400)
    kinds = ["human"] * 5 + ["model"] * 2
    by_humans = METHODS["judge-ranking"](n_boot=50).run(Evidence(answers, kinds=kinds))
    assert by_humans.table["judge"] == ["6", "5"]
    assert by_humans.summary["right_by"] == "humans"
    known = METHODS["judge-ranking"](n_boot=50).run(
        Evidence(answers, kinds=kinds, labels=np.where(np.arange(400) < 100, truth, -1))
    )
    assert known.summary["right_by"] == "known labels"
    assert known.table["n_answers"].tolist() == [100, 100]
    alone = METHODS["judge-ranking"](n_boot=50).run(Evidence(answers))
    assert len(alone.table["judge"]) == 7
    assert alone.summary["right_by"] == "latent-factor"
    with pytest.raises(DataError, match="answered no task whose class is known"):
        METHODS["judge-ranking"]().run(Evidence(answers, labels=np.full(400, -1)))


def test_commands(identify: Any, tmp_path: Any) -> None:
    answers, _ = panel([0.7] * 4 + [0.95, 0.4])
    path = tmp_path / "votes.csv"
    pl.DataFrame(
        {"task": answers.task, "worker": [f"w{j}" for j in answers.worker], "label": answers.label}
    ).write_csv(path)
    for method, file in (("alt-test", "replacement"), ("judge-ranking", "judge_ranking")):
        identify(path, "-s", method, "--models", "w4,w5", "-o", tmp_path)
        table = pl.read_csv(tmp_path / "identification" / f"{file}.csv")
        assert table["judge"].to_list() == ["w5", "w4"]
