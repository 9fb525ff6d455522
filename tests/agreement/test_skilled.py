"""Uncertainty and consistency against their definitions, and the filter of crowd-kit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from peerannot import Answers
from peerannot.agreement import (
    cohen_kappa,
    consistency,
    entropy_threshold,
    krippendorff_alpha,
    uncertainty,
    vote_entropy,
)
from peerannot.errors import DataError, ParameterError

ROWS = [("x", "a", "p"), ("x", "b", "q"), ("x", "c", "p"), ("y", "a", "p"), ("y", "b", "r")]
SKILL = {"a": 0.9, "b": 0.6, "c": 0.5}


@pytest.fixture
def answers() -> Answers:
    return Answers.from_arrays(*zip(*ROWS, strict=True), tasks=["x", "y", "z"])


def chance(worker: str, label: str, k: str) -> float:
    return SKILL[worker] if label == k else (1 - SKILL[worker]) / 2


def test_uncertainty_equals_its_definition(answers: Answers) -> None:
    for of, column, ids in (("tasks", 0, "xyz"), ("workers", 1, "abc")):
        got = uncertainty(answers, SKILL, of=of)  # type: ignore[arg-type]
        for i, name in enumerate(ids):
            rows = [r for r in ROWS if r[column] == name]
            if not rows:
                assert np.isnan(got[i])
                continue
            mass = [sum(chance(w, y, k) for _, w, y in rows) / len(rows) for k in "pqr"]
            assert got[i] == pytest.approx(-sum(p * math.log(p) for p in mass))
    assert uncertainty(answers)[:2].tolist() == pytest.approx(vote_entropy(answers)[:2].tolist())


def test_consistency_equals_its_definition(answers: Answers) -> None:
    labels = np.array([1, 0, 0])
    got = consistency(answers, SKILL, labels)
    for i, name in enumerate("xy"):
        rows = [r for r in ROWS if r[0] == name]
        score = [math.prod(chance(w, y, k) for _, w, y in rows) for k in "pqr"]
        assert got[i] == pytest.approx(score[labels[i]] / sum(score))
    assert np.isnan(got[2])
    assert consistency(answers, SKILL)[0] == pytest.approx(
        consistency(answers, SKILL, labels * 0)[0]
    )
    assert np.isnan(consistency(answers, SKILL, np.array([-1, 0, 0]))[0])


def test_who_always_says_the_same_goes() -> None:
    votes = {
        "1": {"A": "dog", "B": "cat"},
        "2": {"A": "cat", "B": "cat"},
        "3": {"A": "dog", "B": "cat"},
    }
    left = entropy_threshold(Answers.from_mapping(votes))
    assert list(left.workers) == ["A"]
    assert left.n_answers == 3
    assert entropy_threshold(Answers.from_mapping(votes), min_answers=4).n_workers == 2
    with pytest.raises(ParameterError, match=r"0\.\.100"):
        entropy_threshold(left, percentile=101)


def test_skills_must_fit(answers: Answers) -> None:
    with pytest.raises(DataError, match="1 workers have none: c"):
        uncertainty(answers, {"a": 1, "b": 1})
    with pytest.raises(DataError, match="expected 3 numbers"):
        uncertainty(answers, [1, 1])
    with pytest.raises(DataError, match=r"must be in 0\.\.1"):
        uncertainty(answers, [1, 1, 2])
    with pytest.raises(DataError, match="positions of classes"):
        consistency(answers, SKILL, np.array([3, 0, 0]))


def test_alpha_of_given_differences() -> None:
    rng = np.random.default_rng(0)
    answers = Answers.from_arrays(
        np.repeat(np.arange(40), 3), np.tile(np.arange(3), 40), rng.integers(0, 4, 120), classes=4
    )
    for metric, own in (
        ("nominal", 1 - np.eye(4)),
        ("interval", lambda a, b: (int(a) - int(b)) ** 2),
        ("interval", np.subtract.outer(np.arange(4), np.arange(4)) ** 2),
    ):
        expected = krippendorff_alpha(answers, metric, n_boot=20)
        got = krippendorff_alpha(answers, own, n_boot=20)
        assert float(got) == pytest.approx(expected.value)
        assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    for bad, why in (
        (np.ones((3, 3)), "shape"), (np.ones((4, 4)), "0 between equal"),
        (np.triu(np.ones((4, 4)), 1), "symmetric"), (-(1 - np.eye(4)), "not negative"),
        ([["x"] * 4] * 4, "numbers"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=why):
            krippendorff_alpha(answers, bad)
    with pytest.raises(ParameterError, match="a function or a matrix"):
        krippendorff_alpha(answers, "euclid")  # type: ignore[arg-type]


def test_what_are_no_answers_is_said(answers: Answers) -> None:
    for call in (krippendorff_alpha, vote_entropy, uncertainty, entropy_threshold, cohen_kappa):
        with pytest.raises(
            DataError, match=r"expected Answers, not a dict; peerannot\.read_answers"
        ):
            call({"task": ["x"] * 9999})  # type: ignore[arg-type]
