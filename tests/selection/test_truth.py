"""Known labels from files as people have them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from peerannot.answers import Answers
from peerannot.errors import DataError
from peerannot.selection import read_truth

VOTES = Answers.from_arrays(["a", "b", "c"], ["w"] * 3, ["1", "2", "3"])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("filename,rating\na,1\nb,2\n", {"task_col": "filename"}),
        ("image,truth\na,1\nb,2\n", {"task_col": "filename"}),
        ("x,task,stars\n0,a,1\n0,b,2\n", {"label_col": "stars"}),
        ("task,label\na,1\nb,2\nc,NA\n", {}),
        ("task,label\na,1.0\nb,2.0\nc,\n", {}),
    ],
)
def test_tables_of_truth(tmp_path, text, options):
    (tmp_path / "t.csv").write_text(text)
    known = read_truth(tmp_path / "t.csv", VOTES, **options)
    assert known.codes.tolist() == [0, 1, -1]
    assert known.missing == text.count("\nc,")


def test_arrays_of_floats_and_numbers_above_the_positions(tmp_path):
    np.save(tmp_path / "t.npy", [0.0, np.nan, -1.0])
    assert read_truth(tmp_path / "t.npy", VOTES).codes.tolist() == [0, -1, -1]
    np.save(tmp_path / "t.npy", [1.0, 2.0, np.nan])
    with pytest.raises(DataError, match=r"t.npy row 1: label 1 may be .* --labels names"):
        read_truth(tmp_path / "t.npy", VOTES)
    np.save(tmp_path / "t.npy", [1, 2, 3])
    with pytest.raises(DataError, match=r"t.npy row 3: label 3 .* name of one; give --labels"):
        read_truth(tmp_path / "t.npy", VOTES)
    assert read_truth(tmp_path / "t.npy", VOTES, labels="names").codes.tolist() == [0, 1, 2]


def test_the_command_asks_and_heeds_labels(tmp_path, run):
    (tmp_path / "v.csv").write_text("task,worker,label\na,x,1\nb,x,2\nc,x,3\n")
    (tmp_path / "t.json").write_text(json.dumps({"a": 1, "b": 2, "c": None}))
    run("import", "v.csv", "--to", "D", cwd=tmp_path)
    for votes in ("v.csv", "D"):
        score = ("evaluate", votes, "--truth", "t.json", "-s", "MV", "--json")
        assert "give --labels codes or" in run(*score, cwd=tmp_path, code=3).stderr
        done = run(*score, "--labels", "names", cwd=tmp_path)
        assert json.loads(done.stdout)["results"][0]["accuracy"] == 1
    gold = ("aggregate", "v.csv", "-s", "MV", "--gold", "t.json")
    assert "give --labels codes or" in run(*gold, cwd=tmp_path, code=3).stderr
    done = run(*gold, "--labels", "names", cwd=tmp_path)
    assert "1 of its tasks have no label" in done.stderr
