"""Pairs in order: as brute force has them, within capacities, costs and masks."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from helpers.small_crowds import Small, make
from peerannot.aggregation import MajorityVote, OneCoin
from peerannot.allocation import POLICIES, Stop, crowd, greedy, next_tasks, plan, read_workers
from peerannot.allocation import ranked as ranking
from peerannot.allocation.crowd import Crowd
from peerannot.allocation.pending import after
from peerannot.allocation.ranked import ranked
from peerannot.answers import Answers
from peerannot.errors import DataError, DataWarning, ParameterError

ALL = {"sure": None}
planning = sys.modules["peerannot.allocation.plan"]  # the function has its name
GAINS = ("expected-accuracy", "likelihood-ratio", "mutual-information", "thompson")


def by_brute_force(small: Small, name: str, budget: float, cost: dict[str, float]) -> list:
    """Each step looks at all pairs; what is pending is enumerated answer by answer."""
    policy, who = POLICIES[name](), Crowd(small.result, None, cost, None)
    pairs = {(t, w) for t in small.answers.tasks for w in small.answers.workers}
    pairs -= small.asked_before()
    channel = {w: who.channel(j) for j, w in enumerate(who.ids)}
    pending: dict[str, list[str]] = {t: [] for t in small.answers.tasks}
    k, chosen = small.answers.n_classes, []
    while True:
        values = {}
        for task, worker in sorted(pairs):
            if cost[worker] > budget + 1e-9:
                continue
            z = small.result.posterior[small.answers.tasks.index_of[task]]
            value = 0.0
            for said in product(range(k), repeat=len(pending[task])):
                joint = z.copy()
                for one, answer in zip(pending[task], said, strict=True):
                    joint = joint * channel[one][:, answer]
                value += float(policy.value(joint[None], channel[worker])[0])
            values[task, worker] = value / cost[worker]
        if not values or max(values.values()) <= 1e-9:
            return chosen
        task, worker = max(values, key=lambda pair: values[pair])
        chosen.append((task, worker))
        pending[task].append(worker)
        budget -= cost[worker]
        pairs.remove((task, worker))


@pytest.mark.filterwarnings("ignore:.*without history")
@pytest.mark.parametrize("name", ["expected-accuracy", "mutual-information"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("costs", [(1, 1, 1, 1, 1), (1, 2, 1.5, 3, 2.5)])
@pytest.mark.parametrize("coins", [False, True])
def test_a_batch_is_what_brute_force_chooses(name, seed, costs, coins):
    small = make(6, 5, 3, seed)
    if coins:  # some workers are outdone by others
        skill = np.random.default_rng(seed).uniform(0.4, 0.9, 5)
        small = replace(small, result=replace(small.result, confusion=None, skill=skill))
    cost = dict(zip(small.answers.workers, costs, strict=True))
    found = plan(small.result, 9, None, cost, answers=small.answers, policy=name, stop=ALL)
    table = found.table()
    pairs = list(zip(table["task"], table["worker"], strict=True))
    assert pairs == by_brute_force(small, name, 9, cost)
    assert found.spent == pytest.approx(sum(table["cost"])) and found.spent <= 9


def test_ranked_is_a_sort(monkeypatch):
    rng = np.random.default_rng(0)
    values = np.round(rng.random(500), 2)
    most = values + np.round(rng.random(500) / 5, 2)
    at = np.argsort(-most, kind="stable")
    looked = []

    def value(tasks):
        looked.extend(tasks.tolist())
        return values[tasks]

    monkeypatch.setattr(ranking, "BEGIN", 8)
    found = ranked(value, at, most[at])
    expected = sorted(((float(v), i) for i, v in enumerate(values)), key=lambda p: (-p[0], p[1]))
    assert next(found) == expected[0]
    assert len(looked) < 500
    assert [expected[0], *found] == expected
    assert sorted(looked) == list(range(500))


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_nobody_is_asked_twice_or_more_than_capacity(name, small):
    found = plan(
        small.result, 30, **small.asking(name), per_worker=4, stop={"sure": None, "gain": 0.0}
    ).table()
    pairs = list(zip(found["task"], found["worker"], strict=True))
    assert len(set(pairs)) == len(pairs) and not set(pairs) & small.asked_before()
    assert max(Counter(found["worker"]).values()) == 4
    assert len(pairs) == 20


@pytest.mark.parametrize("name", sorted(POLICIES))
@pytest.mark.parametrize("sparse", [False, True])
def test_only_pairs_of_the_mask(name, sparse, small):
    mask = np.zeros((12, 5), np.bool_)
    mask[2:5, 1:3] = True
    mask[0] = True
    given = csr_array(mask) if sparse else mask
    found = plan(
        small.result, 99, **small.asking(name), mask=given, stop={"sure": None, "gain": 0.0}
    )
    pairs = set(zip(found.table()["task"], found.table()["worker"], strict=True))
    allowed = {(f"t{i}", f"w{j}") for i, j in zip(*np.nonzero(mask), strict=True)}
    assert pairs == allowed - small.asked_before()
    assert found.done_counts() == {"nobody left to ask": 8 + _asked_up(small, mask)}


def _asked_up(small: Small, mask: np.ndarray) -> int:
    """Tasks of the mask whose allowed workers have all answered."""
    free = mask.copy()
    free[small.answers.task, small.answers.worker] = False
    return int((mask.any(1) & ~free.any(1)).sum())


def test_groups_of_like_workers_choose_nearly_as_well(monkeypatch):
    small = make(40, 12, 3, 1)
    exact = plan(small.result, 20, answers=small.answers, per_worker=3, stop=ALL)
    monkeypatch.setattr(crowd, "CELLS", 0)
    monkeypatch.setattr(crowd, "GROUPS", 4)
    rough = plan(small.result, 20, answers=small.answers, per_worker=3, stop=ALL)
    pairs = list(zip(rough.table()["task"], rough.table()["worker"], strict=True))
    assert len(set(pairs)) == 20 and not set(pairs) & small.asked_before()
    gained = [sum(found.table()["gain"]) for found in (rough, exact)]
    assert 0.8 * gained[1] < gained[0] <= gained[1] * 1.02


@pytest.mark.parametrize("name", ["expected-accuracy", "mutual-information", "round-robin"])
def test_cheap_workers_go_first_where_they_are_as_good(name, small):
    alike = replace(small.result, confusion=np.repeat(small.result.confusion[:1], 5, axis=0))
    alike = replace(alike, worker_answers=np.full(5, 6))
    cost = {"w0": 3.0, "w1": 1.0, "w2": 3.0, "w3": 3.0, "w4": 3.0}
    found = plan(alike, 5, None, cost, answers=small.answers, policy=name, stop=ALL)
    assert set(found.table()["worker"]) == {"w1"} and found.spent == 5


def test_what_ann_should_do_now(small):
    found = plan(small.result, 3, ["w2"], answers=small.answers, stop=ALL).table()
    assert found["worker"] == ["w2"] * 3 and len(set(found["task"])) == 3


def test_a_worker_without_history_is_the_mean_of_the_others(small):
    with pytest.warns(DataWarning, match=r"1 worker without history \(eve\)"):
        found = plan(small.result, 2, ["eve"], answers=small.answers, stop=ALL)
    assert found.table()["reason"][0].endswith("worker new")
    n = small.result.worker_answers
    cells = np.maximum(small.result.confusion, 1e-6)
    cells = cells / cells.sum(2, keepdims=True)
    assert found.crowd.channel(0) == pytest.approx((n[:, None, None] * cells).sum(0) / n.sum())


def test_done_and_why(small):
    stop = Stop(sure=0.9, answers=3)
    found = plan(small.result, 500, answers=small.answers, policy="round-robin", stop=stop)
    sure = small.result.confidence >= 0.9
    assert found.done_counts() == {"sure enough (0.9)": int(sure.sum())}
    assert found.done_table()["task"] == [f"t{i}" for i in np.flatnonzero(sure)]
    # The one that is asked for is the third.
    assert Counter(found.table()["task"]) == {f"t{i}": 1 for i in np.flatnonzero(~sure)}
    found = plan(small.result, 5, answers=small.answers, stop={"sure": None, "answers": 2})
    assert found.done_counts() == {"at most 2 answers": 12} and found.picks == []
    found = plan(small.result, 5, answers=small.answers, stop={"sure": None, "gain": 2.0})
    assert found.done_counts() == {"no gain left": 12}


def test_no_gain_is_no_answer(small):
    """Spammers tell nothing."""
    spam = replace(small.result, confusion=np.full((5, 3, 3), 1 / 3))
    assert plan(spam, 5, answers=small.answers, stop=ALL).picks == []


def test_a_frame_comes_back_as_it_came(small):
    pd = pytest.importorskip("pandas")
    data = pd.DataFrame({"task": [1, 1, 2], "worker": ["a", "b", "a"], "label": [0, 1, 0]})
    result = OneCoin().fit(data)
    answers = Answers.from_arrays(data["task"], data["worker"], data["label"])
    frame = next_tasks(result, 1, answers=answers, stop=ALL, policy="entropy", workers=["b", "c"])
    assert isinstance(frame, pd.DataFrame) and list(frame.columns) == [
        "worker", "gain", "cost", "reason",
    ]  # fmt: skip
    assert next_tasks(small.result, 2, answers=small.answers, stop=ALL).shape == (2, 5)


BAD = {
    "budget of 0": ({"budget": 0}, "budget must be above 0 and finite, not 0"),
    "no number": ({"budget": "5"}, "budget must be a number of answers, not '5'"),
    "infinite": ({"budget": np.inf}, "not inf"),
    "unknown policy": ({"policy": "entropie"}, "did you mean 'entropy'"),
    "capacity": ({"per_worker": 0}, "per_worker must be at least 1, not 0"),
    "nobody": ({"workers": []}, "there is nobody to ask"),
    "twice": ({"workers": ["a", "a"]}, "workers: 'a' is there twice; each has one row"),
    "a text": ({"workers": "ann"}, "must be a list of ids, not 'ann'"),
    "free": ({"cost": 0}, "must be above 0 and finite, not 0"),
    "cost of some": ({"cost": {"w0": 1}}, "none of worker 'w1'"),
    "costs of others": ({"cost": [1, 2]}, "2 numbers for 5 workers"),
    "no costs": ({"cost": "much"}, "expected a number of each worker"),
    "shape": ({"mask": np.ones((2, 2), np.bool_)}, "expected 12 tasks x 5 workers, not shape (2"),
    "kind": ({"mask": np.ones((12, 5))}, "expected true or false of each pair, not float64"),
    "rule": ({"stop": {"sur": 1.0}}, "no rule 'sur'; there are sure, error, answers, hopeless"),
    "range": ({"stop": {"sure": 2.0}}, "sure must be at most 1"),
    "no rules": ({"stop": 3}, "stop must be a Stop or rules"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, small):
    given, message = BAD[case]
    with pytest.raises((DataError, ParameterError)) as error:
        plan(small.result, **{"budget": 3, "answers": small.answers, **given})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_strategy_without_skills(small):
    result = MajorityVote().fit(small.answers)
    with pytest.raises(ParameterError, match="mutual-information needs skills of workers"):
        plan(result, 3, answers=small.answers)
    assert len(plan(result, 3, answers=small.answers, policy="entropy").picks) == 3


def test_answers_of_others(small):
    with pytest.raises(DataError, match="not those of the result"):
        plan(small.result, 3, answers=make(13).answers)
    with pytest.warns(DataWarning, match="who answered what is not known"):
        plan(small.result, 3)


def test_a_table_of_workers(tmp_path):
    path = tmp_path / "workers.csv"
    path.write_text("worker,price\nann,2\n007,0.5\n")
    assert read_workers(path) == (["ann", "007"], None)
    assert read_workers(path, "price") == (["ann", "007"], [2.0, 0.5])
    path.write_text("worker,price\nann,much\n")
    with pytest.raises(DataError, match=r"workers.csv.* 2.*price must be a number, not 'much'"):
        read_workers(path, "price")
    with pytest.raises(DataError, match="pay"):
        read_workers(path, "pay")


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_sparse_posterior_of_many_classes(name, monkeypatch):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 200, 60)
    answers = Answers.from_arrays(np.arange(60) % 30, np.arange(60) // 15, label, classes=200)
    dense = MajorityVote().fit(answers)
    result = replace(dense, posterior=csr_array(dense.posterior))
    small = replace(result, skill=np.full(4, 0.7)) if name in GAINS else result
    asking = Small(answers, small).asking(name)
    if name == "likelihood-ratio":  # between two classes of a task, one answer of each worker
        share = csr_array(0.5 * dense.posterior + 0.5 * np.roll(dense.posterior, 1, axis=1))
        small = replace(small, posterior=share)
    found = plan(small, 3, **asking, stop=ALL, per_worker=1)
    assert len({pick.task for pick in found.picks}) == 3
    same = replace(small, posterior=small.posterior.toarray())
    monkeypatch.setattr(planning, "MANY", 999)  # all classes of the dense one
    again = plan(same, 3, **asking, stop=ALL, per_worker=1)
    gains = [None if pick.gain is None else pytest.approx(pick.gain) for pick in found.picks]
    assert [pick.gain for pick in again.picks] == gains


def test_outcomes_taken_together_keep_their_probability():
    rng = np.random.default_rng(0)
    channel = 0.1 + 0.7 * np.eye(3)
    outcomes = rng.dirichlet(np.ones(3))[None]
    for n in range(1, 8):
        outcomes = after(outcomes, channel)
        assert len(outcomes) == (3**n if n < 6 else len(outcomes)) <= 256
        assert outcomes.sum() == pytest.approx(1)
    assert len(outcomes) <= 9


@pytest.mark.parametrize(("error", "done"), [(0.1, 1), (0.05, 0)])
def test_the_ratio_test_by_hand(error, done, small):
    """Two answers of workers right 8 times in 10: a ratio of 16, between 9 and 19. The prior, 3 to
    1 against, moves the posterior to 16 : 3 and not the ratio."""
    row = np.array([16, 3, 0.0]) / 19
    result = replace(
        small.result, posterior=np.tile(row, (12, 1)), prior=np.array([0.25, 0.75, 1e-9])
    )
    found = plan(result, 1, answers=small.answers, stop={"sure": None, "error": error})
    assert sum(found.done_counts().values()) == 12 * done


def test_no_answer_decides_no_ratio(small):
    nothing = replace(small.result, n_answers=np.zeros(12, np.int64))
    found = plan(nothing, 1, answers=small.answers, stop={"sure": None, "error": 0.4})
    assert found.done_counts() == {}


def test_thompson_draws_skills_of_the_right_spread():
    skill, n = np.full(4000, 0.7), np.full(4000, 16)
    drawn = POLICIES["thompson"]().skills(skill, n, 4)
    assert drawn.mean() == pytest.approx(0.7, abs=0.01)
    # Variance of Beta(14, 6)
    assert drawn.var() == pytest.approx(0.7 * 0.3 / 21, rel=0.1)
    assert not np.array_equal(drawn, POLICIES["thompson"](seed=1).skills(skill, n, 4))
    assert not np.array_equal(drawn, POLICIES["thompson"]().skills(skill, n + 1, 4))


@pytest.mark.filterwarnings("ignore:.*without history")
def test_thompson_tries_new_workers(small):
    """Mutual information always asks the best of those who are known."""

    def first(policy):
        who = [*small.answers.workers, "eve", "mo"]
        found = plan(small.result, 1, who, answers=small.answers, policy=policy, stop=ALL)
        return found.table()["worker"][0]

    assert first("mutual-information") not in ("eve", "mo")
    tried = {first(f"thompson[seed={seed}]") for seed in range(20)}
    assert tried & {"eve", "mo"} and len(tried) > 2


@pytest.mark.filterwarnings("ignore:.*without history")
@pytest.mark.parametrize("name", [n for n in sorted(POLICIES) if n in GAINS])
@pytest.mark.parametrize("capacity", [None, 3])
def test_listed_pairs_are_chosen_as_all_pairs_are(name, capacity, small, monkeypatch):
    """A mask of all pairs: looked at one by one, or through groups of workers."""
    mask = np.ones((12, 5), np.bool_)
    asked = {"answers": small.answers, "policy": name, "per_worker": capacity, "stop": ALL}
    cost = [1, 2, 1.5, 3, 2.5]
    listed = plan(small.result, 25, None, cost, mask=mask, **asked).table()
    monkeypatch.setattr(greedy, "LISTED", 0)
    assert listed == plan(small.result, 25, None, cost, mask=mask, **asked).table()
    assert len(listed["task"]) > 5


@pytest.mark.filterwarnings("ignore:.*without history")
@pytest.mark.parametrize("name", GAINS)
def test_of_many_classes_the_likeliest_are_looked_at(name, monkeypatch):
    """What the others have is little here, and so is the difference."""
    rng = np.random.default_rng(0)
    few = rng.dirichlet(np.ones(3), 20) * 0.999
    rows = np.concatenate((few, np.full((20, 67), 0.001 / 67)), axis=1)
    label = rng.integers(0, 70, 40)
    answers = Answers.from_arrays(np.arange(40) % 20, np.arange(40) // 20, label, classes=70)
    result = replace(OneCoin().fit(answers), posterior=rows, skill=np.array([0.6, 0.8]))
    narrow = plan(result, 5, ["new"], answers=answers, policy=name, stop=ALL)
    monkeypatch.setattr(planning, "MANY", 999)
    whole = plan(result, 5, ["new"], answers=answers, policy=name, stop=ALL)
    assert narrow.tasks.width == 32 and whole.tasks.width == 70
    gains = [pick.gain for pick in whole.picks]
    assert [pick.gain for pick in narrow.picks] == pytest.approx(gains, rel=0.02)


def test_workers_who_answered_are_not_looked_at_one_after_the_other(monkeypatch):
    n_tasks, n_workers = 40, 30
    rng = np.random.default_rng(4)
    truth = rng.integers(2, size=n_tasks)
    said = np.where(rng.random((n_tasks, n_workers)) < 0.6, truth[:, None], 1 - truth[:, None])
    asked = rng.random(said.shape) < 0.4
    votes = {
        f"t{i}": {f"w{j}": int(said[i, j]) for j in np.flatnonzero(asked[i])}
        for i in range(n_tasks)
    }
    answers = Answers.from_mapping(votes, classes=2)
    failed = []
    fail = greedy._Steps.fail
    monkeypatch.setattr(greedy._Steps, "fail", lambda *a: (failed.append(a), fail(*a))[1])
    found = plan(OneCoin().fit(answers), 100, answers=answers)
    assert len(found.picks) > 50
    assert len(failed) < len(found.picks)  # 6 times as many, one after the other
