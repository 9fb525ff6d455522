"""``peerannot budget`` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.tables_of_crowds import write_tables


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A table of answers and one of truth: 30 tasks, four answers each of eight workers."""
    return write_tables(tmp_path, seed=1, per_task=4, least=0.55, rise=0.04)


def test_a_sentence_and_a_table(crowd, run):
    args = [crowd / "answers.csv", "--truth", crowd / "truth.csv", "--seeds", 2, "--price", 0.05]
    done = run("budget", *args, "--target-accuracy", 0.9)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert "thinning" in lines[0] and "mutual-information" in lines[0]
    assert "with 120 answers; 0.9 needs" in lines[-1]
    facts = json.loads(run("budget", *args, "--target-accuracy", 0.9, "--json").stdout)
    assert facts["schema"] == "peerannot/budget/1"
    assert facts["sentence"] == lines[-1] and facts["n_truth"] == 30


def test_curves_and_figure_in_files(crowd, run):
    pytest.importorskip("matplotlib")
    args = ["budget", crowd / "answers.csv", "--seeds", 2, "-p", "entropy", "--more", 40]
    args += ["-o", crowd / "curves.csv", "--figure", crowd / "curves.svg"]
    done = run(*args)
    assert "calibrated by held-out answers" in done.stderr
    with (crowd / "curves.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["by", "more", "cost", "accuracy", "low", "high"]
    assert "</svg>" in (crowd / "curves.svg").read_text()
    assert "exists already" in run(*args, code=2).stderr


def test_bad_input_is_one_line(crowd, run):
    (crowd / "other.csv").write_text("task,label\nx1,0\nx2,1\n")
    once = ["task,worker,label", *(f"t{t},w{t % 3},{t % 2}" for t in range(9))]
    (crowd / "once.csv").write_text("\n".join(once) + "\n")
    answers = crowd / "answers.csv"
    for args, code, text in (
        ([answers, "--truth", crowd / "other.csv"], 3, "other.csv"),
        ([answers, "--more", 0], 2, "--more"),
        ([answers, "--target-accuracy", 1.5], 2, "--target-accuracy"),
        ([answers, "-p", "nosuch"], 2, "nosuch"),
        ([crowd / "once.csv"], 3, "no task has two"),
        ([answers, "--figure", crowd / "a.gif"], 2, "a.gif"),
    ):
        done = run("budget", *args, code=code)
        assert any(text in line for line in done.stderr.splitlines())
        assert "Traceback" not in done.stderr and done.stdout == ""
