"""``peerannot aggregate FILE``: a table of votes in, a table of labels out."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from helpers.exports import CASES

CSV = "item,who,what\n1,ann,cat\n1,bob,cat\n2,ann,dog\n10,bob,cat\n"
COLUMNS = ["--task-col", "item", "--worker-col", "who", "--label-col", "what"]


@pytest.fixture
def votes(tmp_path):
    (tmp_path / "votes.csv").write_text(CSV)
    return tmp_path


def test_to_stdout_as_csv(votes, run):
    done = run("aggregate", "votes.csv", *COLUMNS, "-s", "DS", cwd=votes)
    table = pl.read_csv(io.StringIO(done.stdout), infer_schema=False)
    assert table["task"].to_list() == ["1", "2", "10"]
    assert table["label"].to_list() == ["cat", "dog", "cat"]
    assert {"confidence", "n_answers", "entropy", "p_cat", "p_dog"} <= set(table.columns)
    assert "4 answers of 2 workers to 3 tasks" in done.stderr
    assert sorted(p.name for p in votes.iterdir()) == ["votes.csv"]


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.parquet"])
def test_to_files(votes, run, run_process, name):
    args = ["aggregate", "votes.csv", *COLUMNS, "--output", name, "--workers-output", "w.csv"]
    run(*args, cwd=votes)
    path = votes / name
    table = (
        pl.read_parquet(path)
        if name.endswith("parquet")
        else pl.read_csv(path, separator="\t" if name.endswith("tsv") else ",")
    )
    assert table["label"].to_list() == ["cat", "dog", "cat"]
    np.testing.assert_allclose(table["p_cat"] + table["p_dog"], 1)
    assert pl.read_csv(votes / "w.csv")["worker"].to_list() == ["ann", "bob"]
    first = path.read_bytes()
    done = run(*args, cwd=votes, code=2)
    assert "--force" in done.stderr
    run_process(*args, "--force", cwd=votes)
    assert path.read_bytes() == first


def test_hard_leaves_probabilities_out(votes, run):
    run("aggregate", "votes.csv", *COLUMNS, "--hard", "-o", "out.csv", cwd=votes)
    assert "p_cat" not in pl.read_csv(votes / "out.csv").columns


def test_json_and_stdin(votes, run):
    facts = json.loads(run("aggregate", "votes.csv", *COLUMNS, "--json", cwd=votes).stdout)
    assert facts["rows"][1]["label"] == "dog"
    done = subprocess.run(
        [sys.executable, "-m", "peerannot", "aggregate", "-", *COLUMNS],
        input=CSV, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("task,label")


def test_classes(votes, run):
    (votes / "classes.txt").write_text("dog\ncat\nbird\n")
    done = run("aggregate", "votes.csv", *COLUMNS, "--classes", "classes.txt", cwd=votes)
    assert "p_dog,p_cat,p_bird" in done.stdout
    done = run("aggregate", "votes.csv", *COLUMNS, "--classes", "dog,cta", cwd=votes, code=3)
    assert (
        "votes.csv line 2: label 'cat' is not one of dog, cta; did you mean 'cta'?" in done.stderr
    )


def test_usage_errors(votes, run):
    assert "no such folder or file" in run("aggregate", "nothing", cwd=votes, code=2).stderr
    run("aggregate", "votes.csv", *COLUMNS, "-o", "out.xlsx", cwd=votes, code=2)
    run("aggregate", "votes.csv", *COLUMNS, "-s", "auto", "-P", "seed=1", cwd=votes, code=2)
    done = run("aggregate", "votes.csv", cwd=votes, code=3)
    assert "no column for the worker" in done.stderr
    (votes / "metadata.json").write_text('{"name": "d", "n_classes": 2}')
    (votes / "answers.json").write_text('{"0": {"1": 0}}')
    done = run("aggregate", ".", "--task-col", "x", cwd=votes, code=2)
    assert "is for a file of votes" in done.stderr
    run("aggregate", ".", "-o", "out.csv", cwd=votes)
    assert not (votes / "labels").exists()
    assert (votes / "out.csv").exists()


@pytest.mark.parametrize("name", ["sagemaker", "labelme"])
def test_a_folder_that_a_tool_exported_is_read_as_a_file(tmp_path, run, name):
    case = CASES[name]
    for file, content in case.files.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    given = [f"--{key.replace('_', '-')}={value}" for key, value in case.options.items()]
    done = run("aggregate", tmp_path / case.source, *given, "--json")
    told = json.loads(done.stdout)
    assert told["reading"]["format"] == name
    assert told["n_answers"] == 4
