"""States that batches of answers are added to."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from helpers.examples import examples
from peerannot.aggregation import STRATEGIES, OnlineState, Result, build, load_state
from peerannot.aggregation.base import Strategy
from peerannot.aggregation.online.memory import KeptCounts
from peerannot.answers import Answers
from peerannot.checks.crowds import crowd
from peerannot.errors import DataError, DataWarning, ParameterError

VOTES = ["majority-vote", "naive-soft", "twothird", "weighted-vote[default_weight=0.3]", "wawa"]
EM = ["dawid-skene", "map-dawid-skene", "ibcc"]

ONLINE = [name for name in STRATEGIES if STRATEGIES[name].learns_online()]


def rows(answers: Answers, some: Any) -> Answers:
    """Some rows by themselves, with only the tasks and workers that occur in them."""
    return Answers.from_arrays(
        [answers.tasks[i] for i in answers.task[some]],
        [answers.workers[j] for j in answers.worker[some]],
        answers.label[some],
        None if answers.weight is None else answers.weight[some],
        classes=answers.classes,
        duplicates="all",
    )


def stream(rule: Strategy, answers: Answers, parts: list[Any], **options: Any) -> OnlineState:
    state = rule.partial_fit(rows(answers, parts[0]), **options)
    for part in parts[1:]:
        state = rule.partial_fit(rows(answers, part), state)
    return state


def assert_same(a: Result, b: Result) -> None:
    for name in ("tasks", "workers", "classes", "strategy", "options"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("posterior", "labels", "n_answers", "worker_answers", "confidence", "entropy"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert (a.skill is None) == (b.skill is None)
    if a.skill is not None and b.skill is not None:
        assert a.skill.tobytes() == b.skill.tobytes()


@pytest.mark.parametrize("name", VOTES)
@pytest.mark.parametrize("duplicates", ["last", "all"])
@examples(
    12,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_votes_of_any_batches_are_those_of_all(name: str, duplicates: Any, data: Any) -> None:
    row = st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 2))
    listed = data.draw(st.lists(row, min_size=1, max_size=30, unique_by=lambda r: r[:2]))
    weight = None
    if duplicates == "last":
        one = st.floats(0.01, 9.0) | st.just(1.0)
        size = len(listed)
        weight = data.draw(st.none() | st.lists(one, min_size=size, max_size=size))
    task, worker, label = zip(*listed, strict=True)
    answers = Answers.from_arrays(task, worker, label, weight, classes=3, duplicates=duplicates)
    batch = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(listed), max_size=30)))
    parts = [np.flatnonzero(batch[: answers.n_answers] == b) for b in range(4)]
    rule = build(name)
    state = stream(rule, answers, [p for p in parts if p.size], duplicates=duplicates)
    assert_same(state.result(), rule.fit(answers))
    if duplicates == "last":
        assert state.result().manifest() == rule.fit(answers).manifest()


def test_counts_are_all_that_a_vote_keeps_of_answers_that_all_count() -> None:
    answers, _ = crowd(20, 30, 3, 25, seed=1)
    state = stream(build("MV"), answers, np.array_split(np.arange(500), 3), duplicates="all")
    assert isinstance(state.memory, KeptCounts)
    assert state.memory.task.size <= 20 * 3
    assert state.n_answers == 500
    with pytest.raises(DataError, match="no room for weights"):
        build("MV").partial_fit(replace(answers, weight=np.ones(500)), state)
    # Who answered is needed by Wawa.
    assert not isinstance(
        stream(build("wawa"), answers, [range(9)], duplicates="all").memory, KeptCounts
    )


@pytest.mark.parametrize("name", ["la[order=given]", "la-two-pass[order=given,ties=random,seed=3]"])
@pytest.mark.parametrize("weighted", [False, True])
def test_la_reads_whole_tasks_in_order_as_the_fit_does(name: str, weighted: bool) -> None:
    answers, _ = crowd(50, 9, 3, 5, seed=2, weighted=weighted)
    cut = [0, 40, 41, 44, 50]
    parts = [np.arange(answers.task_ptr[a], answers.task_ptr[b]) for a, b in pairwise(cut)]
    rule = build(name.replace("ties=random", "ties=first"))
    assert_same(stream(rule, answers, parts).result(), rule.fit(answers))
    # One batch is the fit, whatever the order and the rule of ties.
    for spec in (name, "la", "la-two-pass[ties=random]"):
        assert_same(build(spec).partial_fit(answers).result(), build(spec).fit(answers))


def la_by_hand(batches: list[list[tuple[int, int, int]]], k: int) -> tuple[Any, Any]:
    """LA one-pass over batches, one answer at a time; returns scores and skills."""
    right: dict[int, float] = {}
    seen: dict[int, float] = {}
    score: dict[int, Any] = {}
    for batch in batches:
        for task in sorted({t for t, _, _ in batch}):
            fresh = [(j, y) for t, j, y in batch if t == task]
            scores = score.setdefault(task, np.zeros(k))
            for j, y in fresh:
                scores[y] += right.setdefault(j, 1.0) / seen.setdefault(j, 2.0)
            best = np.flatnonzero(scores >= scores.max() - 1e-12)
            for j, y in fresh:
                right[j] += (y in best) / len(best)
                seen[j] += 1
    return score, {j: right[j] / seen[j] for j in right}


def test_la_weighs_late_answers_to_a_task_by_the_skills_of_then() -> None:
    answers, _ = crowd(12, 6, 3, 4, seed=3)
    parts = np.array_split(np.random.default_rng(0).permutation(answers.n_answers), 4)
    state = stream(build("la[order=given]"), answers, parts)
    listed = [
        [(int(answers.task[a]), int(answers.worker[a]), int(answers.label[a])) for a in part]
        for part in parts
    ]
    score, skill = la_by_hand(listed, 3)
    result = state.result()
    assert result.skill is not None
    for task, scores in score.items():
        row = result.posterior[result.tasks.index_of[str(task)]]
        np.testing.assert_allclose(row, scores / scores.sum())
    for worker, value in skill.items():
        assert result.skill[result.workers.index_of[str(worker)]] == pytest.approx(value)


def test_la_takes_back_what_a_replaced_answer_counted() -> None:
    rule = build("la[order=given]")
    state = rule.partial_fit(Answers.from_arrays("aab", "uvu", [0, 0, 1], classes=2))
    before = dict(zip(state.memory.workers, state.sums["seen"], strict=True))
    with pytest.warns(DataWarning, match="1 answers replaced"):
        state = rule.partial_fit(Answers.from_arrays("a", "v", [1], classes=2), state)
    assert dict(zip(state.memory.workers, state.sums["seen"], strict=True)) == before
    assert state.sums["right"].tolist() == [3.0, 1.5]  # v: 1 + 1 right, taken back, then a tie


@pytest.mark.parametrize("name", EM)
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_of_em_are_those_of_dense_arrays(name: str, weighted: bool) -> None:
    answers, _ = crowd(40, 8, 3, 5, seed=4, weighted=weighted)
    parts = np.array_split(np.random.default_rng(1).permutation(answers.n_answers), 3)
    rule = build(name)
    state = stream(rule, answers, parts, decay=0.7, passes=2)
    counts, mass = em_by_hand(answers, parts, name, decay=0.7, passes=2)
    got = np.zeros_like(counts)
    got[state.sums["pair_worker"], :, state.sums["pair_label"]] = state.sums["counts"]
    np.testing.assert_allclose(got, counts, atol=1e-9)
    np.testing.assert_allclose(state.sums["mass"], mass, atol=1e-9)
    np.testing.assert_allclose(
        got.sum((1, 2)), np.bincount(answers.worker, answers.weight, 8), atol=1e-9
    )


def em_by_hand(
    answers: Answers, parts: list[Any], name: str, *, decay: float, passes: int
) -> tuple[Any, Any]:
    """Decaying steps with dense arrays, one answer at a time."""
    from scipy.special import digamma

    n, w, k = answers.n_tasks, answers.n_workers, answers.n_classes
    v = np.ones(answers.n_answers) if answers.weight is None else answers.weight
    beta = np.ones((k, k)) + 3 * np.eye(k)  # also how plain Dawid-Skene reads a batch

    def logs(counts: Any, mass: Any) -> tuple[Any, Any]:
        full = counts + beta
        if name == "ibcc":
            prior = digamma(mass + 1) - digamma((mass + 1).sum())
            return digamma(full) - digamma(full.sum(2, keepdims=True)), prior
        return np.log(full / full.sum(2, keepdims=True)), np.log(mass / mass.sum())

    counts, mass, known = np.zeros((w, k, k)), np.zeros(k), np.zeros(answers.n_answers, bool)
    for number, part in enumerate(parts):
        known[part] = True
        read = known & np.isin(answers.task, answers.task[part])
        total, m = (np.bincount(answers.worker[r], v[r], w) for r in (known, read))
        before = counts.sum((1, 2))
        n_known, n_read = (len(set(answers.task[r])) for r in (known, read))
        step = np.where(total > 0, m / np.maximum(total, 1e-300), 0) ** decay
        rate = (n_read / n_known) ** decay
        old, old_mass = counts, mass
        for turn in range(passes + (number == 0)):
            z = np.zeros((n, k))
            if number == 0 and turn == 0:
                for a in np.flatnonzero(read):
                    z[answers.task[a], answers.label[a]] += v[a]
            else:
                table, log_prior = logs(counts, mass)
                z += log_prior
                for a in np.flatnonzero(read):
                    z[answers.task[a]] += v[a] * table[answers.worker[a], :, answers.label[a]]
                z = np.exp(z - z.max(1, keepdims=True))
            seen = np.isin(np.arange(n), answers.task[read])
            z = np.where(seen[:, None], z / np.maximum(z.sum(1, keepdims=True), 1e-300), 0)
            new = np.zeros((w, k, k))
            for a in np.flatnonzero(read):
                new[answers.worker[a], :, answers.label[a]] += v[a] * z[answers.task[a]]
            counts = np.zeros_like(old)
            for j in range(w):
                if before[j] > 0:
                    counts[j] += (1 - step[j]) * old[j] / before[j] * total[j]
                if m[j] > 0:
                    counts[j] += step[j] * new[j] / m[j] * total[j]
            share = old_mass / old_mass.sum() if number else np.full(k, 1 / k)
            mass = n_known * ((1 - rate) * share + rate * z.sum(0) / z.sum())
    return counts, mass


@pytest.mark.parametrize("name", EM)
def test_em_in_batches_comes_near_the_fit(name: str) -> None:
    answers, truth = crowd(400, 12, 3, 5, seed=5)
    rule = build(name)
    whole = rule.fit(answers)
    one = rule.partial_fit(answers, begin="fit").result()
    np.testing.assert_allclose(one.posterior, whole.posterior, atol=0.02)
    order = np.random.default_rng(2).permutation(answers.n_answers)
    for parts in (np.array_split(np.arange(answers.n_answers), 10), np.array_split(order, 20)):
        result = stream(rule, answers, parts).result()
        assert (result.labels == whole.labels).mean() > 0.95
        assert (result.labels == truth).mean() > (whole.labels == truth).mean() - 0.02
        assert whole.skill is not None and result.skill is not None
        assert np.abs(result.skill - whole.skill).max() < 0.12


def test_a_batch_that_touches_every_task_is_a_step_of_em() -> None:
    answers, _ = crowd(30, 8, 3, 5, seed=6)
    last = answers.task_ptr[1:] - 1
    first = np.setdiff1d(np.arange(answers.n_answers), last)
    rule = build("ibcc")
    for decay in (0.6, 1.0):
        state = stream(rule, answers, [first, last], decay=decay)
        if decay == 0.6:
            counts = state.sums["counts"]
    np.testing.assert_array_equal(counts, state.sums["counts"])


@pytest.mark.parametrize("name", ONLINE)
def test_saved_states_come_back(name: str, tmp_path: Any) -> None:
    answers, _ = crowd(20, 6, 3, 4, seed=7)
    rule = build(name)
    gold = {"0": 1}
    half = np.arange(answers.n_answers // 2), np.arange(answers.n_answers // 2, answers.n_answers)
    begun = rule.partial_fit(rows(answers, half[0]), gold=gold)
    again = load_state(begun.save(tmp_path / "state"))
    assert repr(again) == repr(begun)
    a, b = (rule.partial_fit(rows(answers, half[1]), s).result() for s in (begun, again))
    assert_same(a, b)
    assert a.labels[0] == 1
    # The same state gives the same files, and nothing of the older one stays.
    files = {p.name: p.read_bytes() for p in (tmp_path / "state").iterdir()}
    rule.partial_fit(rows(answers, half[1]), again).save(tmp_path / "state")
    assert len(list((tmp_path / "state").iterdir())) == 2
    again.save(tmp_path / "state")
    assert {p.name: p.read_bytes() for p in (tmp_path / "state").iterdir()} == files


def test_damaged_states_are_told(tmp_path: Any) -> None:
    answers, _ = crowd(10, 4, 2, 3)
    with pytest.raises(DataError, match="no such file"):
        load_state(tmp_path)
    build("MV").partial_fit(answers).save(tmp_path)
    archive = next(tmp_path.glob("*.npz"))
    content = archive.read_bytes()
    archive.write_bytes(content[:-7])
    with pytest.raises(DataError, match="not the file that the manifest names"):
        load_state(tmp_path)
    archive.unlink()
    with pytest.raises(DataError, match="begin a new state"):
        load_state(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": "other"}')
    with pytest.raises(DataError, match="not a saved state"):
        load_state(tmp_path)


def test_a_save_that_fails_leaves_the_old_state(tmp_path: Any, monkeypatch: Any) -> None:
    answers, _ = crowd(10, 4, 2, 3)
    old = build("MV").partial_fit(rows(answers, range(9)))
    old.save(tmp_path)
    new = build("MV").partial_fit(answers, old)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("peerannot.aggregation.online.files.write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        new.save(tmp_path)
    assert load_state(tmp_path).n_answers == 9


@pytest.mark.parametrize("name", ONLINE)
def test_an_answer_sent_again_changes_nothing(name: str, tmp_path: Any) -> None:
    answers, _ = crowd(15, 5, 3, 4, seed=8)
    rule = build(name)
    gold = {answers.tasks[0]: answers.classes[0]}
    state = rule.partial_fit(answers, gold=gold)
    again = rule.partial_fit(rows(answers, range(10, 30)), state, gold=gold)
    assert_same(state.result(), again.result())
    state.save(tmp_path / "once")
    again.save(tmp_path / "twice")
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "twice" / file.name).read_bytes()
    known = {answers.tasks[1]: answers.classes[0]}
    assert rule.partial_fit(rows(answers, []), again, gold=known).updates == 2


def test_duplicates_across_batches() -> None:
    first = Answers.from_arrays("aa", "uv", [0, 1], classes=2)
    second = Answers.from_arrays("a", "u", [1], classes=2)
    rule = build("naive-soft")

    def posterior(policy: Any) -> Any:
        state = rule.partial_fit(first, duplicates=policy)
        return rule.partial_fit(second, state).result().posterior.tolist()

    with pytest.warns(DataWarning, match="replaced"):
        assert posterior("last") == [[0.0, 1.0]]
    with pytest.warns(DataWarning, match="replaced"):
        assert posterior("first") == [[0.5, 0.5]]
    assert posterior("all") == [[1 / 3, 2 / 3]]
    with pytest.raises(DataError, match="worker 'u' gave different answers to task 'a'"):
        posterior("error")


def test_what_cannot_be_added_is_told() -> None:
    rule = build("MV")
    state = rule.partial_fit(Answers.from_arrays("ab", "uv", ["cat", "dog"]))
    with pytest.raises(DataError, match=r"label 'dgo' of task 'c'.*did you mean 'dog'"):
        rule.partial_fit(Answers.from_arrays("c", "u", ["dgo"]), state)
    # Fewer classes, in another order, are fine.
    more = rule.partial_fit(Answers.from_arrays("c", "u", ["dog"]), state).result()
    assert more.label_names() == ["cat", "dog", "dog"]
    with pytest.raises(ParameterError, match="begin a new one"):
        build("MV[ties=first]").partial_fit(Answers.from_arrays("c", "u", ["dog"]), state)
    with pytest.raises(ParameterError, match="keeps the options"):
        rule.partial_fit(Answers.from_arrays("c", "u", ["dog"]), state, duplicates="all")
    for name in set(STRATEGIES) - set(ONLINE):
        with pytest.raises(ParameterError, match="cannot learn from batches"):
            STRATEGIES[name]().partial_fit(Answers.from_arrays("c", "u", ["dog"]))
    for wrong in ({"decay": 0.5}, {"passes": 0}, {"duplicates": "some"}, {"begin": "now"}):
        with pytest.raises(ParameterError, match=f"{next(iter(wrong))} must be"):
            rule.partial_fit(Answers.from_arrays("c", "u", ["dog"]), **wrong)
    with pytest.raises(DataError, match="no classes"):
        rule.partial_fit(Answers.from_arrays([], [], []))


def test_a_state_is_not_changed_by_what_comes_after() -> None:
    answers, _ = crowd(15, 5, 3, 4, seed=9)
    for name in ("la", "dawid-skene", "wawa"):
        rule = build(name)
        state = rule.partial_fit(rows(answers, range(20)))
        before = state.result()
        rule.partial_fit(rows(answers, range(20, 60)), state)
        assert_same(state.result(), before)


def test_warm_start_from_a_result_of_other_tasks() -> None:
    answers, _ = crowd(60, 9, 3, 5, seed=10)
    few = rows(answers, np.arange(answers.task_ptr[40]))
    rule = build("dawid-skene[max_iter=1,tol=0]")
    done = build("dawid-skene").fit(few)
    votes = build("naive-soft").fit(answers).posterior
    start = votes.copy()
    start[:40] = done.posterior
    assert_same(rule.fit(answers, init=done), rule.fit(answers, init=start))
    # A result of more tasks gives those that are asked for.
    whole = build("dawid-skene").fit(answers)
    assert_same(rule.fit(few, init=whole), rule.fit(few, init=whole.posterior[:40]))
    other = Answers.from_arrays("ab", "uv", ["cat", "dog"])
    with pytest.raises(DataError, match=r"its classes \(cat, dog\) are not those"):
        rule.fit(answers, init=build("MV").fit(other))
    same = [*"aabb"], [*"uvuv"], ["cat", "cat", "dog", "dog"]
    other, swapped = (Answers.from_arrays(*same, classes=c) for c in (None, ["dog", "cat"]))
    start_ = build("naive-soft").fit(other)
    a, b = (rule.fit(some, init=start_).posterior for some in (other, swapped))
    assert a[0, 0] > 0.9
    assert (a == b[:, ::-1]).all()


def test_command(tmp_path: Any, run: Any) -> None:
    answers, _ = crowd(30, 6, 3, 4, seed=11)
    votes: dict[str, dict[str, int]] = {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        votes.setdefault(str(i), {})[str(j)] = int(y)
    early = {t: v for t, v in votes.items() if int(t) < 20}
    late = {t: v for t, v in votes.items() if int(t) >= 20}
    (tmp_path / "metadata.json").write_text(json.dumps({"name": "d", "n_classes": 3}))
    (tmp_path / "answers.json").write_text(json.dumps(early))
    (tmp_path / "late.json").write_text(json.dumps(late))
    lines = [f"{t},{j},{y}" for t, v in late.items() for j, y in v.items()]
    (tmp_path / "late.csv").write_text("item,who,said\n" + "\n".join(lines) + "\n")
    # Without a state, --update begins one with the votes of the dataset.
    done = run("aggregate", ".", "-s", "MV", "--update", "late.json", cwd=tmp_path)
    assert "no saved state yet" in done.stderr
    labels = tmp_path / "labels" / "labels_d_MV.npy"
    whole = build("MV").fit(answers).posterior.tobytes()
    assert np.load(labels).tobytes() == whole
    run("aggregate", ".", "-s", "MV", "--save-state", cwd=tmp_path)
    assert np.load(labels).shape == (20, 3)
    columns = ("--task-col", "item", "--worker-col", "who", "--label-col", "said")
    done = run(
        "aggregate", ".", "-s", "MV", "--update", "late.csv", *columns, "--json", cwd=tmp_path
    )
    facts = json.loads(done.stdout)
    assert facts["updates"] == 2
    assert facts["n_answers"] == answers.n_answers
    assert np.load(labels).tobytes() == whole
    wrong = run(
        "aggregate", ".", "-s", "MV[ties=first]", "--update", "late.json", cwd=tmp_path, code=2
    )
    assert "--save-state" in wrong.stderr
