"""PM, CRH, CATD, ZBS, LA, KOS, BWA, M-MSR, weighted and gold votes: their slow transcriptions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import chi2

from helpers.slow_votes import agreement, best, dense_votes, rows
from peerannot._loops import native
from peerannot.aggregation import (
    BWA,
    CATD,
    CRH,
    KOS,
    MMSR,
    PM,
    GoldMajorityVote,
    OnePassLA,
    TwoPassLA,
    WeightedVote,
    ZeroBasedSkill,
    build,
)
from peerannot.answers import Answers
from peerannot.checks.crowds import crowd
from peerannot.errors import DataError, DataWarning, ParameterError

CROWDS = [
    {"seed": 1},
    {"seed": 2, "n_classes": 2, "per_task": 4},
    {"seed": 3, "n_classes": 6, "low": 0.3},
    {"seed": 4, "weighted": True},
]


def log_weights(errors, total, divide):
    rate = errors / total
    return -np.log((rate + 1e-9) / (divide(rate) + 1e-9))


RULES = {
    "pm": (PM(), lambda e, n: log_weights(e, n, np.max)),
    "crh": (CRH(), lambda e, n: log_weights(e, n, np.sum)),
    "catd": (CATD(), lambda e, n: chi2.ppf(0.975, n) / (e + 0.01)),
}


@pytest.mark.parametrize("options", CROWDS)
@pytest.mark.parametrize("name", RULES)
def test_error_weighted_votes(name, options):
    answers, _ = crowd(**options)
    rule, weigh = RULES[name]
    total = np.bincount(answers.worker, weights=answers.weight, minlength=answers.n_workers)
    winner = best(dense_votes(answers))
    for _ in range(100):
        errors = total * (1 - agreement(answers, winner))
        weight = weigh(errors, total)
        score = dense_votes(answers, weight)
        before, winner = winner, best(score)
        if np.array_equal(before, winner):
            break
    result = rule.fit(answers)
    assert np.allclose(result.worker_columns["weight"], weight, atol=1e-6)
    assert np.allclose(result.posterior, rows(score), atol=1e-6)
    assert np.allclose(result.skill, 1 - errors / total)


def test_workers_who_err_alike_keep_their_votes():
    # Each of three workers errs once: PM's weights would all be 0, and every vote lost.
    answers = Answers.from_arrays(
        np.repeat(range(6), 3), [0, 1, 2] * 6,
        [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1], classes=2,
    )  # fmt: skip
    assert PM().fit(answers).labels.tolist() == [0, 0, 0, 1, 0, 1]
    assert PM().fit(answers).posterior[0].tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("options", CROWDS)
def test_zero_based_skill(options):
    answers, _ = crowd(**options)
    skill, rate = np.full(answers.n_workers, 1 / answers.n_classes + 1e-5), 0.7
    for step in range(1, 101):
        gap = agreement(answers, best(dense_votes(answers, skill))) - skill
        skill = skill + rate * gap
        if np.abs(gap).max() <= 1e-5:
            break
        rate *= 0.5 if step % 20 == 0 else 1
    result = ZeroBasedSkill(rate=0.7).fit(answers)
    assert result.diagnostics.n_iter == step
    assert np.allclose(result.skill, skill)
    assert np.allclose(result.posterior, rows(dense_votes(answers, skill)))


@pytest.mark.parametrize("rule", ["share", "first"])
@pytest.mark.parametrize("options", CROWDS)
def test_la_in_one_and_two_passes(options, rule):
    answers, _ = crowd(**options)
    k, n = answers.n_classes, answers.n_workers
    right, seen = np.full(n, 2.0), np.full(n, 3.0)
    scores = np.zeros((answers.n_tasks, k))
    for i in np.random.default_rng(7).permutation(answers.n_tasks):
        rows_ = np.flatnonzero(answers.task == i)
        w = np.ones(rows_.size) if answers.weight is None else answers.weight[rows_]
        skill = right / seen
        for v, a in zip(w, rows_, strict=True):
            scores[i, answers.label[a]] += v * skill[answers.worker[a]]
        winner = best(scores[[i]])[0]
        if rule == "first":
            winner = np.eye(k)[winner.argmax()]
        for v, a in zip(w, rows_, strict=True):
            right[answers.worker[a]] += v * winner[answers.label[a]]
            seen[answers.worker[a]] += v
    prior = {"alpha": 3.0, "beta": 2.0, "seed": 7, "ties": rule}
    one = OnePassLA(**prior).fit(answers)
    assert np.allclose(one.posterior, rows(scores))
    assert np.allclose(one.skill, right / seen)
    assert np.allclose(one.extra["seen"], seen)
    two = TwoPassLA(**prior).fit(answers)
    positive = np.maximum(dense_votes(answers, k * right / seen - 1), 0)
    voted = positive.sum(1) > 0
    assert np.allclose(two.posterior[voted], rows(positive[voted]))


def test_la_in_the_given_order_needs_no_seed():
    answers, _ = crowd(seed=5)
    a, b = (OnePassLA(order="given", seed=s).fit(answers).posterior for s in (0, 1))
    assert np.array_equal(a, b)
    shuffled = OnePassLA(seed=1).fit(answers).posterior
    assert not np.array_equal(a, shuffled)


def test_kos_is_the_published_algorithm_for_two_classes():
    answers, _ = crowd(80, 10, 2, 6, seed=6, low=0.6)
    sign = 2.0 * answers.label - 1
    y = 1 + 0.5 * np.random.default_rng(3).standard_normal(answers.n_answers)
    for _ in range(500):
        before = y
        total = np.bincount(answers.task, weights=sign * y)
        x = total[answers.task] - sign * y
        total = np.bincount(answers.worker, weights=sign * x)
        y = total[answers.worker] - sign * x
        y = y / np.sqrt(np.mean(y**2))
        if np.sqrt(np.mean((y - before) ** 2)) <= 1e-4:
            break
    score = np.bincount(answers.task, weights=sign * y)
    result = KOS(spread=0.5, seed=3).fit(answers)
    assert result.labels.tolist() == (score > 0).astype(int).tolist()


def test_kos_takes_the_majority_where_messages_say_nothing():
    answers = Answers.from_arrays(["a", "b", "b"], ["1", "2", "3"], [1, 0, 0], classes=3)
    assert KOS().fit(answers).labels.tolist() == [1, 0]


@pytest.mark.parametrize("options", CROWDS)
def test_bwa_equals_its_transcription(options):
    answers, _ = crowd(**options)
    k = answers.n_classes
    w = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    of_task = np.bincount(answers.task, weights=w, minlength=answers.n_tasks)
    of_worker = np.bincount(answers.worker, weights=w, minlength=answers.n_workers)
    scores = np.zeros((answers.n_tasks, k))
    for c in range(k):
        y = (answers.label == c).astype(float)
        z = np.bincount(answers.task, weights=w * y) / of_task
        rate = 15 * (of_task * z * (1 - z)).sum() / of_task.sum() * 4 * (1 - 1 / k)
        for _ in range(500):
            mean, last = z.mean(), z
            wrong = np.bincount(answers.worker, weights=w * (y - z[answers.task]) ** 2)
            v = (15 + of_worker) / (rate + wrong)
            u = w * v[answers.worker]
            z = (mean + np.bincount(answers.task, weights=u * y)) / (
                1 + np.bincount(answers.task, weights=u)
            )
            if np.abs(z - last).max() < 1e-3:
                break
        scores[:, c] = z
    assert np.allclose(BWA().fit(answers).posterior, rows(scores))


def test_bwa_refuses_what_it_cannot_hold():
    class SmallBWA(BWA):
        score_bytes = 100

    answers, _ = crowd()
    with pytest.raises(ParameterError, match="60 tasks x 3 classes; use iwmv"):
        SmallBWA().fit(answers)


def test_mmsr_step_equals_its_transcription():
    answers, _ = crowd(30, 9, 3, 5, seed=8, weighted=True)
    agree, common = np.empty((2, 9, 9))
    native.reliability_agreements(
        answers.task_ptr, answers.worker, answers.label, answers.loop_weights, agree, common
    )
    for j in range(9):
        for m in range(9):
            both = same = 0.0
            for a in range(answers.n_answers):
                for b in range(answers.n_answers):
                    if (
                        answers.task[a] == answers.task[b]
                        and (answers.worker[a], answers.worker[b]) == (j, m)
                        and j != m
                    ):
                        v = answers.weight[a] * answers.weight[b]
                        both += v
                        same += v * (answers.label[a] == answers.label[b])
            assert common[j, m] == pytest.approx(both)
            assert agree[j, m] == pytest.approx(same)
    rng = np.random.default_rng(0)
    centred, now = rng.normal(size=(9, 9)), rng.uniform(0.2, 0.9, 9)
    expected = []
    for j in range(9):
        near = [m for m in range(9) if common[j, m] > 0]
        pairs = sorted((abs(centred[j, m]) / now[m], common[j, m] * now[m] ** 2) for m in near)
        drop = int(0.25 * len(near))
        low = min(drop, sum(r < now[j] for r, _ in pairs))
        high = min(drop, sum(r > now[j] for r, _ in pairs))
        kept = pairs[low : len(pairs) - high]
        expected.append(sum(r * v for r, v in kept) / sum(v for _, v in kept))
    found = np.empty(9)
    native.reliability_trimmed(centred, common, now, found, trim=0.25, threads=2)
    assert np.allclose(found, expected)


def test_mmsr_finds_skills_and_adversaries():
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 3, 3000)
    right = np.array([0.9, 0.8, 0.7, 0.6, 0.85, 0.75, 0.05])
    hit = rng.random((3000, 7)) < right
    wrong = (truth[:, None] + rng.integers(1, 3, (3000, 7))) % 3
    label = np.where(hit, truth[:, None], wrong)
    answers = Answers.from_arrays(
        np.repeat(range(3000), 7), np.tile(range(7), 3000), label.ravel(), classes=3
    )
    result = MMSR(trim=0.1).fit(answers)
    assert np.allclose(result.skill, right, atol=0.06)
    assert result.worker_columns["weight"][6] < 0


def test_mmsr_guards_its_memory():
    class SmallMMSR(MMSR):
        max_workers = 5

    with pytest.raises(ParameterError, match="takes 5 at most, not 9; use one-coin"):
        SmallMMSR().fit(crowd()[0])


def test_weights_from_a_mapping_json_and_csv(tmp_path):
    answers, _ = crowd(seed=10)
    given = {str(j): j / 10 for j in range(1, 9)}
    weight = np.array([3.0, *given.values()])
    expected = rows(dense_votes(answers, weight))
    (tmp_path / "w.json").write_text(json.dumps(given))
    (tmp_path / "w.csv").write_text(
        "worker,weight\n" + "".join(f"{w},{v}\n" for w, v in given.items())
    )
    for source in (given, tmp_path / "w.json", str(tmp_path / "w.csv")):
        result = WeightedVote(weights=source, default_weight=3).fit(answers)
        assert np.allclose(result.posterior, expected)
    typed = build(f"wmv[weights={tmp_path}/w.csv,default_weight=3]").fit(answers)
    assert np.allclose(typed.posterior, expected)
    assert np.allclose(WeightedVote().fit(answers).posterior, rows(dense_votes(answers)))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ('{"0": -1}', "w.json", "weight of worker '0' must be a number >= 0, not -1"),
        ('{"0": "much"}', "w.json", "not 'much'"),
        ("[1, 2]", "w.json", "expected {worker: weight}"),
        ('{"nobody": 1}', "w.json", "none of these workers has answers: nobody"),
        ("who,weight\n0,1\n", "w.csv", "needs columns worker and weight, has who, weight"),
        (None, "w.csv", "no such file"),
    ],
)
def test_faulty_weights_are_told(tmp_path, content, name, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        WeightedVote(weights=tmp_path / name).fit(crowd()[0])


def test_gold_votes_count_right_answers_to_gold_tasks():
    answers, truth = crowd(seed=11, weighted=True)
    gold = {str(i): int(truth[i]) for i in range(10)}
    seen, right = np.zeros(9), np.zeros(9)
    for a in range(answers.n_answers):
        if answers.task[a] < 10:
            seen[answers.worker[a]] += answers.weight[a]
            right[answers.worker[a]] += answers.weight[a] * (
                answers.label[a] == truth[answers.task[a]]
            )
    skill = (right + 2 * right.sum() / seen.sum()) / (seen + 2)
    result = GoldMajorityVote(shrink=2).fit(answers, gold=gold)
    assert np.allclose(result.skill, skill)
    assert np.allclose(result.posterior[10:], rows(dense_votes(answers, skill))[10:])
    assert result.labels[:10].tolist() == truth[:10].tolist()
    # Without gold answers of his own, a worker has the skill of all.
    few = GoldMajorityVote(shrink=0).fit(answers, gold={"0": int(truth[0])})
    idle = few.worker_columns["n_gold"] == 0
    assert idle.any()
    assert len(set(few.skill[idle])) == 1
    with pytest.raises(ParameterError, match="needs gold labels"):
        GoldMajorityVote().fit(answers)


def test_of_several_gold_labels_any_is_right_and_none_is_held():
    answers = Answers.from_arrays(
        ["a", "a", "a", "b", "b", "b"], list("uvw") * 2, ["x", "y", "z", "x", "y", "y"]
    )
    with pytest.warns(DataWarning, match="gold: 1 tasks have several labels"):
        result = GoldMajorityVote(shrink=0).fit(answers, gold={"a": ["x", "y"], "b": "y"})
    assert result.skill is not None
    assert result.skill.tolist() == [0.5, 1.0, 0.5]
    assert result.label_names() == ["y", "y"]
    assert result.dense_posterior()[0].tolist() == [0.25, 0.5, 0.25]
