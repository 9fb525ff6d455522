"""``peerannot check``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from helpers.misfits import coin_crowd


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    """Odd workers know one class better than the other."""
    answers, _ = coin_crowd(60, 8, 8, seed=1, biased=0.25, skill=(0.6, 0.8))
    path = tmp_path / "votes.csv"
    pl.DataFrame(
        {"task": answers.task, "worker": answers.worker, "label": answers.label}
    ).write_csv(path)
    return path


def test_table_and_sentences(votes, run):
    done = run("check", str(votes), "--replicates", "39")
    lines = done.stdout.splitlines()
    assert lines[1].split() == [
        "statistic", "assumption", "observed", "replicates", "p", "corrected",
    ]  # fmt: skip
    assert any(line.startswith("Skills are not as one-coin has them") for line in lines)
    assert lines[-1].startswith("one-coin ")
    assert "worst workers: " in done.stderr
    assert "480 answers to 60 tasks; 39 replicates" in done.stderr


def test_json_and_files(votes, run, tmp_path):
    out = tmp_path / "out"
    done = run("check", str(votes), "--replicates", "19", "-o", str(out), "--json")
    facts = json.loads(done.stdout)
    assert facts["schema"] == "peerannot/check/1"
    assert {a["name"] for a in facts["assumptions"]} == {"difficulty", "dependence", "skill"}
    assert [Path(f).name for f in facts["files"]] == [
        "check.json", "check_statistics.csv", "check_tasks.csv", "check_pairs.csv",
        "check_workers.csv", "check.png",
    ]  # fmt: skip
    assert all((out / Path(f).name).is_file() for f in facts["files"])
    tasks = pl.read_csv(out / "check_tasks.csv")
    assert tasks.height == 60 and np.all(np.diff(tasks["score"].to_numpy()) <= 0)
    assert (out / "check.png").read_bytes()[:4] == b"\x89PNG"
    saved = json.loads((out / "check.json").read_text())
    assert saved["statistics"] == facts["statistics"]


def test_strict_has_a_code_of_its_own(votes, run):
    given = ("check", str(votes), "--replicates", "19", "--level", "0.2", "--tolerance", "0")
    done = run(*given, "--strict", code=7)
    assert done.stderr.splitlines()[-1].startswith("Error: one-coin does not fit (")
    assert "one-coin fails: " in done.stdout
    run(*given)


def test_folder_and_options(tmp_path, run):
    answers, _ = coin_crowd(20, 5, 4)
    mapping: dict[str, dict[str, int]] = {}
    for i, j, y in zip(answers.task, answers.worker, answers.label, strict=True):
        mapping.setdefault(str(i), {})[str(j)] = int(y)
    (tmp_path / "answers.json").write_text(json.dumps(mapping))
    (tmp_path / "metadata.json").write_text('{"name": "n", "n_classes": 2}')
    done = run("check", str(tmp_path), "-s", "DS[max_iter=50]", "-P", "tol=1e-5",
               "--replicates", "19", "--json")  # fmt: skip
    assert json.loads(done.stdout)["strategy"] == "dawid-skene"
    done = run("check", str(tmp_path), "-s", "MV", code=2)
    assert "majority-vote has no model of answers that could be checked" in done.stderr
    done = run("check", str(tmp_path), "--replicates", "5", code=2)
    assert "19" in done.stderr
