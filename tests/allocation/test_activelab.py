"""ActiveLab: cleanlab's scores, and tasks without answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from peerannot.aggregation import MajorityVote
from peerannot.allocation import active_learning_scores, plan, read_probabilities
from peerannot.answers import Answers
from peerannot.errors import DataError, ParameterError

# From cleanlab 2.9.0: get_active_learning_scores and .._ensemble with pred_probs_unlabeled;
# "votes" is the same with labels as whole numbers in its value_counts.
GOLDEN = json.loads((Path(__file__).parent / "activelab.json").read_text())["cases"]


def crowd(case: dict[str, Any]) -> tuple[Answers, np.ndarray]:
    """Answers with the unlabelled tasks behind the others, and two classifiers' probabilities."""
    labels = np.array(case["labels"], np.float64)
    task, worker = np.nonzero(~np.isnan(labels))
    p = np.concatenate((case["probabilities"], case["unlabelled"]), axis=1)
    answers = Answers.from_arrays(
        task, worker, labels[task, worker].astype(int), tasks=map(str, range(p.shape[1])),
        workers=map(str, range(labels.shape[1])), classes=p.shape[2],
    )  # fmt: skip
    return answers, p


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_scores_are_those_of_cleanlab(case):
    answers, p = crowd(case)
    n = len(case["labels"])
    one, both = active_learning_scores(answers, p[0]), active_learning_scores(answers, p)
    assert one[:n] == pytest.approx(case["scores"], abs=1e-12)
    assert both[:n] == pytest.approx(case["ensemble"], abs=1e-12)
    if case["name"] != "flat":  # a classifier that says nothing has no best temperature
        assert one[n:] == pytest.approx(case["unlabelled_scores"], abs=1e-12)
        assert both[n:] == pytest.approx(case["ensemble_unlabelled"], abs=1e-12)


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_a_temperature_fitted_to_the_votes(case):
    answers, p = crowd(case)
    found = active_learning_scores(answers, p[0], temperature="votes")
    assert found[: len(case["labels"])] == pytest.approx(case["votes"], abs=1e-12)


def test_without_any_answer_the_classifier_speaks_alone():
    nothing = Answers.from_arrays([], [], [], tasks="ab", workers=[], classes=2)
    # cleanlab: get_active_learning_scores(pred_probs_unlabeled=...)
    found = active_learning_scores(nothing, np.array([[0.7, 0.3], [0.5, 0.5]]))
    assert found == pytest.approx([0.6, 0.5], abs=1e-12)


def test_the_lowest_scores_are_asked_first_also_of_tasks_without_answers():
    answers, p = crowd(GOLDEN[0])
    score = active_learning_scores(answers, p[0], temperature="votes")
    found = plan(
        MajorityVote().fit(answers), 6, ["new"], answers=answers, probabilities=p[0],
        policy="activelab", stop={"sure": None},
    )  # fmt: skip
    assert [pick.task for pick in found.picks] == np.argsort(score, kind="stable")[:6].tolist()
    assert [pick.gain for pick in found.picks] == pytest.approx(1 - np.sort(score)[:6])
    assert any(answers.answers_per_task[pick.task] == 0 for pick in found.picks)


def test_an_answer_that_is_pending_counts():
    answers, p = crowd(GOLDEN[0])
    found = plan(
        MajorityVote().fit(answers), 40, ["x", "y"], answers=answers, probabilities=p,
        policy="activelab", stop={"sure": None},
    )  # fmt: skip
    gain = [pick.gain for pick in found.picks]
    assert gain == sorted(gain, reverse=True)
    alone = 1 - active_learning_scores(answers, p, temperature="votes")
    assert gain == pytest.approx([alone[q.task] / (q.pending + 1) for q in found.picks])
    assert {pick.pending for pick in found.picks} == {0, 1}


def test_a_table_of_probabilities(tmp_path):
    votes = {"a": {"ann": "cat", "bob": "dog"}, "b": {"ann": "dog"}}
    answers = Answers.from_mapping(votes, classes=["cat", "dog"])
    frame = pl.DataFrame(
        {"image": ["train/x/dog-b.png", "train/x/new-c.png", "a.png"], "label": ["dog"] * 3,
         "p_dog": [0.9, 0.5, 0.3], "p_cat": [0.1, 0.5, 0.7]},
    )  # fmt: skip
    for name, write in (("p.csv", frame.write_csv), ("p.parquet", frame.write_parquet)):
        write(tmp_path / name)
        more, p = read_probabilities([tmp_path / name], answers)
        assert list(more.tasks) == ["a", "b", "c"] and more.n_answers == 3
        assert p[0].tolist() == [[0.7, 0.3], [0.1, 0.9], [0.5, 0.5]]
    # An array has no ids: its rows are of the tasks in order, those of the tables among them.
    np.save(tmp_path / "p.npy", p[0][:, ::-1])
    more, both = read_probabilities([tmp_path / "p.csv", tmp_path / "p.npy"], answers)
    assert both.shape == (2, 3, 2) and (both[1] == p[0][:, ::-1]).all()
    np.save(tmp_path / "two.npy", np.full((4, 2, 2), 0.5))
    assert read_probabilities([tmp_path / "two.npy"], answers)[1].shape == (4, 2, 2)


TABLES = {
    "no task": ("x,cat,dog\n1,.5,.5\n", "no column of the task; there are x, cat, dog"),
    "no class": ("task,cat,dgo\na,.5,.5\n", "no column of class 'dog'"),
    "another class": ("task,p_cat,p_dog,p_fox\na,.5,.5,0\n", "'p_fox' is of no class"),
    "a task is lost": ("task,cat,dog\na,.5,.5\n", "no probabilities of task 'b'"),
    "twice": ("task,cat,dog\na,.5,.5\na,.5,.5\n", "task 'a' is there twice"),
    "no number": ("task,cat,dog\na,.5,.5\nb,x,.5\n", "p.csv line 3: a probability is no finite"),
    "empty": ("task,cat,dog\na,.5,.5\nb,,.5\n", "p.csv line 3: a probability is no finite"),
}


@pytest.mark.parametrize("case", TABLES)
def test_bad_tables_are_one_line(case, tmp_path):
    text, message = TABLES[case]
    (tmp_path / "p.csv").write_text(text)
    answers = Answers.from_mapping({"a": {"ann": "cat"}, "b": {"ann": "dog"}})
    with pytest.raises(DataError) as error:
        read_probabilities([tmp_path / "p.csv"], answers)
    assert message in str(error.value) and "\n" not in str(error.value)


ARRAYS = {
    "shape": (np.full((3, 2), 0.5), r"expected numbers of shape (2, 2) (tasks, classes)"),
    "nan": (np.array([[0.5, 0.5], [np.nan, 1]]), "task 'b' is not a finite number"),
    "negative": (np.array([[-0.1, 1.1], [0.5, 0.5]]), "task 'a' is negative somewhere"),
    "sum": (np.array([[0.5, 0.5], [0.5, 0.4]]), "task 'b' does not sum to 1 but to 0.9"),
    "kind": (np.array([["x", "y"], ["x", "y"]]), "expected numbers"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_probabilities_are_one_line(case):
    given, message = ARRAYS[case]
    answers = Answers.from_mapping({"a": {"ann": "cat"}, "b": {"ann": "dog"}})
    with pytest.raises(DataError) as error:
        active_learning_scores(answers, given)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_it_needs_is_said():
    answers, p = crowd(GOLDEN[0])
    result = MajorityVote().fit(answers)
    with pytest.raises(ParameterError, match="activelab needs what a classifier says of the tasks"):
        plan(result, 1, answers=answers, policy="activelab")
    with pytest.raises(ParameterError, match="activelab looks at the answers"):
        plan(result, 1, probabilities=p, policy="activelab")
    with pytest.raises(ParameterError, match="entropy has no use for probabilities"):
        plan(result, 1, answers=answers, probabilities=p, policy="entropy")
    with pytest.raises(ParameterError, match="temperature must be one of cleanlab, votes"):
        active_learning_scores(answers, p, temperature="x")  # type: ignore[arg-type]
