"""Confident learning and CROWDLAB against transcriptions and planted errors."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.crowds import crowd_of, diagonal
from peerannot import Answers
from peerannot.errors import DataError, ParameterError
from peerannot.identification import METHODS, Evidence, confident_learning, crowdlab


def classifier(truth: np.ndarray, k: int, accuracy: float, seed: int) -> np.ndarray:
    """Probabilities of a classifier that is right so often, and knows how sure it is."""
    rng = np.random.default_rng(seed)
    n = truth.size
    seen = np.where(rng.random(n) < accuracy, truth, rng.integers(k, size=n))
    sure = rng.uniform(0.6, 0.95, n)
    p = np.repeat(((1 - sure) / (k - 1))[:, None], k, axis=1)
    p[np.arange(n), seen] = sure
    return p


def test_confident_learning_equals_its_definition() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 200)
    labels = np.array([rng.choice(3, p=row) for row in p])
    labels[5] = -1
    found = confident_learning(labels, p)
    threshold = [p[labels == k, k].mean() for k in range(3)]
    joint = np.zeros((3, 3))
    for i in range(200):
        above = [k for k in range(3) if p[i, k] >= threshold[k]]
        if labels[i] < 0 or not above:
            assert not found.error[i]
            continue
        best = max(above, key=lambda k: p[i, k])
        joint[labels[i], best] += 1
        assert found.likely[i] == best
        assert found.error[i] == (best != labels[i])
    counts = np.bincount(labels[labels >= 0], minlength=3)
    joint *= (counts / joint.sum(1))[:, None]
    np.testing.assert_allclose(found.joint, joint / joint.sum(), atol=1e-12)
    assert np.isnan(found.margin[5])
    others = np.delete(p[0], labels[0])
    assert found.margin[0] == pytest.approx(p[0, labels[0]] - others.max())


def test_planted_label_errors_come_first() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=500)
    p = classifier(truth, 4, 0.99, seed=2)
    labels = truth.copy()
    wrong = rng.permutation(500)[:50]
    labels[wrong] = (truth[wrong] + rng.integers(1, 4, 50)) % 4
    found = confident_learning(labels, p)
    assert np.isin(np.argsort(found.margin)[:40], wrong).mean() > 0.85
    # The threshold is a mean, so that a task of less than mean confidence is left alone.
    assert found.error[wrong].mean() > 0.6
    assert np.delete(found.error, wrong).mean() < 0.08
    assert 1 - np.trace(found.joint) == pytest.approx(0.1, abs=0.03)


def test_crowdlab_equals_its_definition() -> None:
    answers, truth = crowd_of([diagonal(3, a) for a in (0.9, 0.8, 0.7, 0.5, 0.4)], 80, 3, seed=3)
    p = classifier(truth, 3, 0.8, seed=4)
    got = crowdlab(answers, p)
    votes: list[dict[int, int]] = [{} for _ in range(80)]
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes[i][int(j)] = int(y)
    consensus = []
    for i, of_task in enumerate(votes):
        counts = [list(of_task.values()).count(c) for c in range(3)]
        tied = [c for c in range(3) if counts[c] == max(counts)]
        consensus.append(max(tied, key=lambda c: p[i, c]))
    assert got.consensus.tolist() == consensus
    sure = np.mean([np.mean([y == consensus[i] for y in v.values()]) for i, v in enumerate(votes)])
    common = max(range(3), key=consensus.count)
    base = np.mean([c == common for c in consensus])
    accuracy = np.mean([p[i].argmax() == c for i, c in enumerate(consensus)])
    weight_model = (1 - (1 - accuracy) / (1 - base)) * np.sqrt(3.0)
    assert got.classifier_weight == pytest.approx(weight_model)
    weight = []
    for j in range(5):
        same = [y == v[j] for v in votes if j in v for m, y in v.items() if m != j]
        weight.append(max(1 - (1 - np.mean(same)) / (1 - base), 1e-6))
    np.testing.assert_allclose(got.worker_weight, weight)
    for i, of_task in enumerate(votes):
        total = weight_model * p[i]
        for j, y in of_task.items():
            spoke = np.full(3, (1 - sure) / 2)
            spoke[y] = sure
            total = total + weight[j] * spoke
        np.testing.assert_allclose(got.posterior[i], total / total.sum(), atol=1e-12)
    np.testing.assert_allclose(
        got.answer_quality, got.posterior[answers.task, answers.label], atol=1e-15
    )


def test_crowdlab_beats_the_vote_and_the_classifier() -> None:
    answers, truth = crowd_of([diagonal(4, 0.7)] * 15 + [diagonal(4, 0.3)] * 5, 600, 3, seed=5)
    # Probabilities of classes seen through Gaussian noise: they are as sure as they should be.
    seen = 1.5 * (np.random.default_rng(6).normal(size=(600, 4)) + 1.5 * np.eye(4)[truth])
    p = np.exp(seen) / np.exp(seen).sum(1, keepdims=True)
    got = crowdlab(answers, p)
    combined = (got.posterior.argmax(1) == truth).mean()
    assert combined > max((got.consensus == truth).mean(), (p.argmax(1) == truth).mean()) + 0.01
    assert set(np.argsort(got.worker_quality)[:5]) == {15, 16, 17, 18, 19}
    right = answers.label == truth[answers.task]
    assert got.answer_quality[right].mean() > got.answer_quality[~right].mean() + 0.3


def test_tasks_of_one_answer_or_none_are_handled() -> None:
    truth = np.arange(20) % 2
    p = classifier(truth, 2, 1.0, seed=0)
    answers = Answers.from_arrays(
        np.arange(15), np.arange(15) % 3, truth[:15], classes=2, tasks=[str(i) for i in range(20)]
    )
    got = crowdlab(answers, p)
    np.testing.assert_allclose(got.posterior.sum(1), 1)
    assert got.consensus.tolist() == truth.tolist()
    np.testing.assert_allclose(got.posterior[15:], p[15:])


def test_method_writes_both_and_names_what_is_missing() -> None:
    answers, truth = crowd_of([diagonal(3, 0.8)] * 5, 40, 3, seed=3)
    p = classifier(truth, 3, 0.9, seed=1)
    findings = METHODS["label-errors"]().run(Evidence(answers, probabilities=p))
    assert (np.diff(findings.table["score"]) >= 0).all()
    single = findings.files["identification/answer_quality.csv"]
    assert len(single["score"]) == answers.n_answers
    assert (np.diff(single["score"]) >= 0).all()
    with pytest.raises(ParameterError, match="--probabilities"):
        METHODS["label-errors"]().run(Evidence(answers))
    with pytest.raises(DataError, match="not a distribution"):
        METHODS["label-errors"]().run(Evidence(answers, probabilities=p * 2))
    with pytest.raises(DataError, match="expected 40 labels"):
        METHODS["label-errors"]().run(Evidence(answers, probabilities=p, labels=np.zeros(3, int)))
