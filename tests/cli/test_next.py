"""``peerannot next`` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A folder of 40 tasks, two answers each of five workers."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40)
    votes = {}
    for t in range(40):
        who = rng.choice(5, 2, replace=False)
        said = np.where(rng.random(2) < 0.8, truth[t], 1 - truth[t])
        votes[f"t{t}"] = {f"w{w}": int(y) for w, y in zip(who, said, strict=True)}
    root = tmp_path / "set"
    root.mkdir()
    (root / "answers.json").write_text(json.dumps(votes))
    (root / "metadata.json").write_text(json.dumps({"name": "set", "n_classes": 2}))
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_table_of_whom_to_ask_what(crowd, run):
    done = run("next", crowd, "--budget", 5, "--per-worker", 2)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[0].split() == ["task", "worker", "gain", "reason"]
    assert len(lines) == 2 + 5 and "sure, 2 answers, worker 0." in lines[2]
    assert "of 40 tasks are done" in done.stderr
    assert "5 answers to ask for, 5 of 5 spent; gain in nats" in done.stderr
    facts = json.loads(run("next", crowd, "--budget", 5, "--per-worker", 2, "--json").stdout)
    assert facts["schema"] == "peerannot/next/1"
    assert (facts["policy"], facts["strategy"]) == ("mutual-information", "one-coin")
    assert [row["task"] for row in facts["asked"]] == [line.split()[0] for line in lines[2:]]
    votes = json.loads((crowd / "answers.json").read_text())
    assert all(row["worker"] not in votes[row["task"]] for row in facts["asked"])


def test_files_with_costs_and_what_is_done(crowd, run, tmp_path):
    (tmp_path / "workers.csv").write_text("worker,price\nw0,1\nw4,2.5\neve,1\n")
    out, left = tmp_path / "next.csv", tmp_path / "done.csv"
    args = ["--workers", tmp_path / "workers.csv", "--cost", "price", "-p", "QASCA"]
    args += ["-o", out, "--done", left, "--stop", "sure=0.9"]
    done = run("next", crowd, "--budget", 10, *args)
    assert done.stdout == "" and str(out) in done.stderr
    assert "1 worker without history (eve)" in done.stderr
    table = rows(out)
    assert list(table[0]) == ["task", "worker", "gain", "cost", "reason"]
    assert {row["worker"] for row in table} <= {"w0", "w4", "eve"}
    assert 9 <= sum(float(row["cost"]) for row in table) <= 10
    assert {row["reason"] for row in rows(left)} == {"sure enough (0.9)"}
    assert not {row["task"] for row in rows(left)} & {row["task"] for row in table}
    first = out.read_bytes()
    assert "exists already" in run("next", crowd, "--budget", 10, *args, code=2).stderr
    run("next", crowd, "--budget", 10, *args, "--force")
    assert out.read_bytes() == first


def test_one_worker_who_asks(crowd, run):
    done = run("next", crowd, "--budget", 3, "--worker", "w1", "--json", "-p", "round-robin")
    facts = json.loads(done.stdout)
    assert [row["worker"] for row in facts["asked"]] == ["w1"] * 3
    assert [row["gain"] for row in facts["asked"]] == [None] * 3 and facts["unit"] is None


def test_all_tasks_done_is_a_line_and_no_fault(crowd, run):
    done = run("next", crowd, "--budget", 3, "--stop", "answers=2", "--stop", "sure=none")
    assert done.stdout == ""
    assert "all 40 tasks are done: at most 2 answers 40" in done.stderr
    facts = json.loads(run("next", crowd, "-n", 3, "--stop", "answers=2", "--json").stdout)
    assert facts["asked"] == [] and sum(facts["done"].values()) == 40


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--budget", 0], 2, "budget must be above 0 and finite, not 0"),
        (["--budget", "nan"], 2, "budget must be above 0 and finite, not nan"),
        (["--budget", 3, "-s", "MV"], 2, "mutual-information needs skills of workers, which"),
        (["--budget", 3, "-p", "entrop"], 2, "did you mean 'entropy'"),
        (["--budget", 3, "-p", "uniform[sed=1]"], 2, "no option 'sed'"),
        (["--budget", 3, "--stop", "sure"], 2, "--stop: 'sure' is not key=value"),
        (["--budget", 3, "--stop", "sur=1"], 2, "Stop has no option 'sur'"),
        (
            ["--budget", 3, "-p", "entropy", "-s", "MV", "--stop", "hopeless=.01"],
            2,
            "hopeless needs",
        ),
        (["--budget", 3, "--cost", "price"], 2, "--cost is a column of --workers or --tasks"),
        (["--budget", 3, "--workers", "no.csv"], 3, "no.csv: no such file"),
        (["--budget", 3, "--worker", "eva", "--workers", "w.csv"], 3, "w.csv: no such file"),
        (["--budget", 3, "-o", "next.txt"], 2, "next.txt: the name must end in"),
        (["--budget", 3, "--spreadsheet-safe"], 2, "is for tables of CSV; none is written"),
    ],
)
def test_bad_input_is_one_line(crowd, run, tmp_path, args, code, message):
    done = run("next", crowd, *args, code=code, cwd=tmp_path)
    assert message in done.stderr.splitlines()[-1] and done.stdout == ""
    assert not list(tmp_path.glob("next*"))


def test_costs_capacities_and_pairs_of_files(crowd, run, tmp_path):
    """``--cost`` of workers and tasks, ``--per-worker`` of a column, ``--allowed``."""
    (tmp_path / "workers.csv").write_text("worker,price,most\nw0,1,1\nw1,2,2\nw4,2.5,0\n")
    tasks = "".join(f"t{i},{1 + i % 2}\n" for i in range(40)) + "fresh,3\n"
    (tmp_path / "tasks.csv").write_text("task,price\n" + tasks)
    args = ["--workers", tmp_path / "workers.csv", "--tasks", tmp_path / "tasks.csv"]
    args += ["--cost", "price", "--per-worker", "most", "-p", "round-robin", "--json"]
    done = run("next", crowd, "--budget", 50, *args)
    facts = json.loads(done.stdout)
    asked = facts["asked"]
    assert "1 more task without an answer" in done.stderr and facts["n_tasks"] == 41
    assert sorted(row["worker"] for row in asked) == ["w0", "w1", "w1"]
    assert {"fresh"} <= {row["task"] for row in asked}
    price = {"w0": 1, "w1": 2}
    for row in asked:
        times = 3 if row["task"] == "fresh" else 1 + int(row["task"][1:]) % 2
        assert row["cost"] == price[row["worker"]] * times
    (tmp_path / "pairs.csv").write_text("task,worker\nfresh,w1\nt3,w2\n")
    allowed = [*args, "--allowed", tmp_path / "pairs.csv"]
    asked = json.loads(run("next", crowd, "--budget", 50, *allowed).stdout)["asked"]
    assert [(row["task"], row["worker"]) for row in asked] == [("fresh", "w1")]
    forbidden = [*args, "--forbidden", tmp_path / "pairs.csv"]
    asked = json.loads(run("next", crowd, "--budget", 50, *forbidden).stdout)["asked"]
    assert ("fresh", "w1") not in {(row["task"], row["worker"]) for row in asked} and len(
        asked
    ) == 3


def test_new_workers_are_probed_with_gold(crowd, run, tmp_path):
    (tmp_path / "gold.csv").write_text("task,label\nt1,0\nt2,1\nnew,1\n")
    args = ["--gold", tmp_path / "gold.csv", "--probes", 2, "--worker", "eve"]
    facts = json.loads(run("next", crowd, "--budget", 9, *args, "--json").stdout)
    assert [row["reason"] for row in facts["asked"]] == ["label known, worker new"] * 2
    assert facts["done"]["label known"] == 3
    assert {row["task"] for row in facts["asked"]} <= {"t1", "t2", "new"}


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """Probabilities of a classifier, also of two images that nobody has answered."""
    rng = np.random.default_rng(0)
    rows = "".join(f"t{i},{p:.3f},{1 - p:.3f}\n" for i, p in enumerate(rng.random(40)))
    path = tmp_path / "p.csv"
    path.write_text("task,p_0,p_1\n" + rows + "u1,.51,.49\nu2,.98,.02\n")
    return path


def test_activelab_with_a_classifier(crowd, run, predicted):
    args = ["-p", "activelab", "--probabilities", predicted, "--worker", "w0", "--worker", "w9"]
    done = run("next", crowd, "--budget", 84, *args, "--json")
    facts = json.loads(done.stdout)
    order = [row["task"] for row in facts["asked"]]
    assert order.index("u1") < order.index("u2") and facts["n_tasks"] == 42
    reason = facts["asked"][order.index("u1")]["reason"]
    assert reason.startswith("label 0.5") and "sure with the classifier, 0 answers" in reason
    assert "2 more tasks without an answer" in done.stderr
    more = run("next", crowd, "--budget", 84, *args, "--probabilities", predicted, "--json")
    assert {row["task"] for row in json.loads(more.stdout)["asked"]} == set(order)
    # The strategy takes them, too.
    args = ["-p", "entropy", "-s", "crowdlab", "--probabilities", predicted, "--json"]
    assert json.loads(run("next", crowd, "--budget", 3, *args).stdout)["strategy"] == "crowdlab"


def test_images_that_nobody_has_answered_are_tasks(crowd, run):
    (crowd / "train" / "x").mkdir(parents=True)
    for name in ("cat-t1", "cat-n1", "cat-n2"):
        (crowd / "train" / "x" / f"{name}.png").write_bytes(b"\x89PNG")
    done = run("next", crowd, "--budget", 2, "--worker", "w3", "--json")
    assert {row["task"] for row in json.loads(done.stdout)["asked"]} == {"n1", "n2"}
    assert "2 more tasks without an answer" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["-p", "activelab"], 2, "activelab needs what a classifier says of the tasks"),
        (["--probabilities", "{p}"], 2, "--probabilities is for the policy activelab, or for -s"),
        (["-p", "activelab", "--probabilities", "no.csv"], 3, "no.csv: no such file"),
        (["-p", "activelab", "--probabilities", "{bad}"], 3, "of task 't3' does not sum to 1"),
        (["--per-worker", "most"], 2, "--per-worker: 'most' is no number; for a column, give"),
        (["--per-worker", "0"], 2, "--per-worker must be at least 1, not 0"),
        (["--workers", "{w}", "--cost", "pay"], 2, "--cost: no column 'pay' in"),
        (["--workers", "{w}", "--per-worker", "mots"], 3, "mots"),
        (["--workers", "{w}", "--worker", "w8"], 2, "--worker: 'w8' is not in"),
        (["--allowed", "{w}"], 3, "task"),
        (["--gold", "no.csv"], 3, "no.csv: no such file"),
        (["--tasks", "no.csv"], 3, "no.csv: no such file"),
    ],
)
def test_bad_files_are_one_line(crowd, run, tmp_path, predicted, args, code, message):
    (tmp_path / "w.csv").write_text("worker,price\nw0,1\n")
    (tmp_path / "bad.csv").write_text(predicted.read_text().replace("t3,0", "t3,1"))
    names = {"{p}": predicted, "{w}": tmp_path / "w.csv", "{bad}": tmp_path / "bad.csv"}
    done = run("next", crowd, "--budget", 3, *(names.get(a, a) for a in args), "-o", "next.csv",
               code=code, cwd=tmp_path)  # fmt: skip
    assert message in done.stderr.splitlines()[-1] and done.stdout == ""
    assert not (tmp_path / "next.csv").exists()


def test_the_check_decides_whose_probabilities_count(crowd, run, tmp_path):
    done = run("next", crowd, "--budget", 5)
    assert "one-coin passes the check" in done.stderr or "decides, tempered" in done.stderr
    facts = json.loads(run("next", crowd, "--budget", 5, "--json").stdout)
    assert facts["check"]["sentence"] in done.stderr
    for none in (("--check", "none"), ("--stop", "sure=none")):
        facts = json.loads(run("next", crowd, "--budget", 5, "--json", *none).stdout)
        assert facts["check"] is None
    run("check", crowd, "--replicates", "19", "-o", tmp_path / "out")
    stored = tmp_path / "out" / "check.json"
    facts = json.loads(run("next", crowd, "--budget", 5, "--check", stored, "--json").stdout)
    assert facts["check"]["passed"] is json.loads(stored.read_text())["passed"]
    done = run("next", crowd, "--budget", 5, "--check", stored, "-s", "GLAD", code=3)
    assert "one of one-coin, not of glad" in done.stderr
    stored.write_text("[]")
    assert "not a check.json" in run("next", crowd, "-n", 5, "--check", stored, code=3).stderr
