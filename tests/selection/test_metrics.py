"""Scores against known labels, on numbers that can be checked by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from peerannot.aggregation import MajorityVote, build
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning
from peerannot.selection import evaluate, read_truth, score


def test_by_hand():
    posterior = np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.2, 0.2, 0.6]])
    scores = score(posterior, np.array([0, 1, 2], np.int32))
    assert scores.accuracy == pytest.approx((0.5 + 0 + 1) / 3)
    assert scores.balanced_accuracy == pytest.approx((0.5 + 0 + 1) / 3)
    # Class 0: 0.5 hits of 1.5 guesses, 1 true; class 1: none of .5 and 1; class 2: all.
    assert scores.macro_f1 == pytest.approx((2 * 0.5 / 2.5 + 0 + 1) / 3)
    assert scores.log_loss == pytest.approx(-np.log([0.5, 0.1, 0.6]).mean())
    assert scores.brier == pytest.approx((0.5 + (0.81 + 0.81) + (0.04 + 0.04 + 0.16)) / 3)
    # Bins of 1/15: .5, .9 and .6 lie alone or with right answers of .5, 0 and 1.
    assert scores.ece == pytest.approx((0 + 0.9 + 0.4) / 3)


def test_equals_scikit_learn_where_nothing_is_tied():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(4), 300)
    truth = rng.choice(4, 300, p=[0.6, 0.2, 0.15, 0.05]).astype(np.int32)
    scores = score(posterior, truth)
    guess = posterior.argmax(1)
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    assert scores.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert scores.log_loss == pytest.approx(metrics.log_loss(truth, posterior))
    assert scores.brier == pytest.approx(((posterior - np.eye(4)[truth]) ** 2).sum(1).mean())


ANSWERS = Answers.from_arrays(
    ["a", "a", "b", "b", "c"], ["x", "y", "x", "y", "x"], ["cat", "cat", "dog", "cat", "dog"]
)


def test_of_a_result_ties_are_shared():
    scores = evaluate(build("MV").fit(ANSWERS), {"a": "cat", "b": "dog"})
    assert scores.n == 2
    assert scores.accuracy == pytest.approx(0.75)
    assert scores.decided == 1.0
    # Tasks b (half of two votes) and c (one vote) stay undecided.
    undecided = evaluate(build("TwoThird").fit(ANSWERS), {"a": "cat", "b": "dog"})
    assert undecided.decided == pytest.approx(0.5)
    with pytest.raises(DataError, match="no task has a known label"):
        evaluate(build("MV").fit(ANSWERS), {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "task,label\na,cat\nb,dog\nunseen,cat\n"),
        ("t.csv", "task,true_label\na,0\nb,1\nunseen,0\n"),
        ("t.json", '{"a": "cat", "b": 1, "unseen": 0}'),
        (
            "t.ndjson",
            '{"task":"a","label":"cat"}\n{"task":"b","label":"dog"}\n{"task":"u","label":0}',
        ),
    ],
)
def test_truth_from_files(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    truth = read_truth(tmp_path / name, ANSWERS)
    assert truth.codes.tolist() == [0, 1, -1]
    assert truth.without_answers == 1


def test_truth_as_an_array(tmp_path):
    np.save(tmp_path / "t.npy", np.array([0, 1, -1]))
    assert read_truth(tmp_path / "t.npy", ANSWERS).codes.tolist() == [0, 1, -1]
    np.save(tmp_path / "t.npy", np.array([0, 1]))
    with pytest.raises(DataError, match="expected 3 whole numbers"):
        read_truth(tmp_path / "t.npy", ANSWERS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("task,label\na,cta\n", r"t\.csv line 2: label 'cta' is not one of cat, dog; did you mean"),
        ("task,label\na,bird\n", "name all classes with --classes"),
        ("task,label\nq,cat\n", r"none of its tasks \(q\) has answers"),
        ("task,label\na,\n", "no known label in it"),
        ("task,lable,by\na,cat,ann\n", "no column for the label"),
        ('{"a": [["cat"]]}', "task 'a': expected a label, .* or a list of accepted ones"),
        ('{"a": {"cat": 1}}', "task 'a': expected a label"),
        ('{"a": ["cat", "cta"]}', "task 'a': label 'cta' is not one of cat, dog"),
    ],
)
def test_faults_of_truth(tmp_path, content, message):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_truth(tmp_path / "t.csv", ANSWERS)


@pytest.mark.parametrize(
    "content",
    [
        "task,label\na,dog\na,cat\nb,dog\na,cat\n",
        '{"a": ["cat", "dog"], "b": ["dog"], "c": []}',
        '{"a": [1, 0], "b": 1}',
    ],
)
def test_truth_of_several_labels(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    truth = read_truth(tmp_path / "t.csv", ANSWERS)
    assert truth.classes.tolist() == [[0, 1], [1, -1], [-1, -1]]
    assert (truth.known, truth.several) == (2, 1)
    with pytest.warns(DataWarning, match="1 tasks have several labels"):
        assert truth.codes.tolist() == [-1, 1, -1]


def test_any_of_several_accepted_labels_is_right():
    posterior = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])
    accepted = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    got = score(posterior, accepted)
    assert got.accuracy == pytest.approx(2 / 3)
    p = np.array([0.5, 0.8, 0.8])
    assert got.log_loss == pytest.approx(-np.log(p).mean())
    assert got.brier == pytest.approx(np.mean([2 * 0.5**2, 2 * 0.2**2, 2 * 0.2**2]))
    # The likeliest accepted label is the true class: 1, 2 and 0, guessed as 0, 2 and 0.
    assert got.balanced_accuracy == pytest.approx((0 + 1 + 1) / 3)
    assert got.macro_f1 == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_one_accepted_label_each_is_the_plain_score():
    rng = np.random.default_rng(0)
    posterior, truth = rng.dirichlet(np.ones(4), 50), rng.integers(0, 4, 50).astype(np.int32)
    padded = np.column_stack((truth, np.full(50, -1, np.int32)))
    assert score(posterior, padded) == score(posterior, truth[:, None]) == score(posterior, truth)


def test_results_are_evaluated_by_several_labels():
    result = MajorityVote().fit(ANSWERS)
    assert evaluate(result, {"a": ["cat", "dog"], "b": ["cat", "dog"]}).accuracy == 1.0
