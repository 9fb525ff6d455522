"""Features of tasks in one command: cross-validated heads, which crowdlab weighs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peerannot import aggregate
from peerannot.aggregation import CROWDLAB
from peerannot.answers import Answers, Ids
from peerannot.dataset import Features, write_features
from peerannot.engines.heads import out_of_fold
from peerannot.errors import DataError, ParameterError

K = 3


def crowd(per_task: int = 3, n: int = 150, skill: float = 0.55):
    """Answers that are often wrong, features that nearly tell the class, and the classes."""
    rng = np.random.default_rng(5)
    truth = rng.integers(K, size=n)
    features = rng.normal(size=(n, 8)).astype(np.float32)
    features[np.arange(n), truth] += 4
    task = np.repeat(np.arange(n, dtype=np.int32), per_task)
    worker = (np.arange(task.size) % 7).astype(np.int32)
    right = rng.random(task.size) < skill
    label = np.where(right, truth[task], rng.integers(K, size=task.size)).astype(np.int32)
    tasks = Ids.of_column(np.array([f"t{i:03d}" for i in range(n)]))
    return Answers.from_codes(task, worker, label, tasks, Ids(7), Ids(K)), features, truth


@pytest.fixture
def file(tmp_path):
    answers, features, _ = crowd()
    path = tmp_path / "features.npz"
    order = np.random.default_rng(0).permutation(len(features))
    write_features(path, Features([answers.tasks[int(i)] for i in order], features[order]))
    return path


def test_features_mend_votes(file):
    answers, _, truth = crowd()
    by_votes = (aggregate(answers, "mv").labels == truth).mean()
    found = aggregate(answers, "crowdlab", features=file)
    assert (found.labels == truth).mean() > by_votes + 0.1
    again = aggregate(answers, CROWDLAB(), features=file)
    np.testing.assert_array_equal(found.posterior, again.posterior)


def test_a_head_has_not_seen_the_votes_of_the_tasks_that_it_tells():
    _, features, truth = crowd()
    noise = np.random.default_rng(1).normal(size=(len(truth), 200))
    found = out_of_fold(noise, np.eye(K)[truth], np.arange(len(truth)))
    assert (found.argmax(1) == truth).mean() < 0.5
    told = out_of_fold(features, np.eye(K)[truth], np.arange(len(truth)))
    assert (told.argmax(1) == truth).mean() > 0.9
    np.testing.assert_allclose(told.sum(1), 1)


def test_tasks_without_answers_are_told_too():
    _, features, truth = crowd()
    voted = np.arange(100)
    found = out_of_fold(features, np.eye(K)[truth], voted)
    assert (found[100:].argmax(1) == truth[100:]).mean() > 0.9


def test_what_cannot_be_done_is_one_line(file, tmp_path):
    answers, features, _ = crowd()
    with pytest.raises(ParameterError, match="majority-vote weighs no classifier; crowdlab does"):
        aggregate(answers, "mv", features=file)
    with pytest.raises(ParameterError, match="crowdlab has probabilities already; give one"):
        aggregate(answers, "crowdlab", features=file, init=np.ones((answers.n_tasks, K)))
    few = tmp_path / "few.npz"
    write_features(few, Features(["t000"], features[:1]))
    with pytest.raises(DataError, match=r"few.npz: no features of 149 of the 150 tasks"):
        aggregate(answers, "crowdlab", features=few)
    small, *_ = crowd(n=9)
    with pytest.raises(DataError, match="at least 10, and there are 9"):
        aggregate(small, "crowdlab", features=file)
    with pytest.raises(ParameterError, match=r"needs a classifier.*--features FILE"):
        aggregate(answers, "crowdlab")


def test_the_command(run, file, tmp_path):
    answers, _, truth = crowd()
    votes = {t: {} for t in answers.tasks}
    for t, w, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes[answers.tasks[int(t)]][str(w)] = int(y)
    (tmp_path / "answers.json").write_text(json.dumps(votes))
    run("aggregate", tmp_path / "answers.json", "-s", "crowdlab", "--features", file,
        "-o", tmp_path / "labels.csv")  # fmt: skip
    lines = (tmp_path / "labels.csv").read_text().splitlines()[1:]
    said = np.array([int(line.split(",")[1]) for line in lines])
    assert (said == truth).mean() > 0.9
    done = run("aggregate", tmp_path / "answers.json", "-s", "DS", "--features", file, code=2)
    assert "--features: dawid-skene weighs no classifier; crowdlab does" in done.stderr


def test_one_answer_a_task_is_said(file):
    answers, _, _ = crowd(per_task=1)
    said = []
    aggregate(answers, "crowdlab", features=file, tell=said.append)
    assert any("judged by the classifier alone" in line for line in said)
