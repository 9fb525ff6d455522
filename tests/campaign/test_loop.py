"""Rounds of a campaign: what is decided, when it is over, and what a state is worth."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from helpers.campaigns import CLASSES, Crowd
from helpers.misfits import coin_crowd
from peerannot import Answers
from peerannot.campaign import Campaign, Decision, Pulled, Rules, run
from peerannot.errors import AwayError, DataError, ParameterError


def whole(tool, folder: Path, *, said: list[str] | None = None, **rules) -> list[Decision]:
    """All decisions of a campaign until it is over."""
    told: list[Decision] = []
    campaign = Campaign(tool, Rules(**rules), folder, [].append if said is None else said.append)
    run(campaign, every=0.0, told=told.append)
    return told


def same(first: Decision, second: Decision) -> bool:
    return (
        first.round == second.round
        and first.labels == second.labels
        and first.plan.table() == second.plan.table()
        and np.array_equal(first.order, second.order)
    )


def test_from_no_answer_to_all_done(tmp_path):
    crowd = Crowd()
    said: list[str] = []
    rules = {"batch": 40, "per_worker": 8, "per_task": 8, "stop": {"sure": 0.95}}
    told = whole(crowd, tmp_path / "s", **rules, said=said)
    first, last = told[0].round, told[-1].round
    assert (first.number, first.n_answers, first.n_tasks, first.asked) == (1, 0, 60, 40)
    assert last.over == "all 60 tasks are done" and last.asked == 0 and not told[-1].plan.picks
    assert last.n_answers < 0.8 * 8 * 60 and last.saved == 8 * 60 - last.n_answers
    assert crowd.accuracy() >= 0.9 and abs(last.accuracy - crowd.accuracy()) < 0.1
    assert sum(d.round.n_new for d in told) == last.n_answers
    assert any(line.startswith("Check of the model at") for line in said)
    # A task is done with two answers or more, whatever one alone says.
    assert min(last_answers(told[-1])) >= 2
    assert set(told[-1].why_done) == set(crowd.tasks) and len(told[-1].order) == 0


def last_answers(decision: Decision) -> list[int]:
    return decision.answers.answers_per_task.tolist()


def test_fewer_answers_than_asking_everybody_for_the_same_labels(tmp_path):
    """The whole campaign beside asking each task as often, in turn."""
    crowd = Crowd(150, 8, seed=3)
    whole(crowd, tmp_path / "s", batch=50, per_worker=8, target_accuracy=0.95, checks=False)
    n, reached = len(crowd.given), crowd.accuracy()
    everybody = Crowd(150, 8, seed=3)
    rounds = whole(everybody, tmp_path / "t", batch=50, per_worker=8, policy="round-robin",
                   stop={"sure": None}, checks=False)  # fmt: skip
    needed = next(
        (d.round.n_answers for d in rounds
         if np.mean([d.labels[t] == CLASSES[k] for t, k in
                     zip(everybody.tasks, everybody.truth, strict=True)]) >= reached),
        len(everybody.given),
    )  # fmt: skip
    assert n <= 0.7 * needed, (n, needed, reached)


def test_budget_and_costs(tmp_path):
    last = whole(Crowd(), tmp_path / "a", batch=40, budget=100, checks=False)[-1]
    assert last.round.n_answers == 100 and last.round.spent == 100
    assert last.round.over == "the budget of 100 is spent"
    cost = {f"w{j}": 1.0 + 0.1 * j for j in range(8)}
    crowd = Crowd()
    last = whole(crowd, tmp_path / "b", batch=40, budget=50, cost=cost, per_worker=9,
                 workers=list(cost), checks=False)[-1]  # fmt: skip
    assert last.round.spent == pytest.approx(sum(cost[worker] for _, worker in crowd.given))
    assert 50 - 1 < last.round.spent <= 50 + 1e-9


def test_answers_from_before_cost_nothing(tmp_path):
    crowd = Crowd()
    whole(crowd, tmp_path / "a", batch=40, budget=80, checks=False)
    crowd.pushes.clear()
    last = whole(crowd, tmp_path / "b", batch=40, budget=20, checks=False)[-1]
    assert (last.round.n_answers, last.round.spent) == (100, 20)


def test_target_accuracy(tmp_path):
    crowd = Crowd()
    last = whole(crowd, tmp_path / "s", batch=40, per_worker=8, target_accuracy=0.9,
                 checks=False)[-1]  # fmt: skip
    assert last.round.over == "the target accuracy of 0.9 is reached"
    assert last.round.accuracy >= 0.9 and last.round.n_done < 60
    assert set(last.why_done.values()) >= {last.round.over}


def test_restarted_after_every_step_it_goes_on_as_if_nothing_was(tmp_path):
    rules = Rules(batch=40, per_worker=8)
    at_once = whole(Crowd(40), tmp_path / "a", batch=40, per_worker=8)
    crowd, told = Crowd(40), []
    while not told or not told[-1].round.over:
        # A new process each round, which first pushes again what the last one pushed.
        if told:
            pushed, crowd.pull = crowd.pull, lambda since: None
            again = Campaign(crowd, rules, tmp_path / "b", [].append).round()
            crowd.pull = pushed
            assert again is not None and same(again, told[-1])
            assert crowd.push(again) == 0
            crowd.pushes.pop()
        told.append(Campaign(crowd, rules, tmp_path / "b", [].append).round())
    assert len(told) == len(at_once) and all(map(same, told, at_once))


@pytest.mark.parametrize("online", [False, True])
def test_answers_in_parts_are_those_at_once(tmp_path, online):
    rules = {"batch": 40, "per_worker": 8, "strategy": "DS", "online": online, "checks": False}
    parts = whole(Crowd(), tmp_path / "a", **rules)
    full = whole(Crowd(whole=True), tmp_path / "b", **rules)
    assert len(parts) == len(full) and all(map(same, parts, full))


def test_online_it_learns_what_a_fit_finds(tmp_path):
    crowd = Crowd()
    told = whole(crowd, tmp_path / "s", batch=40, per_worker=8, strategy="DS", online=True,
                 checks=False)  # fmt: skip
    assert crowd.accuracy() >= 0.85
    sums = Campaign(crowd, Rules(), tmp_path / "s", print).known.sums
    assert sums and told[-1].round.number > 3


def test_nothing_new_is_no_round_and_pushes_nothing(tmp_path):
    crowd = Crowd()
    crowd.pull = lambda since, pull=crowd.pull: pull(since) if since is None else None
    campaign = Campaign(crowd, Rules(checks=False), tmp_path / "s", print)
    assert campaign.round() is not None
    manifest = (tmp_path / "s" / "manifest.json").stat()
    assert campaign.round() is None and len(crowd.pushes) == 1
    assert (tmp_path / "s" / "manifest.json").stat() == manifest


def test_a_tool_that_is_away_is_said_once_and_comes_back(tmp_path):
    said: list[str] = []
    crowd = Crowd(away=(2, 3, 4, 9))
    told = whole(crowd, tmp_path / "a", batch=40, per_worker=8, said=said, checks=False)
    away = [line for line in said if "sleeps" in line]
    assert away == ["the crowd sleeps; trying again until it is back"] * 2
    assert [line for line in said if "is back after" in line] == [
        "the crowd is back after 3 tries", "the crowd is back after 1 try",
    ]  # fmt: skip
    assert all(map(same, told, whole(Crowd(), tmp_path / "b", batch=40, per_worker=8,
                                     checks=False)))  # fmt: skip


def test_the_pauses_double_up_to_a_limit_and_heed_the_tool(tmp_path, monkeypatch):
    from peerannot.campaign import loop

    class Clock(threading.Event):
        def wait(self, timeout=None):
            pauses.append(timeout)
            if len(pauses) == 9:
                stop.set()
            return False

    class Away:
        name = "it"

        def pull(self, since):
            raise AwayError("it is away", 200 if len(pauses) == 1 else None)

    pauses, stop = [], threading.Event()
    monkeypatch.setattr(loop, "LONGEST", 300.0)
    campaign = Campaign(Away(), Rules(), tmp_path / "s", [].append)
    assert run(campaign, every=5.0, told=print, wake=Clock(), stop=stop) is None
    assert pauses == [5, 200, 20, 40, 80, 160, 300, 300, 300]
    assert not (tmp_path / "s").exists()


def test_a_webhook_wakes_it(tmp_path):
    crowd, wake = Crowd(), threading.Event()

    def told(decision):
        wake.set()

    campaign = Campaign(crowd, Rules(batch=40, per_worker=8, checks=False), tmp_path / "s", print)
    done = run(campaign, every=10_000.0, told=told, wake=wake)
    assert done is not None and done.round.over


class Steps:
    """A tool that gives one pull after the other."""

    name = "steps"

    def __init__(self, *steps):
        self.steps, self.pushed = list(steps), []

    def pull(self, since):
        return self.steps.pop(0) if self.steps else None

    def push(self, decision):
        self.pushed.append(decision)
        return 1


def votes(*rows, **more):
    task, worker, label = zip(*rows, strict=True)
    return Pulled(answers=Answers.from_arrays(task, worker, label), **more)


def rounds(tmp_path, *steps, said=None, **rules):
    tool = Steps(*steps)
    campaign = Campaign(tool, Rules(checks=False, **rules), tmp_path / "s",
                        [].append if said is None else said.append)  # fmt: skip
    return [campaign.round() for _ in steps]


def test_classes_come_answers_change_and_are_taken_back(tmp_path):
    a, b, c, d = rounds(
        tmp_path,
        votes(("a", "u", "x"), ("a", "v", "y"), ("b", "u", "x")),
        votes(("c", "w", "m")),
        votes(("a", "v", "x")),
        Pulled(withdrawn=[("b", "u"), ("zz", "u")]),
    )
    assert [list(r.answers.classes) for r in (a, b, c, d)] == [["x", "y"]] + [["m", "x", "y"]] * 3
    assert [r.round.n_answers for r in (a, b, c, d)] == [3, 4, 4, 3]
    assert c.labels["a"] == "x" and b.labels["c"] == "m"
    assert [r.round.number for r in (a, b, c, d)] == [1, 2, 3, 4]
    assert d.answers.answers_per_task.tolist() == [2, 0, 1]


def test_who_passed_over_is_not_asked_again_and_only_listed_tasks_are(tmp_path):
    first, second = rounds(
        tmp_path,
        votes(("a", "u", "x"), ("a", "v", "y"), ("b", "u", "x"), tasks=["a", "b", "c"],
              workers=["u", "v"], passed_over=[("c", "u")]),
        Pulled(tasks=["a", "c"], passed_over=[("c", "v")]),
    )  # fmt: skip
    asked = set(zip(first.plan.table()["task"], first.plan.table()["worker"], strict=True))
    assert asked == {("b", "v"), ("c", "v")}
    assert not second.plan.picks and second.round.n_tasks == 2
    assert second.round.over == "all 2 tasks are done"


def test_who_passed_over_is_not_asked_again_however_large_a_campaign_is(tmp_path, monkeypatch):
    monkeypatch.setattr("peerannot.campaign.choose.CELLS", 0)
    (only,) = rounds(
        tmp_path,
        votes(("a", "u", "x"), ("a", "v", "y"), ("b", "u", "x"), tasks=["a", "b", "c"],
              workers=["u", "v"], passed_over=[("c", "u")]),
    )  # fmt: skip
    assert sorted(only.plan.table()["worker"]) == ["v", "v"]


def test_nobody_left_to_ask_is_no_end_where_others_may_come(tmp_path):
    (only,) = rounds(tmp_path, votes(("a", "u", "x"), ("a", "v", "y"), tasks=["a"]))
    assert only.round.done == {"nobody left to ask": 1} and not only.round.over


def test_known_labels_are_held_fixed(tmp_path):
    (only,) = rounds(
        tmp_path,
        votes(*[(f"t{i}", w, "x") for i in range(5) for w in "uv"], ("t0", "w", "y"),
              gold={"t0": "y", "gone": "x"}),
    )  # fmt: skip
    assert only.labels["t0"] == "y"


def test_too_little_for_a_decision_is_waited_for(tmp_path):
    said: list[str] = []
    nothing, alike, more = rounds(
        tmp_path, Pulled(since=0), votes(("a", "u", "x"), ("b", "u", "x")),
        votes(("a", "v", "y")), said=said,
    )  # fmt: skip
    assert nothing is None and alike is None and more is not None
    assert said == [
        "steps: no answers yet; waiting",
        "steps: all answers are the same yet, and the classes are not known; waiting",
    ]
    # What came before the first round that could be decided has a cost all the same.
    assert more.round.spent == 3


def test_a_label_that_is_no_class_of_the_tool(tmp_path):
    with pytest.raises(DataError, match=r"label 'z' of task 'a' is not one of x, y"):
        rounds(tmp_path, votes(("a", "u", "z"), classes=["x", "y"]))


def test_a_damaged_state_is_one_line(tmp_path):
    rounds(tmp_path, votes(("a", "u", "x"), ("a", "v", "y")))
    next((tmp_path / "s").glob("arrays-*.npz")).write_bytes(b"nothing")
    with pytest.raises(DataError, match="not the file that the manifest names"):
        Campaign(Steps(), Rules(), tmp_path / "s", print)


def test_two_processes_of_one_state_see_each_other(tmp_path):
    crowd = Crowd()
    rules = Rules(batch=40, per_worker=8, checks=False)
    one, two = (Campaign(crowd, rules, tmp_path / "s", print) for _ in "ab")
    told = [campaign.round() for _ in range(3) for campaign in (one, two)]
    assert [d.round.number for d in told] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget": 0}, "budget must be above 0"),
        ({"target_accuracy": 1.5}, "target_accuracy must be between 0 and 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"online": True}, "one-coin cannot learn from batches"),
        ({"strategy": "nosuch"}, "nosuch"),
        ({"stop": {"sur": 0.9}}, "no rule 'sur'"),
    ],
)
def test_rules_that_cannot_be(given, said):
    with pytest.raises(ParameterError, match=said):
        Rules(**given)


def test_a_model_that_does_not_fit_is_not_believed(tmp_path):
    """Workers who favour a class: one-coin is surer than it is right, and is calibrated."""
    answers, made = coin_crowd(seed=1, biased=0.3, per_task=6)
    said: list[str] = []
    campaign = Campaign(Steps(Pulled(answers=answers)), Rules(), tmp_path / "s", said.append)
    checked = campaign.round()
    assert "one-coin passes, though it does not fit (skill)" in said[-1]
    assert said[-1].endswith("; calibrated") and said[-1].endswith(checked.round.check)
    (plain,) = rounds(tmp_path / "plain", Pulled(answers=answers))
    right = np.mean(plain.result.labels == made["truth"])
    assert plain.round.accuracy - right > 0.05
    assert abs(checked.round.accuracy - right) < 0.6 * (plain.round.accuracy - right)
    assert checked.round.n_done < plain.round.n_done
    assert checked.labels == plain.labels
    # What was found is kept: another process does not look again.
    again = Campaign(Steps(), Rules(), tmp_path / "s", said.append)
    assert same(again.round(), checked) and len(said) == 1
