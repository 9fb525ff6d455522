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
    done = run("next", crowd, "--budget", 3, "--ask", "w1", "--json", "-p", "round-robin")
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
        (["--budget", 3, "--cost", "price"], 2, "--cost is a column of --workers"),
        (["--budget", 3, "--workers", "no.csv"], 3, "no.csv: no such file"),
        (["--budget", 3, "--ask", ","], 3, "there is nobody to ask"),
        (["--budget", 3, "-o", "next.txt"], 2, "next.txt: the name must end in"),
        (["--budget", 3, "--spreadsheet-safe"], 2, "is for tables of CSV; none is written"),
    ],
)
def test_bad_input_is_one_line(crowd, run, tmp_path, args, code, message):
    done = run("next", crowd, *args, code=code, cwd=tmp_path)
    assert message in done.stderr.splitlines()[-1] and done.stdout == ""
    assert not list(tmp_path.glob("next*"))
