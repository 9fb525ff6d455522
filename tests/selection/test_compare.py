"""Comparison without truth: what is held out is not seen, and better models score better."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peerannot.aggregation import build
from peerannot.aggregation.uncertainty.heldout import deal, log_probabilities, predictive
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.selection import choose, compare


def half_spammers(seed: int = 0, tasks: int = 300) -> tuple[Answers, np.ndarray]:
    """Half of the workers are good, half answer at random: votes are far from the best."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, tasks)
    task, worker = np.repeat(np.arange(tasks), 6), rng.integers(0, 20, tasks * 6)
    good = rng.random(tasks * 6) < np.where(worker < 10, 0.95, 1 / 3)
    label = np.where(good, truth[task], rng.integers(0, 3, tasks * 6))
    return Answers.from_arrays(task, worker, label, classes=3), truth


@pytest.fixture(scope="module")
def answers() -> Answers:
    with pytest.warns(UserWarning, match="replaced"):
        return half_spammers()[0]


def test_folds_spread_the_answers_of_a_task(answers):
    fold = deal(answers, 3, seed=1)
    assert (fold == deal(answers, 3, seed=1)).all()
    assert (fold != deal(answers, 3, seed=2)).any()
    for i in range(answers.n_tasks):
        counts = np.bincount(fold[answers.task_ptr[i] : answers.task_ptr[i + 1]], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_probabilities_of_held_out_answers_sum_to_one(answers):
    # Whatever was held out, the probabilities of all labels it could have had sum to one.
    seen = deal(answers, 3, seed=0) != 0
    posterior = np.random.default_rng(0).dirichlet(np.ones(3), answers.n_tasks)
    total = np.zeros(int((~seen).sum()))
    for k in range(3):
        label = np.where(seen, answers.label, k).astype(np.int32)
        asked = Answers(
            answers.task, answers.worker, label, answers.tasks, answers.workers, answers.classes
        )
        total += np.exp(log_probabilities(asked, seen, posterior))
    np.testing.assert_allclose(total, 1, atol=1e-12)


def test_by_hand():
    # Worker x said 0 once, to a sure 0. The crowd: (1 + 1/2) of 2 for class 0, 1/2 for class 1.
    answers = Answers.from_arrays(["a", "b"], ["x", "x"], [0, 0], classes=2)
    posterior = np.array([[1.0, 0.0], [0.25, 0.75]])
    logs = log_probabilities(answers, np.array([True, False]), posterior)
    own = (1 + 0.75) / (1 + 1)
    assert logs[0] == pytest.approx(np.log(0.25 * own + 0.75 * 0.5))


def test_a_held_out_answer_is_not_seen(answers):
    # Changing one answer must not change how another answer of its fold is predicted.
    fold = deal(answers, 3, seed=0)
    first, other = np.flatnonzero(fold == 0)[[0, -1]]
    label = answers.label.copy()
    label[first] = (label[first] + 1) % 3
    changed = Answers(
        answers.task, answers.worker, label, answers.tasks, answers.workers, answers.classes
    )
    before = predictive(build("wawa"), answers, fold)
    after = predictive(build("wawa"), changed, fold)
    assert before[other] == after[other]
    assert before[first] != after[first]


def test_the_better_model_wins(answers):
    rows = compare(answers, ["MV", "DS"], folds=3)
    assert [row.strategy for row in rows] == ["DS", "MV"]
    assert rows[0].heldout > rows[1].heldout > -np.log(3) * 1.5
    assert 0 < rows[0].heldout_error < 0.1
    assert rows[0].scores is None
    assert choose(answers, ["MV", "DS"]) == "DS"
    again = compare(answers, ["MV", "DS"], folds=3)
    assert [r.heldout for r in rows] == [r.heldout for r in again]


def test_with_truth_the_scores_count(answers):
    truth = {str(i): int(k) for i, k in enumerate(crowd_truth())}
    rows = compare(answers, ["MV", "DS"], truth=truth)
    assert rows[0].scores.accuracy >= rows[1].scores.accuracy > 0.5
    assert rows[0].heldout is None


def crowd_truth() -> np.ndarray:
    with pytest.warns(UserWarning, match="replaced"):
        return half_spammers()[1]


def test_what_cannot_be_fitted_is_left_out_and_said(answers):
    rows = compare(answers, ["gold-majority-vote", "MV"], folds=2)
    assert [row.strategy for row in rows] == ["MV", "gold-majority-vote"]
    assert "gold" in rows[1].problem
    with pytest.raises(DataError, match="no strategy can take these answers"):
        choose(answers, ["gold-majority-vote"])


def test_sample_of_tasks(answers):
    few = compare(answers, ["MV"], folds=2, max_answers=200)[0]
    assert few.heldout != compare(answers, ["MV"], folds=2)[0].heldout


def test_bad_input(answers):
    with pytest.raises(ParameterError, match="folds"):
        compare(answers, ["MV"], folds=1)
    with pytest.raises(DataError, match="truth: no task has a known label"):
        compare(answers, ["MV"], truth={})
    with pytest.raises(ParameterError, match="unknown strategy"):
        compare(answers, ["VM"])
    with pytest.raises(DataError, match="there are none"):
        compare(Answers.from_arrays([], [], [], classes=2), ["MV"])


@pytest.fixture
def votes(tmp_path, answers):
    lines = ["task,worker,label"]
    for t, w, y in zip(answers.task, answers.worker, answers.label, strict=True):
        lines.append(f"{answers.tasks[int(t)]},{answers.workers[int(w)]},{y}")
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    truth = ["task,label", *(f"{i},{k}" for i, k in enumerate(crowd_truth()))]
    (tmp_path / "truth.csv").write_text("\n".join(truth))
    return tmp_path


def test_commands(votes, run):
    done = run("compare", "votes.csv", "-s", "MV", "-s", "DS", "--folds", 4, "--json", cwd=votes)
    facts = json.loads(done.stdout)
    assert facts["schema"] == "peerannot/compare/1"
    assert facts["best"] == "DS"
    assert facts["results"][0]["heldout"] > facts["results"][1]["heldout"]
    done = run("compare", "votes.csv", "-s", "MV", "--truth", "truth.csv", cwd=votes)
    assert "accuracy" in done.stdout
    done = run("evaluate", "votes.csv", "--truth", "truth.csv", "--json", "-s", "DS", cwd=votes)
    result = json.loads(done.stdout)["results"][0]
    assert result["strategy"] == "DS"
    assert 0.8 < result["accuracy"] <= 1
    assert "0." in run("evaluate", "votes.csv", "--truth", "truth.csv", cwd=votes).stdout


def test_auto(votes, run):
    done = run("aggregate", "votes.csv", "-s", "auto", "--output", "out.parquet", cwd=votes)
    assert "predicts held-out answers best" in done.stderr
    assert (votes / "out.parquet").exists()


def test_real_accuracies(real_data, run):
    folder = real_data / "answers" / "bluebird"
    done = run(
        "evaluate", folder / "answers.csv", "--truth", folder / "truth.csv", "--json",
        "-s", "MV", "-s", "DS",
    )  # fmt: skip
    by_name = {r["strategy"]: r["accuracy"] for r in json.loads(done.stdout)["results"]}
    assert by_name["MV"] == pytest.approx(0.7593, abs=0.002)
    assert by_name["DS"] == pytest.approx(0.8981, abs=0.002)
