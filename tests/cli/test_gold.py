"""``peerannot aggregate --gold``: known labels from a file."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

VOTES = "task,worker,label\na,w1,cat\na,w2,dog\nb,w1,dog\nb,w2,dog\nc,w1,cat\nc,w2,dog\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "votes.csv").write_text(VOTES)
    (tmp_path / "gold.csv").write_text("task,label\na,cat\nz,dog\n")
    return tmp_path


def test_known_labels_stay_fixed(folder, run):
    done = run("aggregate", "votes.csv", "-s", "MV", "--gold", "gold.csv", "-o", "out.csv",
               cwd=folder)  # fmt: skip
    assert "1 of its tasks have no answers" in done.stderr
    table = pl.read_csv(folder / "out.csv")
    assert table["label"][0] == "cat"
    assert table["confidence"].to_list() == [1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gold.csv", "task,label\na,cat\na,dog\nb,dog\n"),
        ("gold.json", '{"a": ["cat", "dog"], "b": "dog"}'),
    ],
)
def test_of_several_labels_any_is_right(folder, run, name, content):
    (folder / name).write_text(content)
    done = run(
        "aggregate", "votes.csv", "-s", "GoldMV", "--gold", name, "-o", "out.csv", cwd=folder
    )
    assert "1 tasks have several labels; any of them counts as right" in done.stderr
    table = pl.read_csv(folder / "out.csv")
    # Both workers are right about a, w2 and w1 about b: a is left to their equal votes.
    assert table["confidence"].to_list() == [0.5, 1.0, 0.5]
    done = run("evaluate", "votes.csv", "-s", "MV", "--truth", name, "--json", cwd=folder)
    scored = json.loads(done.stdout)
    assert (scored["n_truth"], scored["n_truth_of_several_labels"]) == (2, 1)
    assert scored["results"][0]["accuracy"] == 1.0
    done = run("compare", "votes.csv", "-s", "MV", "--truth", name, cwd=folder)
    assert f"{name}: 1 of its tasks have several labels, any of which is right" in done.stderr


def test_a_strategy_without_gold_says_so(folder, run):
    done = run("aggregate", "votes.csv", "-s", "KOS", "--gold", "gold.csv", cwd=folder, code=2)
    assert done.stderr.splitlines()[-1] == "Error: kos cannot use gold labels"


def test_a_wrong_label_has_its_line(folder, run):
    (folder / "gold.csv").write_text("task,label\na,cta\n")
    done = run("aggregate", "votes.csv", "-s", "MV", "--gold", "gold.csv", cwd=folder, code=3)
    assert "gold.csv line 2: label 'cta' is not one of cat, dog; did you mean 'cat'?" in done.stderr


def test_gold_of_a_state_grows(tmp_path, run):
    (tmp_path / "metadata.json").write_text('{"name": "toy", "n_classes": 2}')
    (tmp_path / "answers.json").write_text('{"0": {"0": 0, "1": 1}, "1": {"0": 1, "1": 0}}')
    (tmp_path / "first.json").write_text('{"0": 0}')
    run("aggregate", ".", "-s", "MV", "--gold", "first.json", "--save-state", cwd=tmp_path)
    (tmp_path / "new.json").write_text('{"2": {"0": 0, "1": 1}}')
    # Of a task of the state, and of a new one.
    (tmp_path / "more.json").write_text('{"1": 1, "2": 0}')
    run("aggregate", ".", "-s", "MV", "--gold", "more.json", "--update", "new.json", cwd=tmp_path)
    table = pl.read_csv(tmp_path / "labels" / "labels_toy_MV.csv")
    assert table["label"].to_list() == [0, 1, 0]
    assert table["confidence"].to_list() == [1.0, 1.0, 1.0]
