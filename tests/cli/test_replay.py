"""``peerannot replay`` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.tables_of_crowds import write_tables


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A table of answers and one of truth: 30 tasks, five answers each of eight workers."""
    return write_tables(tmp_path, seed=0, per_task=5, least=0.6, rise=0.05)


def test_a_row_a_policy_and_chance_beside_them(crowd, run):
    args = [crowd / "answers.csv", "--truth", crowd / "truth.csv", "-p", "QASCA", "--seeds", 2]
    done = run("replay", *args)
    lines = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert lines[0] == "policy" and lines[2:] == ["expected-accuracy", "uniform"]
    assert "one-coin with all 150 answers" in done.stderr
    facts = json.loads(run("replay", *args, "--json").stdout)
    assert facts["schema"] == "peerannot/replay/1"
    assert [row["policy"] for row in facts["policies"]] == ["expected-accuracy", "uniform"]
    assert facts["n_answers"] == facts["answers"][-1] == 150


def test_curves_and_figure_in_files(crowd, run):
    pytest.importorskip("matplotlib")
    args = [crowd / "answers.csv", "--truth", crowd / "truth.csv", "--seeds", 1]
    args += ["-o", crowd / "curves.csv", "--figure", crowd / "curves.svg"]
    run("replay", *args)
    with (crowd / "curves.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["policy", "seed", "answers", "accuracy", "expected", "done"]
    assert "</svg>" in (crowd / "curves.svg").read_text()
    assert "exists already" in run("replay", *args, code=2).stderr


def test_a_classifier_is_read_from_a_file(crowd, run):
    rows = ["task,p_0,p_1", *(f"t{t},0.{3 + t % 5},0.{7 - t % 5}" for t in range(30))]
    (crowd / "said.csv").write_text("\n".join(rows) + "\n")
    args = ["replay", crowd / "answers.csv", "--truth", crowd / "truth.csv", "-p", "activelab"]
    done = run(*args, "--probabilities", crowd / "said.csv", "--seeds", 1)
    assert "activelab" in done.stdout
    assert "--probabilities FILE" in run(*args, code=2).stderr
    (crowd / "said.csv").write_text("\n".join(rows[:-1]) + "\n")
    assert "said.csv" in run(*args, "--probabilities", crowd / "said.csv", code=3).stderr


def test_bad_input_is_one_line(crowd, run):
    (crowd / "other.csv").write_text("task,label\nx1,0\nx2,1\n")
    args = ["replay", crowd / "answers.csv", "--truth"]
    for extra, code, text in (
        ([crowd / "other.csv"], 3, "other.csv"),
        ([crowd / "truth.csv", "-p", "nosuch"], 2, "nosuch"),
        ([crowd / "truth.csv", "--start", 5], 3, "--start"),
        ([crowd / "truth.csv", "--stop", "sure=2"], 2, "sure"),
        ([crowd / "truth.csv", "--figure", crowd / "a.gif"], 2, "a.gif"),
        ([crowd / "truth.csv", "-o", crowd / "no" / "curves.csv", "-p", "nosuch"], 2, "nosuch"),
    ):
        done = run(*args, *extra, code=code)
        errors = [line for line in done.stderr.splitlines() if text in line]
        assert errors and "Traceback" not in done.stderr and done.stdout == ""
    assert not (crowd / "a.gif").exists()
