"""Scores and cards of workers, copied answers and confused classes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from helpers.crowds import crowd_of, diagonal, spammer
from peerannot import Answers
from peerannot.aggregation import DawidSkene, build, skill_intervals
from peerannot.aggregation.passes.expected_counts import expected_counts
from peerannot.errors import ConvergenceWarning, DataError
from peerannot.identification import (
    METHODS,
    Evidence,
    confused_classes,
    copied_pairs,
    spam_score,
    worker_cards,
)
from peerannot.identification.workers import false_discovery

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)


def test_spam_score_equals_its_definition() -> None:
    rng = np.random.default_rng(0)
    pi = rng.dirichlet(np.ones(4), size=(5, 4))
    slow = []
    for matrix in pi:
        total = sum(
            (matrix[k, c] - matrix[m, c]) ** 2
            for k, m in itertools.combinations(range(4), 2)
            for c in range(4)
        )
        slow.append(total / (4 * 3))
    np.testing.assert_allclose(spam_score(pi), slow, atol=1e-14)
    assert spam_score([np.eye(3), spammer(3)]) == pytest.approx([1, 0])
    assert spam_score(np.ones((2, 1, 1))).tolist() == [0, 0]


@pytest.mark.parametrize("method", ["spam-score", "trace-confusion", "workers"])
def test_planted_spammers_rank_last(method: str) -> None:
    matrices = [diagonal(4, 0.8)] * 16 + [spammer(4)] * 4
    answers, _ = crowd_of(matrices, 400, 8, seed=3)
    findings = METHODS[method]().run(Evidence(answers))
    assert set(findings.table["worker"][:4]) == {"16", "17", "18", "19"}
    score = np.asarray(findings.table[findings.score])
    assert (np.diff(score) >= 0).all()


def test_arrays_over_workers_have_a_row_for_each_id() -> None:
    answers, _ = crowd_of([diagonal(3, 0.9)] * 5, 60, 3, seed=0)
    kept = Answers.from_arrays(
        answers.task, [str(2 * int(j)) for j in answers.worker], answers.label, classes=3
    )
    evidence = Evidence(kept, n_workers=11)
    score = METHODS["spam_score"]().run(evidence).files["identification/spam_score.npy"]
    assert score.shape == (11,)
    assert np.flatnonzero(~np.isnan(score)).tolist() == [0, 2, 4, 6, 8]
    named = Answers.from_arrays(
        answers.task, [f"w{j}" for j in answers.worker], answers.label, classes=3
    )
    score = METHODS["spam_score"]().run(Evidence(named, n_workers=11))
    assert score.files["identification/spam_score.npy"].shape == (5,)


def test_given_matrices_are_used_and_checked() -> None:
    answers, _ = crowd_of([diagonal(3, 0.9)] * 4, 30, 2, seed=0)
    given = np.array([np.eye(3), spammer(3), np.eye(3), np.eye(3)])
    evidence = Evidence(answers, confusion=given)
    findings = METHODS["trace_confusion"]().run(evidence)
    assert findings.files["identification/traces_confusion.npy"].tolist() == pytest.approx(
        [3, 1, 3, 3]
    )
    for bad, message in ((given[:3], "shape"), (given * 2, "sum to 1"), (given - 1, "negative")):
        with pytest.raises(DataError, match=message):
            METHODS["spam_score"]().run(Evidence(answers, confusion=bad))


def test_counts_equal_a_plain_sum() -> None:
    answers, _ = crowd_of([diagonal(3, 0.7)] * 6, 50, 3, seed=1)
    posterior = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    slow = np.zeros((6, 3, 3))
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        slow[j, :, y] += posterior[i]
    np.testing.assert_allclose(expected_counts(answers, posterior), slow, atol=1e-12)
    heavy = with_weights(answers, np.random.default_rng(1).uniform(0, 3, answers.n_answers))
    slow[:] = 0
    for i, j, y, w in zip(heavy.task, heavy.worker, heavy.label, heavy.weight, strict=True):
        slow[j, :, y] += w * posterior[i]
    np.testing.assert_allclose(expected_counts(heavy, posterior), slow, atol=1e-12)
    of_all = expected_counts(heavy, posterior, of_all=True)
    np.testing.assert_allclose(of_all, slow.sum(0, keepdims=True), atol=1e-12)


def with_weights(answers: Answers, weight: np.ndarray) -> Answers:
    return Answers(
        answers.task, answers.worker, answers.label, answers.tasks, answers.workers,
        answers.classes, weight,
    )  # fmt: skip


def test_an_answer_of_weight_two_counts_as_two() -> None:
    once, _ = crowd_of([diagonal(3, 0.7)] * 6, 50, 3, seed=1)
    twice = np.random.default_rng(0).integers(1, 3, once.n_answers)
    repeated = Answers.from_arrays(
        *(np.repeat(column, twice) for column in (once.task, once.worker, once.label)),
        classes=3, duplicates="all",
    )  # fmt: skip
    heavy = with_weights(once, twice.astype(float))
    several, weighted = (DawidSkene().fit(a) for a in (repeated, heavy))
    columns, confusion = worker_cards(repeated, several)
    found, found_confusion = worker_cards(heavy, weighted)
    np.testing.assert_allclose(found_confusion, confusion, atol=1e-9)
    for name in ("agreement", "skill", "spam_score", "confused_rate", "bias", "top_share"):
        np.testing.assert_allclose(found[name], columns[name], atol=1e-9, err_msg=name)
    pairs, found = confused_classes(repeated, several), confused_classes(heavy, weighted)
    for name in ("rate", "first_as_second", "second_as_first", "answers"):
        np.testing.assert_allclose(found[name], pairs[name], atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", ["dawid-skene", "one-coin", "wawa"])
def test_cards_have_the_skills_and_intervals_of_the_fit(name: str) -> None:
    answers, _ = crowd_of([diagonal(3, s) for s in (0.5, 0.6, 0.7, 0.9)], 60, 3, seed=3)
    result = build(name).fit(answers)
    columns, _ = worker_cards(answers, result, confidence=0.8)
    low, high = skill_intervals(result, answers, level=0.8)
    np.testing.assert_array_equal(columns["skill"], result.skill)
    np.testing.assert_array_equal((columns["skill_low"], columns["skill_high"]), (low, high))


def test_cards_of_a_vote_have_skills() -> None:
    rates = np.linspace(0.5, 0.95, 8)
    answers, _ = crowd_of([diagonal(3, s) for s in rates], 400, 6, seed=3)
    columns, _ = worker_cards(answers, build("majority-vote").fit(answers))
    np.testing.assert_allclose(columns["skill"], rates, atol=0.08)
    assert ((columns["skill_low"] < columns["skill"]) & (columns["skill"] < 1)).all()
    assert (columns["skill"] < columns["skill_high"]).all()


def test_skill_intervals_hold_the_true_skill() -> None:
    rng = np.random.default_rng(5)
    skill = rng.uniform(0.5, 0.95, 60)
    answers, truth = crowd_of([diagonal(4, s) for s in skill], 1500, 12, seed=2)
    # With the truth for a posterior only the interval is on trial.
    result = DawidSkene().fit(answers, gold=truth)
    columns, confusion = worker_cards(answers, result)
    inside = (columns["skill_low"] <= skill) & (skill <= columns["skill_high"])
    assert 52 <= inside.sum() <= 60
    assert (columns["skill_high"] - columns["skill_low"]).mean() < 0.12
    np.testing.assert_allclose(confusion.sum(2), 1)


def test_skill_interval_is_that_of_the_dirichlet() -> None:
    answers, truth = crowd_of([diagonal(3, 0.7)] * 3, 40, 3, seed=4)
    result = DawidSkene().fit(answers, gold=truth)
    columns, confusion = worker_cards(answers, result, prior=2.0)
    assert result.prior is not None and result.skill is not None
    counts = expected_counts(answers, result.dense_posterior())
    mean = counts.sum(0) + 1 / 3
    given = counts[1] + 2.0 * mean / mean.sum(1, keepdims=True)
    np.testing.assert_allclose(confusion[1], given / given.sum(1, keepdims=True), atol=1e-12)
    assert columns["skill"][1] == result.skill[1]
    # One pseudo-answer a class, right at the worker's mean rate.
    rate = (np.trace(counts[1]) + 0.5) / (counts[1].sum() + 1)
    given = counts[1] + np.where(np.eye(3) == 1, rate, (1 - rate) / 2)
    rng = np.random.default_rng(0)
    prior = rng.dirichlet(40 * result.prior + 1, 200_000)
    draws = sum(prior[:, k] * rng.dirichlet(given[k], 200_000)[:, k] for k in range(3))
    assert columns["skill_low"][1] == pytest.approx(np.quantile(draws, 0.025), abs=6e-3)
    assert columns["skill_high"][1] == pytest.approx(np.quantile(draws, 0.975), abs=6e-3)


def test_patterns_are_found_and_honest_workers_have_none() -> None:
    answers, _truth = crowd_of([diagonal(4, 0.8)] * 12, 300, 6, seed=7)
    always = np.arange(300)
    lines = np.repeat(np.random.default_rng(0).integers(4, size=15), 20)
    task = np.concatenate([answers.task, always, always])
    worker = np.concatenate([answers.worker, np.full(300, 12), np.full(300, 13)])
    label = np.concatenate([answers.label, np.full(300, 2), lines])
    planted = Answers.from_arrays(task, worker, label, classes=4)
    columns, _ = worker_cards(planted, DawidSkene().fit(planted))
    assert columns["pattern"] == [""] * 12 + ["one class", "straight-lining"]
    assert columns["longest_run"][12:].tolist()[0] == 300
    assert columns["bias_class"][12] == "2"
    assert columns["bias"][12] == pytest.approx(0.75, abs=0.1)
    assert columns["confused_answered"][12] == "2"


def test_sorted_data_make_nobody_straight_lining() -> None:
    answers, truth = crowd_of([diagonal(4, 0.9)] * 10, 300, 6, seed=8)
    place = np.argsort(np.argsort(truth, kind="stable"), kind="stable")
    ordered = Answers.from_arrays(place[answers.task], answers.worker, answers.label, classes=4)
    columns, _ = worker_cards(ordered, DawidSkene().fit(ordered))
    assert columns["pattern"] == [""] * 10
    assert columns["longest_run"].max() > 10


def test_adjusted_p_values_equal_their_definition() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    ranked = sorted(range(5), key=lambda i: p[i])
    slow = {
        i: min(min(p[m] * 5 / (r2 + 1) for r2, m in enumerate(ranked) if r2 >= r), 1.0)
        for r, i in enumerate(ranked)
    }
    assert false_discovery(p).tolist() == pytest.approx([slow[i] for i in range(5)])
    assert false_discovery(np.empty(0)).size == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_copies_among_independent_workers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = [rng.dirichlet(np.eye(5)[k] * 6 + 0.4) for _ in range(20) for k in range(5)]
    answers, _ = crowd_of(np.reshape(matrices, (20, 5, 5)), 300, 4, seed=seed)
    found = copied_pairs(answers, DawidSkene().fit(answers))
    assert not found["copied"].any()
    # The model is right, so agreements are as expected on the whole.
    assert found["agreements"].sum() == pytest.approx(found["expected"].sum(), rel=0.1)


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_planted_copies_are_found_and_no_others(share: float) -> None:
    answers, _ = crowd_of([diagonal(5, 0.75)] * 20, 400, 6, seed=1)
    rng = np.random.default_rng(2)
    rows = np.flatnonzero(answers.worker == 3)
    label = answers.label[rows].copy()
    own = rng.random(rows.size) >= share
    label[own] = np.where(rng.random(own.sum()) < 0.75, label[own], rng.integers(5, size=own.sum()))
    copied = Answers.from_arrays(
        np.concatenate([answers.task, answers.task[rows]]),
        np.concatenate([answers.worker, np.full(rows.size, 20)]),
        np.concatenate([answers.label, label]),
        classes=5,
    )
    found = copied_pairs(copied, DawidSkene().fit(copied))
    flagged = {
        (int(a), int(b))
        for a, b, c in zip(found["first"], found["second"], found["copied"], strict=True)
        if c
    }
    assert flagged == {(3, 20)}
    assert found["first"][0] == 3 and found["second"][0] == 20


def test_evidence_of_a_pair_equals_its_definition() -> None:
    answers, _ = crowd_of([diagonal(3, 0.8)] * 4, 30, 3, seed=3)
    result = DawidSkene().fit(answers)
    found = copied_pairs(answers, result, min_shared=5)
    counts = expected_counts(answers, result.dense_posterior())
    mean = counts.sum(0) + 1 / 3
    pi = counts + 4 * mean / mean.sum(1, keepdims=True)
    pi /= pi.sum(2, keepdims=True)
    prior = counts.sum((0, 2)) + 1
    prior /= prior.sum()
    said: dict[tuple[int, int], int] = {
        (int(i), int(j)): int(y)
        for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True)
    }
    for at, (a, b) in enumerate(
        zip(found["first"].tolist(), found["second"].tolist(), strict=True)
    ):
        ratio = dict.fromkeys((0.1, 0.4, 0.8), 1.0)
        expected = 0.0
        for i in range(30):
            if (i, a) not in said or (i, b) not in said:
                continue
            z = prior.copy()
            for j in range(4):
                if j not in (a, b) and (i, j) in said:
                    z *= pi[j, :, said[i, j]]
            z /= z.sum()
            expected += sum(z[k] * pi[a, k, y] * pi[b, k, y] for k in range(3) for y in range(3))
            y, other = said[i, a], said[i, b]
            joint = sum(z[k] * pi[a, k, y] * pi[b, k, other] for k in range(3))
            alone = sum(z[k] * (pi[a, k, y] + pi[b, k, y]) / 2 for k in range(3))
            for c in ratio:
                ratio[c] *= ((1 - c) * joint + c * (y == other) * alone) / joint
        assert found["log_evidence"][at] == pytest.approx(
            math.log(sum(ratio.values()) / 3), abs=1e-9
        )
        assert found["expected"][at] == pytest.approx(expected, abs=1e-9)


def test_confused_classes_find_the_planted_pair() -> None:
    matrix = diagonal(4, 0.9)
    matrix[1] = [0.02, 0.6, 0.36, 0.02]
    answers, truth = crowd_of([matrix] * 10, 500, 5, seed=1)
    found = confused_classes(answers, DawidSkene().fit(answers, gold=truth))
    assert (found["first"][0], found["second"][0]) == ("1", "2")
    assert found["first_as_second"][0] == pytest.approx(0.36, abs=0.05)
    assert found["second_as_first"][0] == pytest.approx(0.033, abs=0.02)
    assert found["lift"][0] == max(found["lift"])
    assert (np.diff(found["rate"]) <= 0).all()


def test_results_of_other_answers_are_refused() -> None:
    answers, _ = crowd_of([diagonal(3, 0.8)] * 4, 30, 3, seed=3)
    other, _ = crowd_of([diagonal(3, 0.8)] * 4, 31, 3, seed=3)
    result = DawidSkene().fit(other)
    for function in (worker_cards, copied_pairs, confused_classes):
        with pytest.raises(DataError, match="not one of these answers"):
            function(answers, result)
