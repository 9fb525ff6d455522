"""Candidates, costs of tasks, capacities, forbidden pairs, and probes of new workers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from helpers.small_crowds import Small, make
from peerannot.allocation import greedy, plan
from peerannot.allocation.workers import read_pairs
from peerannot.errors import DataError, ParameterError

OPEN = {"sure": None, "gain": 0.0}


def pairs_of(found) -> list[tuple[str, str]]:
    table = found.table()
    return list(zip(table["task"], table["worker"], strict=True))


@pytest.mark.parametrize("policy", ["round-robin", "mutual-information"])
def test_candidates_with_the_mask_of_skactiveml(policy, small):
    """The mask has a row for each candidate, in their order."""
    tasks = ["t7", "t2", "t5"]
    mask = np.zeros((3, 5), np.bool_)
    mask[0, [0, 3]] = mask[1] = True
    found = plan(
        small.result, 50, answers=small.answers, tasks=tasks, mask=mask, policy=policy, stop=OPEN
    )
    allowed = {("t7", "w0"), ("t7", "w3")} | {("t2", f"w{j}") for j in range(5)}
    assert set(pairs_of(found)) == allowed - small.asked_before()
    assert found.n_candidates == 3 and set(found.done_table()["task"]) <= set(tasks)


@pytest.mark.parametrize("sparse", [False, True])
def test_forbidden_pairs(sparse, small):
    forbidden = np.zeros((12, 5), np.bool_)
    forbidden[:, 4] = forbidden[3] = True
    given = csr_array(forbidden) if sparse else forbidden
    found = plan(
        small.result, 99, answers=small.answers, forbidden=given, policy="entropy", stop=OPEN
    )
    free = {(f"t{i}", f"w{j}") for i, j in zip(*np.nonzero(~forbidden), strict=True)}
    assert set(pairs_of(found)) == free - small.asked_before()
    assert "t3" in found.done_table()["task"]


def test_capacities_by_worker(small):
    most = {"w0": 2, "w1": 0, "w2": 1, "w3": 3, "w4": 5}
    found = plan(small.result, 99, answers=small.answers, per_worker=most, policy="uniform",
                 stop=OPEN)  # fmt: skip
    assert Counter(found.table()["worker"]) == {"w0": 2, "w2": 1, "w3": 3, "w4": 5}
    same = plan(small.result, 99, answers=small.answers, per_worker=[2, 0, 1, 3, 5],
                policy="uniform", stop=OPEN)  # fmt: skip
    assert same.table() == found.table()


@pytest.mark.parametrize("policy", ["mutual-information", "round-robin"])
def test_costs_of_tasks_times_costs_of_workers(policy, small):
    dear = {f"t{i}": 1 + i % 3 for i in range(12)}
    cost = {f"w{j}": 1 + j / 2 for j in range(5)}
    found = plan(small.result, 20, None, cost, answers=small.answers, task_cost=dear,
                 policy=policy, stop=OPEN)  # fmt: skip
    table = found.table()
    assert table["cost"] == [dear[t] * cost[w] for t, w in pairs_of(found)]
    assert found.spent == pytest.approx(sum(table["cost"])) and 19 < found.spent <= 20


@pytest.mark.parametrize("policy", ["mutual-information", "round-robin", "entropy", "uniform"])
def test_costs_count_the_same_where_pairs_are_listed(policy, small):
    """A mask of all pairs is none: orders keep to the budget, and ask the cheap first."""
    dear = [1.0 + i % 3 for i in range(12)]
    cost = [2.0, 1.0, 3.0, 1.0, 2.0]
    found, listed = (
        plan(small.result, 20, None, cost, answers=small.answers, task_cost=dear, mask=mask,
             policy=policy, stop=OPEN)
        for mask in (None, np.ones((12, 5), np.bool_))
    )  # fmt: skip
    assert pairs_of(listed) == pairs_of(found) and listed.spent <= 20


def test_of_tasks_alike_the_cheap_go_first(small):
    alike = replace(small.result, posterior=np.tile([0.5, 0.3, 0.2], (12, 1)))
    dear = [3.0] * 6 + [1.0] + [3.0] * 5
    found = plan(alike, 2, answers=small.answers, task_cost=dear, stop=OPEN)
    assert {task for task, _ in pairs_of(found)} == {"t6"}


GOLD = {f"t{i}": i % 3 for i in range(6)}


def test_new_workers_are_asked_what_is_known_first(small):
    who = [*small.answers.workers, "eve", "mo"]
    with pytest.warns(UserWarning, match="2 workers without history"):
        found = plan(small.result, 12, who, answers=small.answers, gold=GOLD, probes=2, stop=OPEN)
    table = found.table()
    first, rest = found.picks[:4], found.picks[4:]
    assert all(pick.probe and pick.gain is None for pick in first)
    assert Counter(table["worker"][:4]) == {"eve": 2, "mo": 2}
    assert set(table["task"][:4]) <= set(GOLD) and table["reason"][0] == "label known, worker new"
    for worker in ("eve", "mo"):  # of another class each time
        assert len({GOLD[t] for t, w in pairs_of(found)[:4] if w == worker}) == 2
    assert len(set(table["task"][:4])) == 4  # nothing is told around
    # They are not asked more before they are known, and nobody else what is known.
    assert len(rest) == 8 and not any(pick.probe for pick in rest)
    assert not set(table["worker"][4:]) & {"eve", "mo"}
    assert not set(table["task"][4:]) & set(GOLD)
    assert found.done_counts()["label known"] == 6


def test_probes_keep_to_budget_capacity_and_pairs(small):
    who = ["eve", "mo"]
    for given, n in (
        ({"budget": 3}, 3),
        ({"per_worker": 2}, 4),
        ({"forbidden": np.array([[True, False]] * 12)}, 5),
        ({"task_cost": 2.0, "budget": 7}, 3),
        ({"probes": 0}, 0),
    ):
        asked = {"budget": 50, "workers": who, "answers": small.answers, "gold": GOLD, **given}
        found = plan(small.result, **asked, policy="entropy", stop=OPEN)
        assert sum(pick.probe for pick in found.picks) == n, given
        assert found.spent <= asked["budget"]
    # Who has answered some is asked the rest alone.
    found = plan(small.result, 50, answers=small.answers, gold=GOLD, probes=6, policy="entropy",
                 stop=OPEN)  # fmt: skip
    given = Counter(pick.worker for pick in found.picks if pick.probe)
    n = small.result.worker_answers
    assert all(given[j] <= max(6 - n[j], 0) for j in range(5)) and sum(given.values())


BAD = {
    "no such task": ({"tasks": ["t1", "x"]}, "tasks: 'x' is none of the result"),
    "task twice": ({"tasks": ["t1", "t1"]}, "tasks: 't1' is there twice"),
    "a text": ({"tasks": "t1"}, "tasks must be a list of ids, not 't1'"),
    "free task": ({"task_cost": 0}, "that of task 't0' must be above 0 and finite, not 0"),
    "cost of some": ({"task_cost": {"t0": 1}}, "cost: none of task 't1'"),
    "capacity of some": ({"per_worker": {"w0": 1}}, "per_worker: none of worker 'w1'"),
    "half": ({"per_worker": [1, 1, 0.5, 1, 1]}, "'w2' must be a whole number of at least 0"),
    "rows": ({"tasks": ["t1"], "mask": np.ones((12, 5), np.bool_)}, "expected 1 tasks x 5 workers"),
    "forbidden": ({"forbidden": np.ones((2, 2), np.bool_)}, "forbidden: expected 12 tasks"),
    "gold": ({"gold": {"t99": 0}}, "t99"),
    "probes": ({"gold": GOLD, "probes": -1}, "probes must be a number of answers, not -1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, small):
    given, message = BAD[case]
    with pytest.raises((DataError, ParameterError)) as error:
        plan(small.result, 3, answers=small.answers, **given)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_gold_needs_the_answers(small):
    mask = np.ones((12, 5), np.bool_)
    with pytest.raises(ParameterError, match="gold: which tasks are meant is not known"):
        plan(small.result, 3, mask=mask, gold=GOLD)


def test_a_table_of_pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("task,worker\nb,ann\na,bob\nb,ann\na,eve\n")
    found = read_pairs(path, ["a", "b"], ["ann", "bob"], {"eve"})
    assert found.toarray().tolist() == [[False, True], [True, False]]
    with pytest.raises(DataError, match=r"pairs.csv line 2: there is no task 'b'"):
        read_pairs(path, ["a"], ["ann", "bob"], {"eve"})
    with pytest.raises(DataError, match=r"pairs.csv line 5: there is no worker 'eve'"):
        read_pairs(path, ["a", "b"], ["ann", "bob"], ())


@pytest.mark.filterwarnings("ignore:.*without history")
def test_of_a_thin_mask_nearly_all_pairs_are_asked():
    small: Small = make(60, 40, 3, 2)
    mask = np.random.default_rng(0).random((60, 40)) < 0.05
    found = plan(small.result, 999, answers=small.answers, mask=csr_array(mask), stop=OPEN)
    allowed = {(f"t{i}", f"w{j}") for i, j in zip(*np.nonzero(mask), strict=True)}
    assert set(pairs_of(found)) <= allowed - small.asked_before()
    assert len(found.picks) > 0.9 * len(allowed - small.asked_before())


def test_many_who_cannot_be_asked_are_passed_over_at_once(monkeypatch):
    small: Small = make(200, 80, 3, 2)
    mask = np.zeros((200, 80), np.bool_)
    mask[:2, :70] = True
    looks: list[int] = []
    push = greedy._Steps.push_best

    def counted(self: greedy._Steps, task: int, pending: int) -> None:
        looks.append(task)
        push(self, task, pending)

    monkeypatch.setattr(greedy._Steps, "push_best", counted)
    forbidden = mask.copy()
    forbidden[2:] = True
    found = plan(small.result, 6, answers=small.answers, forbidden=forbidden, stop=OPEN)
    assert found.picks
    assert len(looks) <= 4 * (len(found.picks) + 4)
