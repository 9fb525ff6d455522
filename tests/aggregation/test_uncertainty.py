"""Intervals of skills and of accuracy: against slow transcriptions, and coverage by simulation."""

from __future__ import annotations

import csv
import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from peerannot.aggregation import (
    STRATEGIES,
    Result,
    accuracy_interval,
    bootstrap,
    build,
    skill_intervals,
    with_bootstrap,
    with_intervals,
)
from peerannot.aggregation.uncertainty.intervals import right_distribution
from peerannot.answers import Answers
from peerannot.checks.crowds import crowd
from peerannot.errors import DataError, ParameterError
from peerannot.simulation import simulate


def by_hand(result: Result, answers: Answers, level: float) -> tuple[Any, Any]:
    """Skill intervals from the equations of the module, one answer at a time."""
    w, k = answers.n_workers, answers.n_classes
    v = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    z = result.posterior
    low, high = np.zeros(w), np.zeros(w)
    for j in range(w):
        mine = np.flatnonzero(answers.worker == j)
        total = v[mine].sum()
        if result.confusion is None:
            mean = (result.skill[j] * total + 0.5) / (total + 1)
            complete = mean * (1 - mean) / (total + 2)
            missing = sum(
                (v[a] / (total + 1)) ** 2
                * z[answers.task[a], answers.label[a]]
                * (1 - z[answers.task[a], answers.label[a]])
                for a in mine
            )
        else:
            counts = np.zeros((k, k))
            for a in mine:
                counts[:, answers.label[a]] += v[a] * z[answers.task[a]]
            rate = (np.trace(counts) + 0.5) / (counts.sum() + 1)
            right, size = np.diag(counts) + rate, counts.sum(1) + 1
            pi, rho = right / size, result.prior
            mean = rho @ pi
            complete = (rho**2 * beta(right, size - right).var()).sum()
            n_tasks = (answers.answers_per_task > 0).sum()
            complete += (rho @ pi**2 - mean**2) / (n_tasks + k + 1)
            missing = 0.0
            for a in mine:
                g = rho * ((np.arange(k) == answers.label[a]) - pi) / size
                q = z[answers.task[a]]
                missing += v[a] ** 2 * (q @ g**2 - (q @ g) ** 2)
        variance = complete / (1 - min(missing / complete, 0.9))
        scale = mean * (1 - mean) / min(variance, 0.99 * mean * (1 - mean)) - 1
        tail = (1 - level) / 2
        law = beta(mean * scale, (1 - mean) * scale)
        low[j] = min(law.ppf(tail), result.skill[j])
        high[j] = max(law.ppf(1 - tail), result.skill[j])
    return low, high


@pytest.mark.parametrize("name", ["dawid-skene", "ibcc", "one-coin", "wawa"])
@pytest.mark.parametrize("weighted", [False, True])
def test_skill_intervals_are_those_of_the_equations(name: str, weighted: bool) -> None:
    answers, _ = crowd(40, 7, 3, 4, seed=1, weighted=weighted)
    result = build(name).fit(answers)
    for level in (0.5, 0.95):
        got = skill_intervals(result, answers, level=level)
        np.testing.assert_allclose(got, by_hand(result, answers, level), rtol=1e-7)


def test_intervals_shrink_with_answers_and_hold_the_skill() -> None:
    answers, _ = crowd(200, 8, 2, 4, seed=2)
    few = answers.of_tasks(np.arange(20))
    for name in ("one-coin", "dawid-skene", "ibcc"):
        widths = []
        for some in (few, answers):
            result = build(name).fit(some)
            low, high = skill_intervals(result, some)
            assert result.skill is not None
            assert ((low >= 0) & (low <= result.skill)).all()
            assert ((result.skill <= high) & (high <= 1)).all()
            widths.append((high - low).mean())
        assert widths[1] < widths[0] / 1.5
    idle = Answers.from_arrays("ab", "uu", [0, 1], classes=2, workers="uv")
    low, high = skill_intervals(build("one-coin").fit(idle), idle)
    assert (low[1], high[1]) == pytest.approx(beta(0.5, 0.5).ppf([0.025, 0.975]), abs=0.2)


@pytest.mark.parametrize("name", ["one-coin", "map-dawid-skene", "ibcc"])
def test_skill_intervals_cover(name: str) -> None:
    """95 % intervals hold 92 to 97 % of skills in longer runs; here there are 160 of them."""
    held = []
    for seed in range(8):
        if name == "one-coin":
            rng = np.random.default_rng(seed)
            truth, true = rng.integers(3, size=400), rng.uniform(0.5, 0.95, 20)
            task = np.repeat(np.arange(400), 5)
            worker = rng.permuted(np.tile(np.arange(20), (400, 1)), axis=1)[:, :5].ravel()
            wrong = (truth[task] + rng.integers(1, 3, task.size)) % 3
            label = np.where(rng.random(task.size) < true[worker], truth[task], wrong)
            workers = list(map(str, range(20)))
            answers = Answers.from_arrays(task, worker, label, workers=workers, classes=3)
        else:
            drawn = simulate(
                "independent-confusion", n_worker=20, n_task=500, n_classes=3, feedback=8, seed=seed
            )
            assert drawn.matrices is not None
            answers, true = drawn.answers, np.einsum("jkk->j", drawn.matrices) / 3
        low, high = skill_intervals(build(name).fit(answers), answers)
        held.append((low <= true) & (true <= high))
    assert 0.88 <= np.mean(held) <= 0.99


def test_the_number_of_right_labels_has_its_distribution() -> None:
    sure = np.array([0.9, 0.35, 0.6, 1.0])
    chance = np.zeros(5)
    for hits in product([0, 1], repeat=4):
        chance[sum(hits)] += np.prod(np.where(hits, sure, 1 - sure))
    np.testing.assert_allclose(right_distribution(sure), chance, atol=1e-15)


def test_accuracy_of_many_tasks_is_normal_and_of_few_exact() -> None:
    answers, _ = crowd(400, 9, 3, 3, seed=3)
    result = build("one-coin").fit(answers)
    exact = accuracy_interval(result, answers)
    normal = accuracy_interval(result, answers, exact_up_to=10)
    assert (exact.method, normal.method) == ("exact", "normal")
    assert exact.value == normal.value == pytest.approx(result.confidence.mean())
    assert (exact.low, exact.high) == pytest.approx((normal.low, normal.high), abs=0.004)
    narrow = accuracy_interval(result, answers, level=0.5, exact_up_to=10)
    assert normal.low < narrow.low < narrow.high < normal.high


def test_accuracy_covers_where_the_model_is_right() -> None:
    held, biased = [], []
    for seed in range(12):
        answers, truth = crowd(300, 10, 3, 5, seed=seed, low=0.55)
        result = build("one-coin").fit(answers)
        found = accuracy_interval(result, answers)
        held.append(found.low <= (result.labels == truth).mean() <= found.high)
        drawn = simulate(
            "independent-confusion", n_worker=20, n_task=300, n_classes=3, feedback=5, seed=seed
        )
        many = build("dawid-skene").fit(drawn.answers)
        truth_ = (many.labels == drawn.truth).mean()
        value = accuracy_interval(many, drawn.answers).value
        biased.append((many.confidence.mean() - truth_, value - truth_))
    assert np.mean(held) >= 0.75
    # A task's own answers make its posterior too sure; without them it is less so.
    confidence, without = np.mean(biased, axis=0)
    assert 0 < without < 0.9 * confidence


def test_a_task_is_judged_by_what_its_workers_do_elsewhere() -> None:
    answers, _ = crowd(25, 6, 3, 4, seed=10, weighted=True)
    result = build("ibcc").fit(answers)
    z, v, k = result.posterior, answers.weight, 3
    assert v is not None
    sure = np.zeros(25)
    for i in range(25):
        score = np.log(result.prior)
        for a in np.flatnonzero(answers.task == i):
            counts, elsewhere = np.zeros((k, k)), np.zeros((k, k))
            for b in np.flatnonzero(answers.worker == answers.worker[a]):
                counts[:, answers.label[b]] += v[b] * z[answers.task[b]]
                if answers.task[b] != i:
                    elsewhere[:, answers.label[b]] += v[b] * z[answers.task[b]]
            rate = (np.trace(counts) + 0.5) / (counts.sum() + 1)
            elsewhere += np.where(np.eye(k) > 0, rate, (1 - rate) / (k - 1))
            pi = elsewhere / elsewhere.sum(1, keepdims=True)
            score = score + v[a] * np.log(pi[:, answers.label[a]])
        score = np.exp(score)
        sure[i] = score[result.labels[i]] / score.sum()
    assert accuracy_interval(result, answers).value == pytest.approx(sure.mean())


def test_what_has_no_interval() -> None:
    answers, _ = crowd(20, 5, 3, 3)
    votes = build("MV").fit(answers)
    with pytest.raises(DataError, match="does not estimate skills"):
        skill_intervals(votes, answers)
    added = with_intervals(votes, answers)
    assert "skill_low" not in added.worker_table()
    assert added.manifest()["notes"]["accuracy"]["method"] == "exact"
    other, _ = crowd(21, 5, 3, 3)
    for function in (skill_intervals, accuracy_interval):
        with pytest.raises(DataError, match="not those"):
            function(build("wawa").fit(answers), other)
        with pytest.raises(ParameterError, match="level"):
            function(build("wawa").fit(answers), answers, level=1.0)
    nothing = Answers.from_arrays([], [], [], tasks="ab", workers="u", classes=2)
    result = with_intervals(build("dawid-skene").fit(nothing), nothing)
    found = result.diagnostics.notes["accuracy"]
    assert (found["low"], found["high"]) == (0.0, 1.0)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_can_have_intervals(name: str) -> None:
    answers, _ = crowd(40, 6, 3, 4, seed=4)
    gold = {"0": 1, "1": 0} if name == "gold-majority-vote" else None
    init = build("NS").fit(answers) if name == "crowdlab" else None
    result = with_intervals(STRATEGIES[name]().fit(answers, gold=gold, init=init), answers)
    table = result.worker_table()
    assert ("skill" in table) == ("skill_low" in table)
    if "skill" in table:
        assert (table["skill_low"] <= table["skill_high"]).all()


def test_a_draw_holds_all_answers_of_its_tasks() -> None:
    answers, _ = crowd(12, 5, 3, 4, seed=5, weighted=True)
    picked = np.array([0, 3, 3, 7])
    drawn = answers.of_tasks(picked)
    assert answers.weight is not None and drawn.weight is not None
    assert drawn.n_tasks == 4
    for position, task in enumerate(picked):
        now, then = drawn.task == position, answers.task == task
        for name in ("worker", "label", "weight"):
            assert (getattr(drawn, name)[now] == getattr(answers, name)[then]).all()


@pytest.mark.parametrize("name", ["MV", "wawa", "one-coin", "ibcc[max_iter=50]"])
def test_bootstrap(name: str) -> None:
    answers, _ = crowd(60, 8, 3, 5, seed=6)
    rule = build(name)
    result = rule.fit(answers)
    found = bootstrap(rule, answers, 25, 3)
    assert repr(found) == repr(bootstrap(name, answers, 25, 3, result=result))
    assert repr(found) != repr(bootstrap(name, answers, 25, 4))
    assert 0 <= found.accuracy.low <= found.accuracy.high <= 1
    assert (found.skill is None) == (result.skill is None)
    if found.skill is not None and result.skill is not None:
        assert found.skill.shape == (8, 2)
        assert (found.skill[:, 0] < found.skill[:, 1]).all()
        inside = (found.skill[:, 0] <= result.skill) & (result.skill <= found.skill[:, 1])
        assert inside.mean() > 0.7
        table = with_bootstrap(result, found).worker_table()
        assert (table["skill_boot_low"] == found.skill[:, 0]).all()
    if found.prior is not None:
        assert ((found.prior[:, 0] <= result.prior) & (result.prior <= found.prior[:, 1])).all()


def test_bootstrap_of_the_vote_is_that_of_its_mean() -> None:
    """Mean confidence of vote shares is a mean over tasks: its spread is known."""
    answers, _ = crowd(300, 9, 3, 5, seed=7)
    confidence = build("naive-soft").fit(answers).confidence
    found = bootstrap("naive-soft", answers, 300, 0).accuracy
    half = 1.96 * confidence.std() / np.sqrt(300)
    assert found.value == pytest.approx(confidence.mean())
    assert (found.low, found.high) == pytest.approx(
        (found.value - half, found.value + half), abs=0.25 * half
    )


def test_bootstrap_with_gold_and_idle_workers() -> None:
    base, _ = crowd(30, 5, 3, 4, seed=8)
    answers = Answers.from_arrays(
        base.task, base.worker, base.label, workers=[*map(str, range(5)), "idle"], classes=3
    )
    found = bootstrap("gold-majority-vote", answers, 10, gold={str(i): 0 for i in range(25)})
    assert found.skill is not None
    assert np.isnan(found.skill[5]).all()
    assert np.isfinite(found.skill[:5]).all()
    for wrong in ({"n": 0}, {"level": 1.5}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            bootstrap("MV", answers, **wrong)  # type: ignore[arg-type]
    nothing = Answers.from_arrays([], [], [], tasks="ab", workers="u", classes=2)
    with pytest.raises(DataError, match="no task has answers"):
        bootstrap("MV", nothing, 3)


def test_command(tmp_path: Any, run: Any) -> None:
    answers, _ = crowd(40, 6, 3, 4, seed=9)
    votes: dict[str, dict[str, int]] = {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes.setdefault(str(i), {})[str(j)] = int(y)
    (tmp_path / "metadata.json").write_text(json.dumps({"name": "d", "n_classes": 3}))
    (tmp_path / "answers.json").write_text(json.dumps(votes))
    done = run(
        "aggregate", ".", "-s", "IBCC", "--intervals", "--bootstrap", 5, "--json", cwd=tmp_path
    )
    facts = json.loads(done.stdout)
    assert facts["accuracy"]["low"] < facts["accuracy"]["value"] < facts["accuracy"]["high"]
    assert facts["bootstrap"]["n"] == 5
    manifest = json.loads((tmp_path / "labels" / "labels_d_IBCC.json").read_text())
    assert manifest["notes"]["accuracy"] == facts["accuracy"]
    with (tmp_path / "identification" / "ibcc" / "workers.csv").open() as handle:
        first = next(csv.DictReader(handle))
    assert float(first["skill_low"]) < float(first["skill"]) < float(first["skill_high"])
    assert float(first["skill_boot_low"]) < float(first["skill_boot_high"])
